# The segment descriptors of a loader, and those of a kernel until it loads its own.
#
# The link script puts them to one address, behind the stage's header. The accessed bits are set: the processor must not
# write here once a kernel's tables make it read-only.
.section .gdt, "aw"
.balign 8
.global gdt_start
gdt_start:
    .quad 0
    .quad 0x00AF9B000000FFFF     # 08h: 64-bit code
    .quad 0x00CF93000000FFFF     # 10h: data
    .quad 0x00009B000000FFFF     # 18h: 16-bit code
    .quad 0x000093000000FFFF     # 20h: data with real mode's limit
.global task_descriptor
task_descriptor:
    .word task_end - task - 1    # 28h: the task state of exceptions.s, whose address load_exceptions fills in
    .word 0
    .byte 0, 0x89, 0, 0          # present, an available 64-bit TSS
    .quad 0
    .quad 0x00CF9B000000FFFF     # 38h: 32-bit code, by way of which five levels of page tables are left
gdt_end:
# Each address on a quadword, as the sum over an EFI program's constants has it (uefi/src/seal.rs).
    .balign 8
    .word 0, 0, 0
.global gdt_pointer
gdt_pointer:
    .word gdt_end - gdt_start - 1
    .quad gdt_start
# The first three for the kernel, with the limits that upstream's loaders give.
    .balign 8
    .word 0, 0, 0
.global gdt_pointer_09
gdt_pointer_09:
    .word 3 * 8 + 2
    .quad gdt_start
    .balign 8
    .word 0, 0, 0
.global gdt_pointer_011
gdt_pointer_011:
    .word 3 * 8 - 1
    .quad gdt_start
