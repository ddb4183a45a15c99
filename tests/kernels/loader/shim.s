# A boot sector in front of ours that behaves like a bad BIOS: the real one, kept at LBA 35, is started by it.
#
# Switches, set by the test; 0 leaves a thing alone:
#   BOOT_DL      what DL says, plus 256       BOOT_07C0  start at 07C0:0000      TRASH     registers, flags, stack
#   SCRIBBLE     overwrite the BPB            A20_OFF    A20 off at the start
#   HOOK_TRASH   INT 13h reads change all that a BIOS may change, the GDT included; 1: A20 too
#   HOOK_SHORT   INT 13h reads of more sectors fail
#   HOOK_NO_EDD  AH=41h fails
#   HOOK_15      1: no E820; 2: nor E801; 3: nor 88h; 4: entries of 20 bytes, EDX and ECX lost, carry at the end;
#                5: entries of 24 bytes say that they are not valid; 6: of the second only what differs is written;
#                7: all below 1 MiB is usable; 8: the third entry loses SMAP
#   HOOK_2401    A20 cannot be turned on by the BIOS, and the keyboard controller holds a key
#   HOOK_DRIVE   INT 13h knows this drive, plus 256, and for 80h the drive HOOK_OTHER, or nothing
#   HOOK_SSE     INT 13h needs CR4 and EFER as they are at the start
#   MODE         1: 80 by 50 cells; 2: a mode of VBE that the data area calls mode 3; text on the screen in both
#   KEY          a key was pressed before
# Linked for 0x600, where it moves to. LBA 36 to 39 hold all of it.
.macro default name
    .ifndef \name
        .set \name, 0
    .endif
.endm
default BOOT_DL
default BOOT_07C0
default TRASH
default SCRIBBLE
default A20_OFF
default HOOK_TRASH
default HOOK_SHORT
default HOOK_NO_EDD
default HOOK_15
default HOOK_2401
default HOOK_DRIVE
default HOOK_OTHER
default HOOK_SSE
default MODE
default KEY

.set HOOKS, 0x9000                # the segment where the hooks live: high, and nobody's
.section .shim, "awx"
.code16
shim:
    xor ax, ax
    mov ss, ax
    mov sp, 0x6000
    mov ds, ax
    mov es, ax
    cld
    mov [0x5F0], dl
    mov word ptr [0x500], 16      # this program, from LBA 36, to 0x600
    mov word ptr [0x502], 4
    mov word ptr [0x504], 0x600
    mov word ptr [0x506], 0
    mov dword ptr [0x508], 36
    mov dword ptr [0x50C], 0
    mov si, 0x500
    mov ah, 0x42
    int 0x13
    .byte 0xEA
    .word moved, 0
moved:
    mov word ptr [0x502], 1       # the real boot sector, from LBA 35, to 0x7C00
    mov word ptr [0x504], 0x7C00
    mov dword ptr [0x508], 35
    mov si, 0x500
    mov ah, 0x42
    int 0x13
    # Lower the end of low memory and put the hooks there.
    mov word ptr [0x413], 0x240
    mov ax, HOOKS
    mov es, ax
    mov si, offset hooks          # at the same offset there as here
    mov di, si
    mov cx, 0x400
    rep movsb
    mov eax, [0x13 * 4]
    mov es:[old_13], eax
    mov eax, [0x15 * 4]
    mov es:[old_15], eax
    .if HOOK_TRASH + HOOK_SHORT + HOOK_NO_EDD + HOOK_DRIVE + HOOK_SSE
    mov word ptr [0x13 * 4], offset hooks
    mov word ptr [0x13 * 4 + 2], HOOKS
    .endif
    .if HOOK_15 + HOOK_2401
    mov word ptr [0x15 * 4], offset hook_15
    mov word ptr [0x15 * 4 + 2], HOOKS
    .endif
    .if SCRIBBLE
    xor ax, ax
    mov es, ax
    mov di, 0x7C03
    mov cx, 0x57
    mov al, 0xFF
    rep stosb
    .endif
    .if A20_OFF
    mov ax, 0x2400
    int 0x15
    .endif
    .if HOOK_SSE
    mov eax, cr4                  # OSFXSR
    or eax, 1 << 9
    mov cr4, eax
    mov ecx, 0xC0000080           # EFER.SCE
    rdmsr
    or al, 1
    wrmsr
    .endif
    .if MODE == 1
    mov ax, 0x1112
    mov bl, 0
    int 0x10
    .endif
    .if MODE == 2
    mov ax, 0x4F02
    mov bx, 0x4101
    int 0x10
    mov byte ptr [0x449], 3
    mov word ptr [0x44A], 80
    mov word ptr [0x44E], 0
    .endif
    .if MODE == 1
    mov ax, 0xB800
    mov es, ax
    mov di, 0
    mov cx, 80 * 50
    mov ax, 0x4F2A
    rep stosw
    xor ax, ax
    mov es, ax
    .endif
    .if KEY
    mov ah, 5
    mov cx, 0x1E61
    int 0x16
    .endif
    .if HOOK_2401
    cli
    in al, 0x21                   # nobody takes the key when interrupts are on: IRQ 1 is masked
    or al, 1 << 1
    out 0x21, al
    mov al, 0xD2                  # what follows is as if it came from the keyboard
    out 0x64, al
    mov al, 0x1C
    out 0x60, al
    .endif
    mov dl, [0x5F0]
    .if BOOT_DL
    mov dl, BOOT_DL - 256
    .endif
    .if TRASH
    mov eax, 0xDEADBEEF
    mov ebx, eax
    mov ecx, eax
    mov esi, eax
    mov edi, eax
    mov ebp, eax
    mov edx, 0xDEADBE80
    mov ax, 0x1234
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    cli
    mov sp, 0xFFFF
    mov ax, 0x9800
    mov ss, ax
    std
    stc
    .endif
    .byte 0xEA
    .if BOOT_07C0
    .word 0, 0x07C0
    .else
    .word 0x7C00, 0
    .endif

hooks:                            # INT 13h
    .if HOOK_DRIVE
    cmp dl, HOOK_DRIVE - 256
    je the_drive
    .if HOOK_OTHER
    cmp dl, 0x80
    jne fail_13
    mov dl, HOOK_OTHER
    jmp is_renamed
    .else
    jmp fail_13
    .endif
the_drive:
    mov dl, 0x80
is_renamed:
    .endif
    .if HOOK_SSE
    pushad
    xorps xmm0, xmm0
    mov ecx, 0xC0000080
    rdmsr
    test al, 1
    popad
    jz fail_13
    .endif
    .if HOOK_NO_EDD
    cmp ah, 0x41
    je fail_13
    .endif
    cmp ah, 0x42
    jne pass_13
    .if HOOK_SHORT
    cmp word ptr [si + 2], HOOK_SHORT
    ja fail_13
    .endif
    .if HOOK_TRASH
    pushf
    .byte 0x2E, 0xFF, 0x1E        # call far cs:[old_13]
    .word old_13
    push bp
    mov bp, sp
    pushf
    pop word ptr [bp + 6]         # the caller gets these flags, but with DF
    or word ptr [bp + 6], 0x400
    pop bp
    .if HOOK_TRASH == 1
    push ax
    in al, 0x92                   # A20 off
    and al, 0xFD
    out 0x92, al
    pop ax
    .endif
    and eax, 0xFFFF
    or eax, 0xBAD00000
    mov ebx, 0xBAD1BAD1
    mov ecx, ebx
    mov edx, ebx
    mov esi, ebx
    mov edi, ebx
    mov ebp, ebx
    lgdt cs:[trash_gdt]
    mov ds, bx
    mov es, bx
    mov fs, bx
    mov gs, bx
    iret
    .endif
pass_13:
    .byte 0x2E, 0xFF, 0x2E        # jmp far cs:[old_13]
    .word old_13
fail_13:
    mov ah, 1
    push bp
    mov bp, sp
    or word ptr [bp + 6], 1
    pop bp
    iret

hook_15:
    .if HOOK_2401
    cmp ax, 0x2401
    je fail_15
    .endif
    .if HOOK_15
    cmp ax, 0xE820
    jne not_e820
    .endif
    .if HOOK_15 > 4
    cmp ebx, 2
    ja fail_15
    .if HOOK_15 != 8
    cmp ebx, 1
    ja fail_15
    .endif
    mov dword ptr es:[di], 0
    mov dword ptr es:[di + 8], 0xA0000
    .if HOOK_15 == 7
    mov dword ptr es:[di + 8], 0x100000
    .endif
    test ebx, ebx
    jnz second_entry
    mov dword ptr es:[di + 4], 0  # the upper halves and the kind, which are the same for all
    mov dword ptr es:[di + 12], 0
    mov dword ptr es:[di + 16], 1
    jmp entry_is_written
second_entry:
    mov dword ptr es:[di], 0x100000
    mov dword ptr es:[di + 8], 0x1F00000
    .if HOOK_15 != 6
    mov dword ptr es:[di + 16], 1
    .endif
entry_is_written:
    mov eax, 0x534D4150
    .if HOOK_15 == 8
    mov dword ptr es:[di + 8], 0x700000
    cmp ebx, 2
    jne smap_is_good
    mov eax, 0xBAD
smap_is_good:
    .endif
    .if HOOK_15 == 5
    cmp ecx, 24
    jb twenty_bytes
    mov dword ptr es:[di + 20], 0
    mov ecx, 24
    jmp attributes_are_written
    .endif
twenty_bytes:
    mov ecx, 20
attributes_are_written:
    inc ebx
    .if HOOK_15 == 8
    cmp ebx, 3
    .else
    cmp ebx, 2
    .endif
    jb list_goes_on
    xor ebx, ebx
list_goes_on:
    push bp
    mov bp, sp
    and word ptr [bp + 6], 0xFFFE
    pop bp
    iret
    .elseif HOOK_15 == 0
    jmp not_e820
    .elseif HOOK_15 < 4
    jmp fail_15
    .else
    cmp ebx, 2                    # the list is usable 0 to 640 KiB, usable 1 MiB to 32 MiB, then carry
    jae fail_15
    mov dword ptr es:[di], 0
    mov dword ptr es:[di + 4], 0
    mov dword ptr es:[di + 8], 0xA0000
    mov dword ptr es:[di + 12], 0
    mov dword ptr es:[di + 16], 1
    test ebx, ebx
    jz first_entry
    mov dword ptr es:[di], 0x100000
    mov dword ptr es:[di + 8], 0x1F00000
first_entry:
    inc ebx
    mov eax, 0x534D4150
    mov ecx, 20
    xor edx, edx
    iret_without_carry:
    push bp
    mov bp, sp
    and word ptr [bp + 6], 0xFFFE
    pop bp
    iret
    .endif
not_e820:
    .if HOOK_15 >= 2 && HOOK_15 < 5
    cmp ax, 0xE801
    je fail_15
    .endif
    .if HOOK_15 == 3
    cmp ah, 0x88
    je fail_15
    .endif
    .byte 0x2E, 0xFF, 0x2E        # jmp far cs:[old_15]
    .word old_15
fail_15:
    mov ah, 0x86
    push bp
    mov bp, sp
    or word ptr [bp + 6], 1
    pop bp
    iret

old_13:
    .long 0
old_15:
    .long 0
trash_gdt:
    .word 0
    .long 0xBAD0
hooks_end:
