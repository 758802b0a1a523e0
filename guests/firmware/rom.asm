; SPDX-License-Identifier: MIT
; The ROM of a VM that has no firmware of its own: the last bytes below 1 MiB.
;
; It ends at 0xfffff: the loader copies it to 0x100000 - its size. All offsets are in segment
; 0xf000. The image begins with what the loader needs to fill the real-mode vector table:
;
;   dw offset of the handler for every vector that is not listed
;   { db vector, dw offset } ..., db 0xff
bits 16

ROM_BYTES       equ 8704
ROM_OFFSET      equ 0x10000 - ROM_BYTES
RESET_OFFSET    equ 0xfff0
MODEL_AT        equ 0xfc

org ROM_OFFSET

%include "guests/firmware/definitions.inc"

; VECTOR vector, handler
%macro VECTOR 2
    db %1
    dw %2
%endmacro

header:
    dw unsupported
    VECTOR 0x02, ignored        ; NMI
    VECTOR 0x05, ignored        ; prints the screen
    VECTOR 0x08, timer_irq      ; IRQ 0 to 7 and 8 to 15 where a PC's firmware puts them
    VECTOR 0x09, keyboard_irq
    VECTOR 0x0a, master_irq
    VECTOR 0x0b, master_irq
    VECTOR 0x0c, master_irq
    VECTOR 0x0d, master_irq
    VECTOR 0x0e, master_irq
    VECTOR 0x0f, master_irq
    VECTOR 0x10, video
    VECTOR 0x11, equipment
    VECTOR 0x12, conventional_memory
    VECTOR 0x13, disk
    VECTOR 0x14, serial
    VECTOR 0x15, system
    VECTOR 0x16, keyboard
    VECTOR 0x18, boot_failed    ; no bootable device
    VECTOR 0x19, boot_again
    VECTOR 0x1a, time
    VECTOR 0x1b, ignored        ; Ctrl-Break
    VECTOR 0x1c, ignored        ; each tick
    VECTOR 0x1f, font_8 + 128 * 8 ; no handler, but the upper half of a font
    VECTOR 0x43, font_16        ; the font on the screen
    VECTOR 0x4a, ignored        ; the alarm
    VECTOR 0x70, slave_irq
    VECTOR 0x71, slave_irq
    VECTOR 0x72, slave_irq
    VECTOR 0x73, slave_irq
    VECTOR 0x74, slave_irq
    VECTOR 0x75, slave_irq
    VECTOR 0x76, slave_irq
    VECTOR 0x77, slave_irq
    db 0xff

%include "guests/firmware/interrupts.inc"
%include "guests/firmware/video.inc"
%include "guests/firmware/teletype.inc"
%include "guests/firmware/keyboard.inc"
%include "guests/firmware/memory.inc"
%include "guests/firmware/reset.inc"
%include "font.inc"

    times RESET_OFFSET - ROM_OFFSET - ($ - $$) db 0xff

; The reset vector, F000:FFF0.
    jmp 0xf000:reset
    db "01/01/26"               ; F000:FFF5: the firmware's date
    db 0xff, MODEL_AT, 0xff     ; F000:FFFE: the model
