# The stage's head and its way between 64-bit mode and the BIOS.
#
# Real mode is left at once; everything else is Rust, which calls the BIOS through bios_thunk. All of this, and what it
# names, lies below STAGE_LOW_END, so that addresses fit 16 bits. Real mode's stack ends at 0x7C00; Rust has its own.
.section .stage_header, "awx"
.code16
.global stage_entry
stage_entry:
    jmp enter_stage
    .org {STAGE_MAGIC_OFFSET}
    .quad {STAGE_MAGIC}
# loader.py fills in sectors, checksum and build id.
    .org {STAGE_HEADER_SIZE}

.section .stage_code, "awx"

# Entered by the boot sector in real mode with cs and ss 0 and the stack below 0x7C00; the drive is in its memory.
enter_stage:
    push cs
    pop ds
    push cs
    pop es
    pushfd                       # CPUID is there when the flag ID can be changed
    pop eax
    mov ecx, eax
    xor eax, 1 << 21
    push eax
    popfd
    pushfd
    pop eax
    xor eax, ecx
    jz no_long_mode
    ask_for_long_mode no_long_mode
    jc has_long_mode
no_long_mode:
    mov si, offset {NO_LONG_MODE}
    jmp say_and_wait

has_long_mode:
    mov eax, cr4                 # each call of the BIOS finds these as it left them: some use SSE
    mov [bios_cr4], eax
    mov ecx, 0xC0000080          # EFER
    rdmsr
    mov [bios_efer], eax
    mov [bios_efer + 4], edx
    push {LOADER_TABLES_ADDRESS} >> 4
    pop es
    xor di, di
    write_first_tables cx, 0, es:
    mov ebx, offset start_rust
    jmp enter_long_mode

# Calls the handler of a BIOS interrupt: edi its number, rsi the Registers, which are in this segment.
.code64
.global bios_thunk
bios_thunk:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [thunk_stack], rsp
    mov [thunk_registers], esi
    mov eax, [rdi * 4]           # the handler's far address, from the table at 0
    mov [thunk_handler], eax
call_handler:
    push {CODE_16}
    push offset leave_long_mode
    retfq

# What bios_thunk takes for the handler of an interrupt: a call of a network card's ROM (PXE 2.1, chapter 4.1.2), bx its
# number, es:di its structure. The status comes back in ax.
.code16
pxe_call:
    push es
    push di
    push bx
    .byte 0x2E, 0xFF, 0x1E       # call far cs:[pxe_entry]
    .word pxe_entry
    add sp, 6
    .byte 0xCF                   # iret, 16 bit

.code16
leave_long_mode:                 # compatibility mode, 16 bit
    load_data_segments ax, {DATA_16}
    mov eax, cr0
    and eax, 0x7FFFFFFF          # PG
    mov cr0, eax
    mov ecx, 0xC0000080          # EFER: without LME, because a BIOS may turn on paging of its own
    mov eax, [bios_efer]
    mov edx, [bios_efer + 4]
    wrmsr
    mov eax, [bios_cr4]
    mov cr4, eax
    mov eax, cr0
    and al, 0xFE                 # PE
    mov cr0, eax
    .byte 0xEA
    .word real_mode, 0
real_mode:
    xor ax, ax
    mov ss, ax
    mov sp, {BOOT_SECTOR_ADDRESS}
    mov ds, ax
    mov fs, ax
    mov gs, ax
    lidt [real_mode_idt]
    # As INT does: flags (IF set), CS, IP for the handler's IRET; then its own address for our RETF.
    push 0x0202
    push cs
    push offset bios_returned
    push dword ptr [thunk_handler]
    mov si, [thunk_registers]
    mov eax, [si + {EAX}]
    mov ebx, [si + {EBX}]
    mov ecx, [si + {ECX}]
    mov edx, [si + {EDX}]
    mov edi, [si + {EDI}]
    mov ebp, [si + {EBP}]
    mov es, [si + {ES}]
    push word ptr [si + {DS}]
    mov esi, [si + {ESI}]
    pop ds
    .byte 0xCB                   # retf, 16 bit
bios_returned:                   # only SS:SP are what they were
    pushfd
    cli
    cld
    push esi
    push 0
    pop ds
    mov si, [thunk_registers]
    mov [si + {EAX}], eax
    mov [si + {EBX}], ebx
    mov [si + {ECX}], ecx
    mov [si + {EDX}], edx
    mov [si + {EDI}], edi
    mov [si + {EBP}], ebp
    mov [si + {ES}], es
    pop dword ptr [si + {ESI}]
    pop dword ptr [si + {EFLAGS}]
    mov ebx, offset thunk_return

# From real mode with DS = 0 to the address in ebx. Everything that a BIOS may have changed is loaded anew.
enter_long_mode:
    cli
    prepare_paging
    mov eax, cr0
    or eax, 0x80000001           # PG, PE
    and eax, 0x9FFFFFFF          # caches on
    mov cr0, eax
    .byte 0xEA
    .word in_long_mode, {CODE_64}
.code64
in_long_mode:
    load_data_segments eax, {DATA_64}
    load_exceptions
    mov ebx, ebx
    jmp rbx

thunk_return:
    mov rsp, [thunk_stack]
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

# The boot sector has checked what lies below STAGE_LOW_END. The quadwords behind it have the sum 0.
start_rust:
    mov esp, {LOADER_STACK_END}
    mov ecx, [{STAGE_LOAD_ADDRESS} + {STAGE_SECTORS_OFFSET}]
    sub ecx, ({STAGE_LOW_END} - {STAGE_LOAD_ADDRESS}) / {SECTOR_SIZE}
    imul ecx, ecx, {SECTOR_SIZE} / 64
    mov esi, {STAGE_LOW_END}
    xor eax, eax
sum_rest:
    .set offset_in_line, 0
    .rept 8
    add rax, [rsi + offset_in_line]
    .set offset_in_line, offset_in_line + 8
    .endr
    add esi, 64
    dec ecx
    jnz sum_rest
    mov dword ptr [thunk_handler], offset stage_is_damaged
    mov dword ptr [thunk_registers], offset stage_entry
    test rax, rax
    jnz call_handler

    mov edi, offset stage_bss
    mov ecx, offset stage_bss_end
    sub ecx, edi
    shr ecx, 2
    xor eax, eax
    rep stosd
    movzx edi, byte ptr [drive]
    movzx esi, byte ptr [sectors_per_block]
    call loader_main

.code16
stage_is_damaged:                # a handler like the BIOS's, but that it does not come back
    xor ax, ax
    mov ds, ax
    mov si, offset {STAGE_CHECKSUM}
    jmp say_and_wait

.balign 8
.global pxe_gate
pxe_gate:                        # a far address, as those in the table at 0
    .word pxe_call, 0
bios_efer:
    .quad 0
bios_cr4:
    .long 0
    .long 0
thunk_stack:
    .quad 0
thunk_registers:
    .long 0
thunk_handler:
    .long 0
real_mode_idt:
    .word 0x3FF
    .long 0
