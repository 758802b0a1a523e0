; SPDX-License-Identifier: MIT
; The first instructions of a guest: a stack of its own, then C.
bits 64
default rel

extern guest_start

section .text.start progbits alloc exec nowrite align=16

; Entered in long mode with interrupts off. rdi: command line, rsi: RAM in bytes.
global _start
_start:
    cld
    lea rsp, [stack_top]
    xor ebp, ebp                ; ends a backtrace
    call guest_start            ; does not return
    ud2

section .bss nobits alloc noexec write align=16
    resb 16 * 1024
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
