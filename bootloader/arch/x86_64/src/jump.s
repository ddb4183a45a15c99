# Calls the kernel: rdi root frame, rsi stack's end, rdx boot information, rcx entry, r8 what runs if it returns.
#
# Invariants: interrupts are off; this code and the GDT are identity-mapped in both address spaces; the old stack is
# not used after cr3 changes, the new one not before. EFER.NXE goes on before the tables, which hold NX bits, are used.
.section .low.enter_kernel, "awx"
.code64
.global enter_kernel
enter_kernel:
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
    mov cr3, rdi
    mov rsp, rsi
    # An IDT with limit 0. The ten bytes are on the new stack and are popped again.
    push 0
    push 0
    lidt [rsp]
    add rsp, 16
    xor eax, eax
    mov ss, eax
    mov rdi, r9
    xor ebp, ebp
    # The return address is `returned`: the stack is one word below a whole page, as after any call.
    push r8
    jmp r10
