; SPDX-License-Identifier: MIT
; VMRUN: the guest's general registers to and from struct vcpu_core.
bits 64
default rel

%include "arch/svm/offsets.inc"

extern svm_handle_exit
extern vcpu_handle_events
global svm_enter
global svm_exited

section .text

; void svm_enter(struct vcpu_core *vcpu)
; Enters the guest and stays with it until, after an exit, vcpu->work is not 0 or vcpu->exits_left
; is 0.
; In:       rdi = vcpu; GIF clear, so that the host's interrupts wait. VMRUN sets GIF, and #VMEXIT
;           clears it. RFLAGS.IF is set here; VMRUN saves it and #VMEXIT brings it back.
; Clobbers: the caller-saved registers of the C ABI. The callee-saved ones are saved here, once for
;           many exits.
; Stack:    always the host's: VMRUN keeps RSP for #VMEXIT. The vcpu is on top of it.
svm_enter:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    push rdi                            ; the vcpu; this also aligns the stack for the ABI
    mov r12, rdi
    mov rbx, [rdi + VCPU_BACKEND]
    sti                                 ; the host's interrupts exit from the guest. STI must not
                                        ; come right before VMRUN: in QEMU its shadow would cover
                                        ; the guest's first instruction, and if that is a STI, it
                                        ; would have no shadow of its own

; In:       r12 = vcpu, rbx = vcpu->backend, which begins with the VMCB; [rsp] = vcpu.
align 16
enter_guest:
    mov rax, [r12 + VCPU_RAX]           ; RAX and RSP are in the VMCB while the guest runs
    mov [rbx + VMCB_RAX], rax
    mov rax, [rbx + BACKEND_VMCB_PHYSICAL]
    mov rcx, [r12 + VCPU_RCX]
    mov rdx, [r12 + VCPU_RDX]
    mov rbx, [r12 + VCPU_RBX]
    mov rbp, [r12 + VCPU_RBP]
    mov rsi, [r12 + VCPU_RSI]
    mov rdi, [r12 + VCPU_RDI]
    mov r8, [r12 + VCPU_R8]
    mov r9, [r12 + VCPU_R9]
    mov r10, [r12 + VCPU_R10]
    mov r11, [r12 + VCPU_R11]
    mov r13, [r12 + VCPU_R13]
    mov r14, [r12 + VCPU_R14]
    mov r15, [r12 + VCPU_R15]
    mov r12, [r12 + VCPU_R12]
    vmrun                               ; the VMCB at physical address RAX

; #VMEXIT has loaded the host's RAX, RSP, RFLAGS, control registers, CS, DS, ES and SS. FS, GS, TR
; and all else that VMLOAD loads are still the guest's.
svm_exited:
    mov rax, [rsp]
    mov [rax + VCPU_RCX], rcx
    mov [rax + VCPU_RDX], rdx
    mov [rax + VCPU_RBX], rbx
    mov [rax + VCPU_RBP], rbp
    mov [rax + VCPU_RSI], rsi
    mov [rax + VCPU_RDI], rdi
    mov [rax + VCPU_R8], r8
    mov [rax + VCPU_R9], r9
    mov [rax + VCPU_R10], r10
    mov [rax + VCPU_R11], r11
    mov [rax + VCPU_R12], r12
    mov [rax + VCPU_R13], r13
    mov [rax + VCPU_R14], r14
    mov [rax + VCPU_R15], r15
    mov r12, rax
    mov rbx, [rax + VCPU_BACKEND]
    mov rcx, [rbx + VMCB_RAX]
    mov [rax + VCPU_RAX], rcx
    mov rdi, rax
    xor ebp, ebp                        ; backtraces end here, not in the guest
    call svm_handle_exit                ; void svm_handle_exit(struct vcpu_core *vcpu)
    dec dword [r12 + VCPU_EXITS_LEFT]
    jz .leave
    cmp dword [r12 + VCPU_WORK], 0
    je enter_guest
    cmp dword [r12 + VCPU_WORK], WORK_EVENTS_ALONE
    jne .leave
    mov rdi, r12
    call vcpu_handle_events             ; void vcpu_handle_events(struct vcpu_core *vcpu)
    cmp dword [r12 + VCPU_WORK], 0
    je enter_guest

.leave:
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
