; SPDX-License-Identifier: MIT
; Checks that a VM exit changes no register and no flag.
bits 64
default rel

; A value for each register: its number, with bits in the upper half.
%define SENTINEL(n) (0x5a5a123400000000 + (n))

section .text

; bool state_registers_survive(void): makes an exit by OUT, which changes no register.
global state_registers_survive
state_registers_survive:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rax, SENTINEL(0)
    mov rcx, SENTINEL(1)
    mov rdx, SENTINEL(0x80)     ; the port
    mov rbx, SENTINEL(3)
    mov rbp, SENTINEL(5)
    mov rsi, SENTINEL(6)
    mov rdi, SENTINEL(7)
%assign n 8
%rep 8
    mov r%[n], SENTINEL(n)
    %assign n n + 1
%endrep
    stc
    out dx, al
    jnc changed
    push rax
    mov rax, SENTINEL(0)
    cmp [rsp], rax
    pop rax
    jne changed
    mov rax, SENTINEL(1)
    cmp rax, rcx
    jne changed
    mov rax, SENTINEL(0x80)
    cmp rax, rdx
    jne changed
    mov rax, SENTINEL(3)
    cmp rax, rbx
    jne changed
    mov rax, SENTINEL(5)
    cmp rax, rbp
    jne changed
    mov rax, SENTINEL(6)
    cmp rax, rsi
    jne changed
    mov rax, SENTINEL(7)
    cmp rax, rdi
    jne changed
%assign n 8
%rep 8
    mov rax, SENTINEL(n)
    cmp rax, r%[n]
    jne changed
    %assign n n + 1
%endrep
    mov eax, 1
    jmp leave_check
changed:
    xor eax, eax
leave_check:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

section .note.GNU-stack noalloc noexec nowrite progbits
