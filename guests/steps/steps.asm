; SPDX-License-Identifier: MIT
; A loop with one instruction of each kind that has to do with RFLAGS, events or exits. All flags
; that it stores on its way are collected in steps_flags.
bits 64
default rel

APIC_EOI_ADDRESS equ 0xfee000b0
FLAGS_IN_FRAME equ 16           ; behind RIP and CS

section .text

; void steps_run(void)
; Does not return. Interrupts go on, and the handlers below are in the IDT and in LSTAR.
global steps_run
steps_run:
    sti

; The number of instructions of a round, handlers included.
global steps_in_a_round
steps_in_a_round equ 53

global steps_round
steps_round:
    inc qword [steps_rounds]
    pushfq
    pop rax
    or [steps_flags], rax
    pushfw
    pop ax
    or [steps_flags], ax
    int 0x80                    ; 4 instructions with the handler, as INT3
    int3
    ud2                         ; 5 with the handler, as SYSCALL
    syscall
    mov eax, ss
    mov ss, eax
    nop
    cli
    sti
    nop
    pushfq
    popfq
    xor eax, eax
    cpuid
    in al, 0x80
    hlt                         ; 5 with the handler of the timer
    mov ecx, 5
.again:
    dec ecx
    jnz .again
    jmp steps_round

; INT n, INT3.
global steps_on_call
steps_on_call:
    mov rax, [rsp + FLAGS_IN_FRAME]
    or [steps_flags], rax
    iretq

; #UD: the instruction has two bytes.
global steps_on_fault
steps_on_fault:
    mov rax, [rsp + FLAGS_IN_FRAME]
    or [steps_flags], rax
    add qword [rsp], 2
    iretq

; SYSCALL leaves RFLAGS in R11 and the next RIP in RCX.
global steps_on_syscall
steps_on_syscall:
    or [steps_flags], r11
    push r11
    popfq
    jmp rcx

; The timer of the local APIC, at any instruction. R8 is used for nothing else.
global steps_on_timer
steps_on_timer:
    inc qword [steps_ticks]
    mov r8d, APIC_EOI_ADDRESS
    mov dword [r8], 0
    iretq

section .bss nobits alloc noexec write align=8
global steps_rounds
steps_rounds: resq 1
global steps_flags
steps_flags: resq 1
global steps_ticks
steps_ticks: resq 1

section .note.GNU-stack noalloc noexec nowrite progbits
