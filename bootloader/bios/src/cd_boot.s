# The CD's boot sector: reads the stage as the disk's does, in the blocks that a CD has.
#
# The BIOS loads the one block of the boot catalogue to 0x7C00 (El Torito 1.0, "no emulation"): a copy of the boot sector,
# whose first jump leads here, and this. INT 13h AH=42h counts in blocks of 2048 bytes on the drive that DL says, and only
# on that: what EDD says of a CD, AH=41h and AH=48h, is wrong on some machines and is not asked for.
.section .cd_boot, "awx"
.code16
.global cd_boot
cd_boot:
    .byte 0xEA
    .word cd_at_segment_0, 0
cd_at_segment_0:
    xor ax, ax
    mov ss, ax
    mov sp, {BOOT_SECTOR_ADDRESS}
    sti
    call_16 reset_segments
    mov [di + DRIVE], dl
    mov byte ptr [sectors_per_block], {CD_BLOCK_SECTORS}
    mov word ptr [di + LARGEST], {STAGE_PIECE_SECTORS} / {CD_BLOCK_SECTORS}
    mov word ptr [other_drive], 0x9090   # two nops: a failure is the CD's, and no hard disk is tried
    mov byte ptr [di + LBA], {BIOS_BOOT_FIRST_LBA} / {CD_BLOCK_SECTORS}

read_blocks:                     # what is left, at most LARGEST blocks
    mov byte ptr [di + TRIES], 6
try_blocks:
    mov bx, [di + LBA]
    mov ax, [loader_stage_end]
    add ax, {CD_BLOCK_SECTORS} - 1
    shr ax, 2
    sub ax, bx
    jz blocks_are_read
    shl bx, 7                    # a block is 128 paragraphs
    add bx, ({STAGE_LOAD_ADDRESS} >> 4) - ({BIOS_BOOT_FIRST_LBA} / {CD_BLOCK_SECTORS} << 7)
    mov [di + SEGMENT], bx
    cmp ax, [di + LARGEST]
    jbe count_is_good
    mov ax, [di + LARGEST]
count_is_good:
    mov [di + COUNT], ax
    push ax
    mov si, di
    mov ah, 0x42
    call_16 disk
    pop ax
    jc blocks_failed
    add [di + LBA], ax
    jmp read_blocks
blocks_failed:
    xor ah, ah                   # reset the drive and try again
    call_16 disk
    dec byte ptr [di + TRIES]
    jnz try_blocks
    shr word ptr [di + LARGEST], 1
    jnz read_blocks
    mov bp, {STAGE_UNREADABLE}
    jmp fail_drive
blocks_are_read:
    jmp stage_is_read
