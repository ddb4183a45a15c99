# The interrupt descriptor table of the loader, and its 32 stubs: each exception becomes a sentence.
#
# All addresses are below 64 KiB, so that the assembler can write whole descriptors: link scripts keep .low there.
.section .low.exceptions, "awx"
.code64
.balign 8
stubs:
.set vector, 0
.rept 32
    .balign 8
    push vector
    jmp exception
    .set vector, vector + 1
.endr
exception:                       # on the stack: vector, for some an error code, rip, cs, rflags, rsp, ss
    cld
    mov rdi, rsp
    and rsp, -16
    call {EXCEPTION}

.balign 8
idt:
.set vector, 0
.rept 32
    .word stubs + vector * 8
    .word {CODE_64}
    .byte 0, 0x8E                # no stack of its own; present, interrupt gate
    .word 0
    .quad 0
    .set vector, vector + 1
.endr
idt_end:
.global idt_pointer
idt_pointer:
    .word idt_end - idt - 1
    .quad idt
