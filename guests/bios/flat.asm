; SPDX-License-Identifier: MIT
; Makes the calls of a PC's firmware that loaders make, and reports each. Ends by INT 19h.
org 0x7c00
bits 16

start:
    jmp 0:.flat                 ; CS may be 0 or 0x7c0 here: now it is 0
.flat:
    cld
    xor ax, ax
    mov ds, ax
    mov es, ax
    jmp main

    times 510 - ($ - $$) db 0
    dw 0xaa55                   ; marks a boot sector

%include "guests/bios/print.inc"
%include "guests/bios/screen.inc"
%include "guests/bios/system.inc"
%include "guests/bios/input.inc"

; CHECK name, routine: the routine returns with carry set if it failed.
%macro CHECK 2
    mov si, %%name
    call print
    call %2
    call report
    jmp %%next
%%name: db "bios: ", %1, ": ", 0
%%next:
%endmacro

main:
    CHECK "10h: mode", check_mode
    CHECK "10h: cursor", check_cursor
    CHECK "10h: teletype", check_teletype
    CHECK "10h: cells", check_cells
    CHECK "10h: scrolling", check_scrolling
    CHECK "10h: string", check_string
    CHECK "10h: fonts", check_font
    CHECK "12h, 15h: memory", check_memory
    CHECK "15h: A20", check_a20
    CHECK "15h: copy", check_copy
    CHECK "15h: wait", check_wait
    CHECK "15h: no such function", check_unknown
    CHECK "1ah: ticks", check_ticks
    CHECK "1ah: clock", check_clock
    CHECK "13h: no drive", check_no_drive
    CHECK "14h: serial port", check_serial
    CHECK "16h: buffer", check_buffer
    CHECK "16h: keyboard", check_keyboard
    int 0x19
