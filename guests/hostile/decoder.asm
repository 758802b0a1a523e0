; SPDX-License-Identifier: MIT
; Runs instructions of an attempt with registers of its choice, in 64-, 32- and 16-bit code.
bits 64
default rel

CODE64          equ 0x08
CODE32          equ 0x38

; struct decoder_state
STATE_RAX       equ 0
STATE_RCX       equ 8
STATE_RDX       equ 16
STATE_RBX       equ 24
STATE_RSI       equ 32
STATE_RDI       equ 40
STATE_FLAGS     equ 48

section .text

; Loads the registers from the state at rbp, and pushes its flags for a popfq.
%macro LOAD_STATE 0
    push qword [rbp + STATE_FLAGS]
    mov rax, [rbp + STATE_RAX]
    mov rcx, [rbp + STATE_RCX]
    mov rdx, [rbp + STATE_RDX]
    mov rbx, [rbp + STATE_RBX]
    mov rsi, [rbp + STATE_RSI]
    mov rdi, [rbp + STATE_RDI]
%endmacro

; Stores the registers, and the flags on the stack, into the state.
%macro STORE_STATE 0
    mov [rbp + STATE_RAX], rax
    mov [rbp + STATE_RCX], rcx
    mov [rbp + STATE_RDX], rdx
    mov [rbp + STATE_RBX], rbx
    mov [rbp + STATE_RSI], rsi
    mov [rbp + STATE_RDI], rdi
    pop rax
    mov [rbp + STATE_FLAGS], rax
    cld
%endmacro

; void decoder_run(const void *code, struct decoder_state *state)
; The code ends with a near return.
global decoder_run
decoder_run:
    push rbx
    push rbp
    push r12
    mov rbp, rsi
    mov r12, rdi
    LOAD_STATE
    popfq
    call r12
    pushfq
    STORE_STATE
    pop r12
    pop rbp
    pop rbx
    ret

; void decoder_run_legacy(uint32_t offset, uint16_t selector, struct decoder_state *state)
; The code ends with a far return of 32 bits. The code and the stack must be below 4 GiB.
global decoder_run_legacy
decoder_run_legacy:
    push rbx
    push rbp
    mov rbp, rdx
    mov [legacy_target], edi
    mov [legacy_target + 4], si
    LOAD_STATE
    push qword CODE32
    push qword .compatibility
    retfq
bits 32
.compatibility:
    popfd
    lea esp, [esp + 4]          ; drops the rest of 8 bytes; the flags stay as they are
    call far [legacy_target]
    jmp CODE64:.back
bits 64
.back:
    pushfq
    STORE_STATE
    pop rbp
    pop rbx
    ret

section .data
align 8
legacy_target:
    dd 0
    dw 0

section .note.GNU-stack noalloc noexec nowrite progbits
