# The interrupt descriptor table of the loader, and its 32 stubs: each exception becomes a sentence, on a stack of its own.
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
    .byte 1, 0x8E                # the first stack of the task state; present, interrupt gate
    .word 0
    .quad 0
    .set vector, vector + 1
.endr
idt_end:
.global idt_pointer
idt_pointer:
    .word idt_end - idt - 1
    .quad idt

# The task state, of which nothing counts but the stack for exceptions: that of the loader may be what is at fault.
.balign 8
.global task
task:
    .long 0
    .quad 0, 0, 0                # stacks of other privileges
    .quad 0
    .quad {EXCEPTION_STACK_END}
    .quad 0, 0, 0, 0, 0, 0
    .quad 0
    .word 0, task_end - task     # no map of ports
.global task_end
task_end:
