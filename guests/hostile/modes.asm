; SPDX-License-Identifier: MIT
; Writes one register in a mode of the attempt's choice, and comes back to 64-bit mode whatever
; happens.
bits 64
default rel

; As in modes.h and guests/lib/descriptors.h.
MODES_ADDRESS   equ 0x8000
SELECTOR_CODE   equ 0x08
SELECTOR_DATA   equ 0x10
REGISTER_CR0    equ 0
REGISTER_CR4    equ 1
REGISTER_EFER   equ 2
REGISTER_MSW    equ 3
NO_VECTOR       equ 0xff

; Selectors of the copy's own GDT.
CODE32          equ 0x08
DATA32          equ 0x10
CODE64          equ 0x18
CODE16          equ 0x20
DATA16          equ 0x28

MSR_EFER        equ 0xc0000080
EFER_LMA        equ 1 << 10
PLAIN_CR0       equ 0x31        ; PE, ET, NE
%define EXCEPTIONS 32
STACK_BYTES     equ 512

; The address of a label in the copy.
%define AT(label) (MODES_ADDRESS + (label) - modes_start)

section .text

; void modes_run(void)
; Carries out the trial in the copy's `modes_trial`.
global modes_run
modes_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    pushfq
    cli
    mov [abs AT(saved_rsp)], rsp
    sgdt [abs AT(saved_gdtr)]
    sidt [abs AT(saved_idtr)]
    mov rax, cr0
    mov [abs AT(saved_cr0)], eax
    mov rax, cr3
    mov [abs AT(saved_cr3)], eax
    mov rax, cr4
    mov [abs AT(saved_cr4)], eax
    mov ecx, MSR_EFER
    rdmsr
    and eax, ~EFER_LMA
    mov [abs AT(saved_efer)], eax
    lgdt [abs AT(gdtr)]
    push qword CODE32
    push qword AT(leave_long_mode)
    retfq

; Here the processor is back in 64-bit mode, with the guest's GDT, IDT and stack.
modes_return:
    push qword SELECTOR_CODE
    lea rax, [.reloaded]
    push rax
    retfq
.reloaded:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    popfq
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; Writes the register, in whatever mode the macro is used.
%macro WRITE_REGISTER 0
    mov byte [AT(trial.vector)], NO_VECTOR
    mov eax, [AT(trial.value)]
    mov ecx, [AT(trial.which)]
    cmp ecx, REGISTER_CR0
    jne %%not_cr0
    mov cr0, eax
    jmp short %%done
%%not_cr0:
    cmp ecx, REGISTER_CR4
    jne %%not_cr4
    mov cr4, eax
    jmp short %%done
%%not_cr4:
    cmp ecx, REGISTER_EFER
    jne %%not_efer
    mov ecx, MSR_EFER
    xor edx, edx
    wrmsr
    jmp short %%done
%%not_efer:
    lmsw ax
%%done:
%endmacro

; Notes what all registers hold afterwards. Then goes to protected mode without paging, from
; whatever mode the macro is used in.
%macro READ_REGISTERS 0
    mov eax, cr0
    mov [AT(trial.cr0_after)], eax
    mov eax, cr4
    mov [AT(trial.cr4_after)], eax
    mov ecx, MSR_EFER
    rdmsr
    mov [AT(trial.efer_after)], eax
    mov eax, PLAIN_CR0
    mov cr0, eax
%endmacro

; In .data, because modes.c fills in the trial, and copies the code below 1 MiB for real mode.
section .data align=16
global modes_start
modes_start:

; struct mode_trial
global modes_trial
modes_trial:
trial:
.which:         dd 0
.value:         dd 0
.cr0:           dd 0
.cr3:           dd 0
.cr4:           dd 0
.efer:          dd 0
.vector:        dd 0
.cr0_after:     dd 0
.cr4_after:     dd 0
.efer_after:    dd 0

saved_rsp:      dq 0
saved_gdtr:     times 10 db 0
saved_idtr:     times 10 db 0
saved_cr0:      dd 0
saved_cr3:      dd 0
saved_cr4:      dd 0
saved_efer:     dd 0

align 8
gdt:
    dq 0
    dq 0x00cf9b000000ffff       ; CODE32
    dq 0x00cf93000000ffff       ; DATA32
    dq 0x00af9b000000ffff       ; CODE64
    dq 0x00009b000000ffff       ; CODE16
    dq 0x000093000000ffff       ; DATA16
gdtr:
    dw $ - gdt - 1
    dq AT(gdt)

align 8
idt:
%assign v 0
%rep EXCEPTIONS
    dw AT(entries_32) + v * 4, CODE32, 0x8e00, 0
    %assign v v + 1
%endrep
idtr:
    dw $ - idt - 1
    dd AT(idt)

align 4
real_vectors:
%assign v 0
%rep EXCEPTIONS
    dw AT(entries_16) + v * 4, 0
    %assign v v + 1
%endrep
real_idtr:
    dw $ - real_vectors - 1
    dd AT(real_vectors)

bits 32
leave_long_mode:
    mov eax, DATA32
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov esp, AT(stack_top)
    mov eax, PLAIN_CR0
    mov cr0, eax
    mov ecx, MSR_EFER
    mov eax, [AT(trial.efer)]
    xor edx, edx
    wrmsr
    mov eax, [AT(trial.cr4)]
    mov cr4, eax
    mov eax, [AT(trial.cr3)]
    mov cr3, eax
    mov eax, [AT(trial.cr0)]
    test al, 1
    jz enter_real_mode
    lidt [AT(idtr)]
    mov cr0, eax
    WRITE_REGISTER
after_32:
    READ_REGISTERS
    jmp back
enter_real_mode:
    jmp CODE16:AT(to_real_mode)

; Each is 4 bytes long.
align 4
entries_32:
%assign v 0
%rep EXCEPTIONS
    mov al, v
    jmp short exception_32
    %assign v v + 1
%endrep
exception_32:
    mov [AT(trial.vector)], al
    mov esp, AT(stack_top)
    jmp after_32

back:
    mov eax, [AT(saved_cr4)]
    mov cr4, eax
    mov ecx, MSR_EFER
    mov eax, [AT(saved_efer)]
    xor edx, edx
    wrmsr
    mov eax, [AT(saved_cr3)]
    mov cr3, eax
    mov eax, [AT(saved_cr0)]
    mov cr0, eax
    jmp CODE64:AT(back_in_64_bits)

bits 64
back_in_64_bits:
    lgdt [abs AT(saved_gdtr)]
    lidt [abs AT(saved_idtr)]
    mov rsp, [abs AT(saved_rsp)]
    mov rax, modes_return
    jmp rax

bits 16
to_real_mode:
    mov dx, DATA16
    mov ds, dx
    mov es, dx
    mov ss, dx
    lidt [AT(real_idtr)]
    mov cr0, eax
    jmp 0:AT(.real_mode)
.real_mode:
    xor dx, dx
    mov ds, dx
    mov es, dx
    mov ss, dx
    mov sp, AT(stack_top)
    WRITE_REGISTER
after_16:
    READ_REGISTERS
    jmp dword CODE32:AT(from_real_mode)

align 4
entries_16:
%assign v 0
%rep EXCEPTIONS
    mov al, v
    jmp short exception_16
    %assign v v + 1
%endrep
exception_16:
    mov [AT(trial.vector)], al
    mov sp, AT(stack_top)
    jmp after_16

bits 32
from_real_mode:
    mov eax, DATA32
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, AT(stack_top)
    jmp back

align 16
    times STACK_BYTES db 0
stack_top:
global modes_end
modes_end:

section .note.GNU-stack noalloc noexec nowrite progbits
