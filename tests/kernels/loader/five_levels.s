# From four levels of page tables to five, by way of 32-bit mode: rdi the new top level, rsi a page below 1 MiB for the
# code. What the firmware had, its segments and its stack, is as before afterwards.
.section .text.go_to_five_levels, "ax"
.code64
.global go_to_five_levels
go_to_five_levels:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    pushfq
    cli
    sub rsp, 32
    sgdt [rsp]
    mov r8, cs
    lea rax, [rip + in_image_again]
    jmp rsi
in_image_again:
    add rsp, 32
    popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

.global five_levels_start
five_levels_start:
    mov [rsi + 0xE00], rsp       # slots at the page's end: registers lose their upper halves
    mov [rsi + 0xE08], rax
    mov [rsi + 0xE10], r8
    mov eax, ss
    mov [rsi + 0xE18], eax
    lea rax, [rip + descriptors]
    mov [rsi + 0xE22], rax
    mov word ptr [rsi + 0xE20], 31
    lgdt [rsi + 0xE20]
    lea rsp, [rsi + 0xDF0]
    mov rbx, rsi
    mov eax, 0x10
    mov ss, eax
    mov ds, eax
    mov es, eax
    lea rcx, [rip + in_five_levels]
    lea rax, [rip + without_any]
    push 0x18
    push rax
    retfq
.code32
without_any:
    mov eax, cr0
    and eax, 0x7FFFFFFF
    mov cr0, eax
    mov eax, cr4
    or eax, 1 << 12              # LA57
    mov cr4, eax
    mov cr3, edi
    push 8
    push ecx
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    retf
.code64
in_five_levels:
    mov rsp, [rbx + 0xE00]
    lgdt [rsp]
    mov eax, [rbx + 0xE18]
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov r8, [rbx + 0xE10]
    mov rax, [rbx + 0xE08]
    push r8
    push rax
    retfq
.balign 8
descriptors:
    .quad 0
    .quad 0x00AF9B000000FFFF     # 08h: 64-bit code
    .quad 0x00CF93000000FFFF     # 10h: data
    .quad 0x00CF9B000000FFFF     # 18h: 32-bit code
.global five_levels_end
five_levels_end:
