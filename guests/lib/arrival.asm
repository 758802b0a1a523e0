; SPDX-License-Identifier: MIT
; An interrupt handler that notes when it came.
bits 64
default rel

section .text

; Whoever was interrupted ends the interrupt at its device. Clobbers nothing.
align 16
global arrival_handler
arrival_handler:
    push rax
    push rdx
    rdtsc
    mov [arrival_tsc], eax
    mov [arrival_tsc + 4], edx
    mov byte [arrived], 1
    pop rdx
    pop rax
    iretq

section .bss nobits alloc noexec write align=8
global arrival_tsc
arrival_tsc: resq 1
global arrived
arrived: resb 1

section .note.GNU-stack noalloc noexec nowrite progbits
