; SPDX-License-Identifier: MIT
; The first instructions of every interrupt and exception: they save the registers and call C.

%include "arch/x86/offsets.inc"

extern interrupt_dispatch
extern apic_eoi_address

section .text

; Vectors at which the CPU itself pushes an error code (SDM Vol. 3A table 6-1).
%define HAS_ERROR_CODE(n) ((n) == 8 || ((n) >= 10 && (n) <= 14) || (n) == 17 || (n) == 21 || \
                           (n) == 29 || (n) == 30)

; 256 stubs, each STUB_BYTES long. The CPU enters a stub with its frame on the stack.
STUB_BYTES equ 12
global interrupt_stubs
align 16
interrupt_stubs:
%assign vector 0
%rep 256
%if vector == VECTOR_TIMER || vector == VECTOR_NUDGE
    jmp end_interrupt
%else
%if !HAS_ERROR_CODE(vector)
    push 0
%endif
    push strict dword vector
    jmp interrupt_entry
%endif
%assign vector vector + 1
    times STUB_BYTES * vector - ($ - interrupt_stubs) int3
%endrep

; On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. The pushes make struct interrupt_frame
; (arch/x86/interrupts.h). After them the stack is aligned to 16 bytes again. RBP still belongs to
; the interrupted code, so the chain of frame pointers is whole.
align 16
interrupt_entry:
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
    call interrupt_dispatch
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
    add rsp, 16
    iretq

; An interrupt that only ends what the CPU does: a guest's run, or HLT.
align 16
end_interrupt:
    push rax
    mov rax, [rel apic_eoi_address]
    test rax, rax
    jz .x2apic
    mov dword [rax], 0
    pop rax
    iretq
.x2apic:
    push rcx
    push rdx
    mov ecx, X2APIC_EOI
    xor edx, edx                    ; RAX is 0
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq

; void interrupt_call(uint8_t vector): EDI. The stub's IRETQ returns to .back with this RSP.
global interrupt_call
interrupt_call:
    movzx eax, dil
    imul eax, STUB_BYTES
    add rax, interrupt_stubs
    mov rcx, rsp
    and rsp, -16                    ; as the CPU does
    mov edx, ss
    push rdx
    push rcx
    pushfq
    mov edx, cs
    push rdx
    push .back
    jmp rax
.back:
    ret
