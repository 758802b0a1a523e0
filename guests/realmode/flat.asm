; SPDX-License-Identifier: MIT
; Walks through every mode of the CPU and back, and reports each step. Ends with status 0, or with
; the number of the step that failed.
org 0x7c00
bits 16

%include "guests/realmode/definitions.inc"

start:
    jmp 0:.flat                 ; CS may be 0 or 0x7c0 here: now it is 0
.flat:
    cli
    cld
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, STACK_TOP
    call uart_init
    SAY 16, "1 real mode, 16 bits"
    jmp real_mode_steps

PRINT_ROUTINES 16

uart_init:
    UART_OUT 1, 0               ; no interrupts
    UART_OUT 3, 0x83            ; divisor latch, 8N1
    UART_OUT 0, 1               ; 115200 baud
    UART_OUT 1, 0
    UART_OUT 3, 0x03
    UART_OUT 2, 0x07            ; FIFOs on and empty
    ret

    times 510 - ($ - $$) db 0
    dw 0xaa55                   ; marks a boot sector

%include "guests/realmode/real.inc"
%include "guests/realmode/protected.inc"
%include "guests/realmode/paging.inc"
%include "guests/realmode/virtual8086.inc"
%include "guests/realmode/long.inc"
%include "guests/realmode/return.inc"
%include "guests/realmode/tables.inc"
