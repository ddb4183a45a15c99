# The jumps into a kernel: rdi root frame, rsi stack's end, rdx argument, rcx address; r8 whether SSE is on.
#
# Invariants: interrupts are off; this code and the GDT are identity-mapped in both address spaces; the old stack is
# not used after cr3 changes, the new one not before. EFER.NXE goes on before the tables, which hold NX bits, are used.
# Nothing here names an address: where the BIOS's place is not to be had, code and GDT run as a copy elsewhere.
.section .low.enter_kernel, "awx"
.code64

# Leaves the loader's address space, with the GDT that `table` points to: argument in rdi, address in r10, and the new
# stack. No register holds a secret.
.macro leave_loader table
    push 0x2                     # every flag that can be off is: interrupts, direction, what CPUID's test left
    popfq
    mov r9, rdx
    mov r10, rcx
    mov ecx, 0xC0000080          # EFER
    rdmsr
    or eax, 1 << 11              # NXE
    wrmsr
    mov rax, cr0
    or eax, 1 << 16              # WP
    mov cr0, rax
    lgdt [rip + \table]
    mov cr3, rdi
    mov rsp, rsi
    # An IDT with limit 0. The ten bytes are on the new stack and are popped again.
    push 0
    push 0
    lidt [rsp]
    add rsp, 16
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov rdi, r9
    xor ebp, ebp
.endm

# bootloader 0.9: called, so that the stack is one word below a whole page; ss is 0.
.global call_kernel
call_kernel:
    test r8, r8
    jz sse_is_left
    mov rax, cr0
    and eax, ~(1 << 2)           # EM
    or eax, 1 << 1               # MP
    mov cr0, rax
    mov rax, cr4
    or eax, 3 << 9               # OSFXSR, OSXMMEXCPT
    mov cr4, rax
sse_is_left:
    leave_loader gdt_pointer_09
    mov ss, eax
    lea rax, [rip + kernel_returned]
    push rax
    xor eax, eax
    jmp r10

# bootloader 0.11: jumped to, with a zero where a return address would be.
.global jump_to_kernel
jump_to_kernel:
    leave_loader gdt_pointer_011
    push 0
    jmp r10

# Where a called kernel returns to, in its own address space: only this page of the loader is mapped for sure.
kernel_returned:
    cli
    cld
    mov rax, [rip + way_back]
    mov cr3, rax
    mov rsp, [rip + way_back + 8]
    lgdt [rip + gdt_pointer]
    call [rip + way_back + 16]

# The loader's tables, its stack's end, and the function that tells of the return: written before the jump.
.balign 8
.global way_back
way_back:
    .quad 0, 0, 0
