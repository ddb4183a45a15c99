# The steps to 64-bit mode that are the same from real mode and from 32-bit mode: macros, in the order of their use.
#
# A loader assembles this file in front of its own, in one global_asm!. What differs stays there: whether there is CPUID
# at all, what cr0 held, and the far jump, whose size is that of the mode that it leaves.

# Sets the carry flag if the processor has a 64-bit mode, clears it if not; jumps to `absent` if CPUID cannot say.
.macro ask_for_long_mode absent
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb \absent
    mov eax, 0x80000001
    cpuid
    bt edx, 29
.endm

# Writes the three tables that map the first 2 MiB; Rust maps the rest. They begin at `tables`, in `segment` where one
# is given; es:edi points there as well. In real mode edi and ecx are di and cx: `counter` says which.
.macro write_first_tables counter, tables, segment
    xor eax, eax
    mov \counter, 3 * 1024
    rep stosd
    mov dword ptr \segment[\tables], {LOADER_TABLES_ADDRESS} + 0x1000 + 3
    mov dword ptr \segment[\tables + 0x1000], {LOADER_TABLES_ADDRESS} + 0x2000 + 3
    mov dword ptr \segment[\tables + 0x2000], 0x83
.endm

# All that paging waits for. It begins, and 64-bit mode with it, where the program sets PG.
.macro prepare_paging
    lgdt [gdt_pointer]
    mov eax, 1 << 5              # PAE, and nothing else
    mov cr4, eax
    mov eax, {LOADER_TABLES_ADDRESS}
    mov cr3, eax
    mov ecx, 0xC0000080          # EFER
    mov eax, 1 << 8              # LME
    xor edx, edx
    wrmsr
.endm

# Loads every segment register but cs, by way of `register`, which is ax or eax.
.macro load_data_segments register, selector
    mov \register, \selector
    mov ds, \register
    mov es, \register
    mov fs, \register
    mov gs, \register
    mov ss, \register
.endm

# Loads the IDT, whose exceptions have a stack by the task state. That one is marked as busy when it is loaded, and may
# not be busy then: a BIOS that ran in between does not take it out. It lies below 64 KiB.
.macro load_exceptions
    mov word ptr [task_descriptor + 2], offset task
    mov byte ptr [task_descriptor + 5], 0x89
    mov eax, {TASK}
    ltr ax
    lidt [idt_pointer]
.endm
