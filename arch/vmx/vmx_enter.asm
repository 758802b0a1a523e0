; SPDX-License-Identifier: MIT
; VM entry and exit: the guest's general registers are loaded from struct vcpu_core and saved there.
bits 64
default rel

%include "arch/vmx/offsets.inc"

extern vcpu_handle_events
extern vmx_handle_exit
global vmx_enter
global vmx_exit

section .text

; bool vmx_enter(struct vcpu_core *vcpu, bool launched)
; Enters the guest and stays with it until, after an exit, vcpu->work is not 0 or vcpu->exits_left
; is 0.
; In:       rdi = vcpu, sil = whether its VMCS has been launched; interrupts off.
; Returns:  true after at least one VM exit; false if the first entry failed (VM-instruction error).
; Clobbers: what the C ABI allows. Callee-saved registers are saved here, once for many exits.
; Stack:    the caller's while the host runs. vmx_exit finds it in vcpu->entry_rsp.
vmx_enter:
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    sub rsp, 8                          ; the ABI's 16-byte alignment at each call
    mov [rdi + VCPU_ENTRY_RSP], rsp
    mov rsp, rdi
    xor sil, 1                          ; neither POP nor LEA changes ZF
    jmp enter_guest

; HOST_RIP. HOST_RSP is the end of vcpu->registers, so each PUSH saves a register at its place.
; In:       the guest's registers, rsp = &vcpu->registers.gpr[16], interrupts off.
align 16
vmx_exit:
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
    push rdi
    push rsi
    push rbp
    push rsp                            ; fills the place of RSP; the guest's is in the VMCS
    push rbx
    push rdx
    push rcx
    push rax
    mov rdi, rsp                        ; registers is the first member of the vcpu
    mov rbx, rsp
    mov rsp, [rsp + VCPU_ENTRY_RSP]
    xor ebp, ebp                        ; backtraces end here, not in the guest
    call vmx_handle_exit                ; void vmx_handle_exit(struct vcpu_core *vcpu)
    dec dword [rbx + VCPU_EXITS_LEFT]
    jz leave_guest
    cmp dword [rbx + VCPU_WORK], 0
    jne handle_work
enter_again:
    mov rsp, rbx

; In:       rsp = vcpu, ZF = 1 if the VMCS has been launched.
enter_guest:
    pop rax
    pop rcx
    pop rdx
    pop rbx
    lea rsp, [rsp + 8]
    pop rbp
    pop rsi
    pop rdi
    pop r8
    pop r9
    pop r10
    pop r11
    pop r12
    pop r13
    pop r14
    pop r15
    jnz .launch
    vmresume
    jmp .failed
.launch:
    vmlaunch
.failed:                                ; here only if the instruction failed
    mov rsp, [rsp - VCPU_REGISTERS_SIZE + VCPU_ENTRY_RSP]
    xor eax, eax
    jmp restore_host

handle_work:
    cmp dword [rbx + VCPU_WORK], WORK_EVENTS_ALONE
    jne leave_guest
    mov rdi, rbx
    call vcpu_handle_events             ; void vcpu_handle_events(struct vcpu_core *vcpu)
    cmp dword [rbx + VCPU_WORK], 0
    je enter_again
leave_guest:
    mov eax, 1
restore_host:
    add rsp, 8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret
