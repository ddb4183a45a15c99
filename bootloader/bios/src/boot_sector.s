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
start_at_segment_0:
    cli
    xor ax, ax
    mov ss, ax
    mov sp, {BOOT_SECTOR_ADDRESS}
    sti
    call_16 reset_segments
    mov al, dl
    and al, 0xF0
    cmp al, 0x80
    je drive_is_good
    mov dl, 0x80
drive_is_good:
    mov [drive], dl

    mov ah, 0x41                 # are reads by LBA there?
    mov bx, 0x55AA
    call_16 disk
    mov bp, {NO_EDD}
    jc fail
    cmp bx, 0xAA55
    jne fail
    shr cl, 1
    jnc fail

read_piece:                      # what is left, at most `largest` sectors
    mov byte ptr [tries], 6
try:
    mov ax, [loader_stage_sectors]
    cmp ax, [largest]
    jbe size_is_good
    mov ax, [largest]
size_is_good:
    mov [packet_count], ax
    push ax
    mov si, offset packet
    mov ah, 0x42
    call_16 disk
    pop ax
    jnc piece_is_read
    xor ah, ah                   # reset the disk and try again
    call_16 disk
    dec byte ptr [tries]
    jnz try
    shr word ptr [largest], 1    # smaller pieces, from here on
    jnz read_piece
    mov bp, {STAGE_UNREADABLE}
    jmp fail
piece_is_read:
    add [packet_lba], ax
    push ax
    shl ax, 5                    # a sector is 32 paragraphs
    add [packet_segment], ax
    pop ax
    sub [loader_stage_sectors], ax
    jnz read_piece

    mov bp, {STAGE_MAGIC_CODE}   # half of it has room here: the sum below covers the rest
    cmp dword ptr [{STAGE_LOAD_ADDRESS} + {STAGE_MAGIC_OFFSET}], {STAGE_MAGIC} & 0xFFFFFFFF
    jne fail
    mov si, {STAGE_LOAD_ADDRESS} + {STAGE_BUILD_ID_OFFSET}
    mov di, offset loader_build_id
    mov cx, 4
    repe cmpsw
    mov bp, {STAGE_BUILD_ID_CODE}
    jne fail
    mov si, {STAGE_LOAD_ADDRESS}
    mov cx, [si + {STAGE_SECTORS_OFFSET}]
    shl cx, 6                    # pairs of doublewords
    xor edx, edx
sum:                             # rotate and add: over the whole stage this gives 0
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

fail:                            # bp: the code
    mov [code], bp
    mov si, offset message
.global say_and_wait
say_and_wait:                    # tells the string at si, waits for a key, and starts the machine anew
    call_16 say
    xor ah, ah
    int 0x16
    .byte 0xEA                   # a far jump to where a processor starts
    .word 0, 0xFFFF

disk:                            # INT 13h on our drive; afterwards only CF, the results and SS:SP are known
.global drive
.set drive, disk + 1
    mov dl, 0x80
    int 0x13
reset_segments:                  # keeps CF
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
    lodsw
    mov dl, al
    mov al, ah
    out dx, al
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
    .word 16
packet_count:
    .word 0
    .word 0
packet_segment:
    .word {STAGE_LOAD_ADDRESS} >> 4
packet_lba:
    .quad {BIOS_BOOT_FIRST_LBA}
largest:
    .word {STAGE_MAX_SECTORS}
tries:
    .byte 6
serial_set_up:                   # low byte of the port, value: 115200 baud, eight bits, no parity, one stop bit
    .byte ({SERIAL_PORT} & 0xFF) + 3, 0x80
    .byte ({SERIAL_PORT} & 0xFF), 1
    .byte ({SERIAL_PORT} & 0xFF) + 1, 0
    .byte ({SERIAL_PORT} & 0xFF) + 3, 3
message:
    .ascii "\r\nbootwright: "
code:
    .ascii "??\r\n\0"
# loader.py fills in these two; the sectors are counted down.
.global loader_build_id
loader_build_id:
    .quad 0
.global loader_stage_sectors
loader_stage_sectors:
    .word 0
.global boot_sector_end
boot_sector_end:
