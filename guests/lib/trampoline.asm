; SPDX-License-Identifier: MIT
; Takes a started processor from real mode to C. It is copied below 1 MiB, where SIPIs point.
bits 16
default rel

extern processor_entry
extern processor_stacks

; As in trampoline.h and descriptors.h.
TRAMPOLINE_ADDRESS equ 0x8000
STACK_SHIFT        equ 14
SELECTOR_CODE      equ 0x08
SELECTOR_DATA      equ 0x10
MSR_EFER           equ 0xc0000080

; The address of a label in the copy.
%define AT(label) (TRAMPOLINE_ADDRESS + (label) - trampoline_start)

; In .data, because trampoline.c fills in the values before it copies the code to its place.
section .data align=16

; A processor starts here with CS:IP = 0800:0000 and the rest as after INIT. It goes from real mode
; straight to 64-bit mode: one write sets PE and PG (SDM Vol. 3A 9.8.5 asks for no stop in between).
global trampoline_start
trampoline_start:
    cli
    xor ax, ax
    mov ds, ax
    o32 lgdt [AT(trampoline_gdtr)]
    mov eax, [AT(trampoline_cr4)]
    mov cr4, eax
    mov eax, [AT(trampoline_cr3)]
    mov cr3, eax
    mov ecx, MSR_EFER
    mov eax, [AT(trampoline_efer)]
    xor edx, edx
    wrmsr
    mov eax, [AT(trampoline_cr0)]
    mov cr0, eax
    jmp dword SELECTOR_CODE:AT(long_mode)

bits 64
long_mode:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    lidt [abs AT(trampoline_idtr)]
    mov edi, 1
    lock xadd [abs trampoline_next], edi        ; rdi = this processor's number
    cmp edi, [abs trampoline_limit]
    jae too_many
    lea rax, [rdi + 1]
    shl rax, STACK_SHIFT
    mov rsp, processor_stacks
    add rsp, rax
    xor ebp, ebp                                ; ends a backtrace
    mov rax, processor_entry
    call rax                                    ; does not return
too_many:
    cli
    hlt
    jmp too_many

align 8
global trampoline_cr0, trampoline_cr3, trampoline_cr4, trampoline_efer
trampoline_cr0: dd 0
trampoline_cr3: dd 0
trampoline_cr4: dd 0
trampoline_efer: dd 0
global trampoline_gdtr, trampoline_idtr
trampoline_gdtr: times 10 db 0
align 8
trampoline_idtr: times 10 db 0
global trampoline_end
trampoline_end:

; These are not in the copy: the number that the next processor takes, and how many there may be.
align 4
global trampoline_next, trampoline_limit
trampoline_next: dd 1
trampoline_limit: dd 0

section .note.GNU-stack noalloc noexec nowrite progbits
