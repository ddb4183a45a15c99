# What a network card's ROM starts (PXE 2.1): the file that it loaded to 0x7C00 is a copy of the boot sector, whose first
# jump leads here, this, and the stage at its place. The ROM's entry point is all that is kept of what it gives.
.section .cd_boot, "awx"
.code16
.global pxe_boot
pxe_boot:
    cld
    mov bp, sp
    les di, [bp + 4]             # above the return address: where the structure "!PXE" lies
    mov eax, es:[di + 0x10]      # its entry point for real mode
    mov edx, es:[di]
    .byte 0xEA
    .word pxe_at_segment_0, 0
pxe_at_segment_0:
    xor cx, cx
    mov ss, cx
    mov sp, {BOOT_SECTOR_ADDRESS}
    sti
    call_16 reset_segments
    mov byte ptr [other_drive], 0x90     # two nops: a failure is told, and no disk is tried
    mov byte ptr [other_drive + 1], 0x90
    mov [pxe_entry], eax
    mov byte ptr [sectors_per_block], 0  # of what is no disk
    mov bp, {NO_NETWORK}
    cmp edx, 0x45585021          # "!PXE"
    jne pxe_failed
    jmp stage_is_read
pxe_failed:
    jmp fail_drive
.global pxe_entry
pxe_entry:                       # what the stage's pxe_call calls; the stage itself is summed up before it runs
    .long 0
