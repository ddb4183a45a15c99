# Ports, for whoever does not like inline assembly.
    .section .text.port_out8, "ax", @progbits
    .globl port_out8
port_out8:                              # (port: u16, byte: u8)
    movw %di, %dx
    movb %sil, %al
    outb %al, %dx
    ret

    .section .text.port_out32, "ax", @progbits
    .globl port_out32
port_out32:                             # (port: u16, value: u32)
    movw %di, %dx
    movl %esi, %eax
    outl %eax, %dx
    ret

    .section .note.GNU-stack, "", @progbits
