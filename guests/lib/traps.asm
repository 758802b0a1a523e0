; SPDX-License-Identifier: MIT
; The 256 entry points of the IDT, and a call that an exception can end.
bits 64
default rel

extern trap_dispatch

section .text

; Vectors for which the CPU pushes an error code (SDM Vol. 3A 6.15).
%define HAS_ERROR(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || \
                      (v) == 29 || (v) == 30)

; One entry every 16 bytes. The stack is then struct trap_frame from `vector` on.
align 16
global trap_entries
trap_entries:
%assign v 0
%rep 256
    align 16
    %if HAS_ERROR(v) == 0
    push qword 0
    %endif
    push qword v
    jmp near trap_common
    %assign v v + 1
%endrep

; Completes struct trap_frame, whose address is trap_dispatch's argument.
align 16
trap_common:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    call trap_dispatch
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16                 ; vector, error code
    iretq

; bool trap_try(void (*function)(void *argument), void *argument)
; Calls `function`. Returns 0 if it returned, 1 if an exception ended it. Calls may nest.
global trap_try
trap_try:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    pushfq
    push qword [trap_recovery_stack]
    sub rsp, 8
    mov [trap_recovery_stack], rsp
    mov rax, rdi
    mov rdi, rsi
    call rax
    xor eax, eax
    jmp leave_try

; Where trap_dispatch resumes after an exception, with rsp = trap_recovery_stack.
global trap_recover
trap_recover:
    mov eax, 1
leave_try:
    add rsp, 8
    pop qword [trap_recovery_stack]
    popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .data
global trap_recovery_stack
trap_recovery_stack: dq 0       ; of the innermost trap_try; 0: none

section .note.GNU-stack noalloc noexec nowrite progbits
