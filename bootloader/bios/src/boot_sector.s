# The boot sector: reads the stage from its fixed place, checks it, and jumps to it.
#
# The BIOS loads it to 0x7C00 and promises little: CS can be 07C0h, DL can be wrong, any flag can be set. What it
# needs from a BIOS call it sets again after each. Code ends at 0x1B8: the image's disk signature and table follow.
.section .boot_sector, "awx"
.code16
# In 16-bit code the assembler takes `call` and `ret` for their 32-bit forms, and has no name for the others.
.macro call_16 target
    .byte 0xE8
    .word \target - . - 2
.endm
# Offsets from the packet, to which di points.
.set COUNT, 2
.set SEGMENT, 6
.set LBA, 8                      # below 256, so that one byte is enough to set it
.set LARGEST, 16
.set TRIES, 18
.set DRIVE, 19
.set CODE, 43
.global boot_sector
boot_sector:
    jmp start
    nop
    # Where a BIOS parameter block lies: some firmware reads the geometry in it, some writes into it. What would make it
    # a FAT is zero, since systems mount by it what they find on a whole disk: bootloader/README.md, "Nobody's file system".
    .ascii "BOOTWRGT"
    .word {SECTOR_SIZE}
    .byte 0                      # sectors per cluster
    .word 0                      # reserved sectors
    .byte 0                      # FATs
    .word 0, 0                   # root entries; sectors, if they fit
    .byte 0                      # the medium's kind
    .word 0                      # sectors per FAT
    .word 63                     # sectors per track
    .word 255                    # heads
    .long 0, 0                   # hidden sectors, sectors
    .byte 0x80                   # drive
    .org {BPB_END}
start:
    .byte 0xEA                   # a far jump, which sets CS
    .word start_at_segment_0, 0
disk:                            # INT 13h on our drive; afterwards only CF, the results and SS:SP are known
    mov dl, [di + DRIVE]
    int 0x13
reset_segments:                  # keeps CF
    mov di, offset packet
    push cs
    pop ds
    push cs
    pop es
    cld
    .byte 0xC3                   # ret

say:                             # the string at si, up to a zero, on screen, serial port and debug console
    push si
    mov si, offset serial_set_up
    mov dx, {SERIAL_PORT}
    mov cx, 4
set_up_serial:
    lodsb
    mov dl, al
    outsb
    loop set_up_serial
    pop si
next_character:
    lodsb
    test al, al
    jz reset_segments
    out {DEBUG_CONSOLE_PORT}, al
    mov dx, {SERIAL_PORT} + 5
    mov ah, al
wait_for_serial:                 # at most 65,536 times
    in al, dx
    test al, 0x20
    loopz wait_for_serial
    mov dl, {SERIAL_PORT} & 0xFF
    mov al, ah
    out dx, al
    mov ah, 0x0E
    mov bx, 7
    push si
    int 0x10
    pop si
    call_16 reset_segments
    jmp next_character

packet:                          # INT 13h AH=42h: size, count, where to, from which LBA
    .word 16, 0, 0, 0
    .quad 0
    .word {STAGE_PIECE_SECTORS}  # LARGEST: the most sectors for one call
    .byte 0                      # TRIES that are left
.global drive
drive:
    .byte 0
.global sectors_per_block
sectors_per_block:               # of what the BIOS counts in; cd_boot.s sets it for a CD
    .byte 1
serial_set_up:                   # low byte of the port, value: 115200 baud, eight bits, no parity, one stop bit
    .byte ({SERIAL_PORT} & 0xFF) + 3, 0x80
    .byte ({SERIAL_PORT} & 0xFF), 1
    .byte ({SERIAL_PORT} & 0xFF) + 1, 0
    .byte ({SERIAL_PORT} & 0xFF) + 3, 3
message:
    .ascii "\r\nbootwright: "
    .org packet + CODE
    .ascii "??\r\n\0"
# loader.py fills in these two: the build id, and the LBA behind the stage.
.global loader_build_id
loader_build_id:
    .quad 0
.global loader_stage_end
loader_stage_end:
    .word 0

start_at_segment_0:
    xor ax, ax
    mov ss, ax
    mov sp, {BOOT_SECTOR_ADDRESS}
    sti
    call_16 reset_segments
    mov [di + DRIVE], dl         # as the BIOS says, and if nothing of ours is there, the first hard disk

try_drive:
    mov byte ptr [di + LBA], {BIOS_BOOT_FIRST_LBA}
    mov ah, 0x41                 # are reads by LBA there?
    mov bx, 0x55AA
    call_16 disk
    mov bp, {NO_EDD}
    jc fail_drive
    cmp bh, 0xAA                 # bx is AA55h
    jne fail_drive
    shr cl, 1
    jnc fail_drive

read_piece:                      # what is left, at most LARGEST sectors
    mov byte ptr [di + TRIES], 6
try:
    mov bx, [di + LBA]
    mov ax, [loader_stage_end]
    sub ax, bx
    jz stage_is_read
    shl bx, 5                    # a sector is 32 paragraphs
    add bx, ({STAGE_LOAD_ADDRESS} >> 4) - ({BIOS_BOOT_FIRST_LBA} << 5)
    mov [di + SEGMENT], bx
    cmp ax, [di + LARGEST]
    jbe size_is_good
    mov ax, [di + LARGEST]
size_is_good:
    mov [di + COUNT], ax
    push ax
    mov si, di
    mov ah, 0x42
    call_16 disk
    pop ax
    jc read_failed
    add [di + LBA], ax
    jmp read_piece
read_failed:
    xor ah, ah                   # reset the disk and try again
    call_16 disk
    dec byte ptr [di + TRIES]
    jnz try
    shr word ptr [di + LARGEST], 1       # smaller pieces, from here on
    jnz read_piece
    inc word ptr [di + LARGEST]          # and of one sector on the other drive
    mov bp, {STAGE_UNREADABLE}

fail_drive:                      # bp: the code, unless the first hard disk is still to be tried
    call_16 reset_segments
    cmp byte ptr [di + DRIVE], 0x80
    mov byte ptr [di + DRIVE], 0x80
other_drive:
    jne try_drive
    mov [di + CODE], bp
    mov si, offset message
.global say_and_wait
say_and_wait:                    # tells the string at si, waits for a key, and starts the machine anew
    call_16 say
    mov ax, [0x41A]              # keys from before nobody waits for: the buffer's tail becomes its head
    mov [0x41C], ax
    xor ah, ah
    int 0x16
    .byte 0xEA                   # a far jump to where a processor starts
    .word 0, 0xFFFF

stage_is_read:
    mov bp, {STAGE_MAGIC_CODE}   # a quarter of it is enough: the sum below covers the rest
    cmp word ptr [{STAGE_LOAD_ADDRESS} + {STAGE_MAGIC_OFFSET}], {STAGE_MAGIC} & 0xFFFF
    jne fail_drive
    mov si, {STAGE_LOAD_ADDRESS} + {STAGE_BUILD_ID_OFFSET}
    mov di, offset loader_build_id
    mov cx, 4
    repe cmpsw
    mov bp, {STAGE_BUILD_ID_CODE}
    jne fail_drive
    mov si, {STAGE_LOAD_ADDRESS}
    mov cx, ({STAGE_LOW_END} - {STAGE_LOAD_ADDRESS}) / 8
    xor edx, edx
sum:                             # rotate and add: this gives 0. What lies behind, this part checks itself
    lodsd
    rol edx, 1
    add edx, eax
    lodsd
    rol edx, 1
    add edx, eax
    loop sum
    mov bp, {STAGE_CHECKSUM_CODE}
    test edx, edx
    jz stage_entry
    jmp fail_drive
.global boot_sector_end
boot_sector_end:
