; SPDX-License-Identifier: MIT
; The init of a measured boot: a whole ELF file that prints one line and then only waits.
bits 64

FIRST_LINE equ 0x77770000               ; unlike any address that boot loader or kernel run at
SYS_WRITE equ 1
SYS_PAUSE equ 34
STDOUT equ 1
PT_LOAD equ 1
READ_AND_EXECUTE equ 5

org FIRST_LINE

file_header:
    db 0x7f, "ELF", 2, 1, 1             ; 64 bits, little-endian, version 1
    times 9 db 0
    dw 2, 62                            ; ET_EXEC, x86-64
    dd 1
    dq start, program_header - file_header, 0
    dd 0
    dw 64, 56, 1, 0, 0, 0               ; sizes of both headers; one program header
program_header:
    dd PT_LOAD, READ_AND_EXECUTE
    dq 0, file_header, file_header, file_end - file_header, file_end - file_header, 0x1000

    times 0x100 - ($ - file_header) db 0
start:                                  ; bench_linux.py knows it as FIRST_LINE + 0x100
    mov eax, SYS_WRITE
    mov edi, STDOUT
    lea rsi, [rel line]
    mov edx, file_end - line
    syscall
.wait:
    mov eax, SYS_PAUSE
    syscall
    jmp .wait

line:
    db "init: the kernel has started me", 10
file_end:
