# From the firmware's page tables to the loader's: rdi what cr3 gets, rsi the loader's top level of four, rdx the end of
# its stack, rcx where the copy of on_own_tables lies, r8 what goes on there.
#
# Invariants: interrupts are off, and the firmware's services have ended. The image is mapped to itself in both address
# spaces; the copy and the stack lie below 4 GiB. Nothing is written through the firmware's tables, and none of theirs
# is edited: they may be read-only.
.section .text.leave_firmware, "ax"
.code64
.global leave_firmware
leave_firmware:
    mov r9, rdx
    mov r10, rcx
    mov ecx, 0xC0000080          # EFER: LMA, LME and NXE, as a BIOS's loader has it
    mov eax, 0xD00
    xor edx, edx
    wrmsr
    mov rax, cr4                 # all off but PAE and LA57: global pages, CET, PCIDs, SMEP, SMAP
    and eax, (1 << 5) | (1 << 12)
    mov cr4, rax
    mov cr3, rdi
    mov rsp, r9
    jmp r10

# Runs as a copy in the page of the jumps: the GDT is beside it.
.section .low.leave_firmware, "ax"
.code64
.global on_own_tables
on_own_tables:
    lgdt [rip + gdt_pointer]
    mov eax, {DATA_64}
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov rax, cr4
    bt eax, 12                   # five levels of page tables, which only 32-bit mode without paging can leave
    jc five_levels
    mov eax, 0x80000011          # PG, ET, PE
    mov cr0, rax
    push {CODE_64}
    lea rax, [rip + on_four_levels]
    push rax
    retfq
five_levels:
    push r8                      # registers lose their upper halves on the way
    lea rbx, [rip + in_64_bits_again]
    push {CODE_32}
    lea rax, [rip + without_paging]
    push rax
    retfq
.code32
without_paging:
    mov eax, 0x00000011
    mov cr0, eax
    mov eax, 1 << 5              # PAE
    mov cr4, eax
    mov cr3, esi
    mov eax, 0x80000011
    mov cr0, eax
    push {CODE_64}
    push ebx
    retf
.code64
in_64_bits_again:
    mov esp, esp
    pop r8
on_four_levels:
    mov eax, {TASK}              # marked as busy by this, once
    ltr ax
    xor ebp, ebp
    call r8

# The task state: exceptions get the first stack in it, whose end Rust fills in.
.balign 8
.global own_task
own_task:
    .zero 104

# Exceptions once the firmware is gone: its handlers are for its own segments. As in exceptions.s, but for the table,
# which Rust fills because these addresses are known only now.
.section .text.exception_stubs, "ax"
.code64
.balign 8
.global exception_stubs
exception_stubs:
.set vector, 0
.rept 32
    .balign 8
    push vector
    jmp any_exception
    .set vector, vector + 1
.endr
any_exception:                   # on the stack: vector, for some an error code, rip, cs, rflags, rsp, ss
    cld
    mov rdi, rsp
    and rsp, -16
    call {EXCEPTION}
