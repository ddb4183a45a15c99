# The PVH entry (Xen, docs/misc/pvh.pandoc): 32-bit code, flat segments, no paging, ebx the start info.
#
# QEMU puts this and the rest of the loader above 1 MiB, where no firmware works. The machine's tables lie in low memory
# that nobody reserved, so they are saved first; then the loader goes down to where the BIOS's stage lies.
.section .note.Xen, "a", @note
.balign 4
    .long 4                      # the name's size, the value's size, the type: the 32-bit entry point's address
    .long 8
    .long {XEN_ELFNOTE_PHYS32_ENTRY}
    .asciz "Xen"
    .quad pvh_entry

.section .pvh_entry, "awx"
.code32
.global pvh_entry
pvh_entry:
    cli
    cld
    mov esi, ebx
    mov edi, offset {SAVED} + {START_INFO}
    mov ecx, {START_INFO_SIZE} / 4
    rep movsd
    mov esi, [{SAVED} + {START_INFO} + {MODULES}]
    mov edi, offset {SAVED} + {MODULE}
    mov ecx, {MODULE_SIZE} / 4
    rep movsd
    mov esi, [{SAVED} + {START_INFO} + {MAP}]
    mov edi, offset {SAVED} + {ENTRIES}
    mov ecx, [{SAVED} + {START_INFO} + {MAP_COUNT}]
    cmp ecx, {CAPACITY}
    jbe count_is_good
    mov ecx, {CAPACITY}
count_is_good:
    imul ecx, ecx, {ENTRY_SIZE} / 4
    rep movsd

    mov esi, offset stage_copy
    mov edi, offset stage_start
    mov ecx, offset stage_end
    sub ecx, edi
    shr ecx, 2
    rep movsd
    xor eax, eax
    mov edi, offset stage_bss
    mov ecx, offset stage_bss_end
    sub ecx, edi
    shr ecx, 2
    rep stosd

    ask_for_long_mode no_long_mode       # a machine with this entry has CPUID
    jnc no_long_mode

    mov edi, {LOADER_TABLES_ADDRESS}
    write_first_tables ecx, {LOADER_TABLES_ADDRESS}
    prepare_paging
    mov eax, 0x80000011          # PG, ET, PE: caches are on
    mov cr0, eax
    .byte 0xEA                   # a far jump, which sets CS
    .long in_long_mode
    .word {CODE_64}

no_long_mode:                    # the line, up to its zero, on the debug console and the serial port
    mov esi, offset {NO_LONG_MODE}
next_character:
    lodsb
    test al, al
    jz spin
    mov dx, {DEBUG_CONSOLE_PORT}
    out dx, al
    mov dx, {SERIAL_PORT}
    out dx, al
    jmp next_character
spin:                            # not hlt: that is how a kernel ends
    pause
    jmp spin

.section .text.in_long_mode, "ax"
.code64
in_long_mode:
    load_data_segments eax, {DATA_64}
    load_exceptions
    mov esp, {LOADER_STACK_END}
    call loader_main
