; SPDX-License-Identifier: MIT
; Attempts that need 32-bit protected mode: a task switch, and #AC that cannot be delivered.
; There is no way back: these end the VM.
bits 64
default rel

CODE32          equ 0x08
DATA32          equ 0x10
USER_CODE32     equ 0x18 | 3
USER_DATA32     equ 0x20 | 3
FIRST_TASK      equ 0x28
SECOND_TASK     equ 0x30

CR0_AM          equ 1 << 18
CR0_PG          equ 1 << 31
EFER            equ 0xc0000080
EFER_LME        equ 1 << 8
EFLAGS_AC       equ 1 << 18
VECTOR_DF       equ 8
VECTOR_AC       equ 17
TSS_BYTES       equ 104
END_PORT        equ 0xf4

section .text

; void legacy_task_switch(void): makes a far jump to the TSS of a second task. If that works, the
; task ends the VM with status 0.
global legacy_task_switch
legacy_task_switch:
    mov ebx, .in_32_bits
    jmp leave_long_mode
bits 32
.in_32_bits:
    mov ax, FIRST_TASK
    ltr ax
    mov dword [second_task + 32], second_task_code      ; eip
    mov dword [second_task + 36], 2                     ; eflags
    mov dword [second_task + 56], legacy_stack_top      ; esp
    mov word [second_task + 72], DATA32                 ; es
    mov word [second_task + 76], CODE32                 ; cs
    mov word [second_task + 80], DATA32                 ; ss
    mov word [second_task + 84], DATA32                 ; ds
    jmp SECOND_TASK:0
second_task_code:
    xor eax, eax
    out END_PORT, al
    hlt

; void legacy_ac_loop(void): makes an unaligned access at level 3, with a stack that is not aligned.
; The handler of #AC runs at level 3 too, so its delivery is another unaligned access
; (CVE-2015-5307).
bits 64
global legacy_ac_loop
legacy_ac_loop:
    mov ebx, .in_32_bits
    jmp leave_long_mode
bits 32
.in_32_bits:
    mov eax, ac_handler
    mov edx, legacy_idt + VECTOR_AC * 8
    call set_user_gate
    mov ecx, ac_handler
    jmp go_unaligned

; void legacy_df_loop(void): the same with the handler of a double fault at level 3. A processor
; without #AC comes to .no_ac, and from there to a triple fault.
bits 64
global legacy_df_loop
legacy_df_loop:
    mov ebx, .in_32_bits
    jmp leave_long_mode
bits 32
.in_32_bits:
    mov eax, .no_ac
    mov edx, legacy_idt + VECTOR_DF * 8
    call set_user_gate
    mov ecx, .no_ac
    jmp go_unaligned
.no_ac:
    mov byte [legacy_idt + VECTOR_DF * 8 + 5], 0        ; the gate is not present any more
    ud2

ac_handler:
    jmp $

; Makes the descriptor edx a gate to eax at level 3.
set_user_gate:
    mov [edx], ax
    mov word [edx + 2], USER_CODE32
    mov word [edx + 4], 0xee00
    shr eax, 16
    mov [edx + 6], ax
    ret

; Makes an unaligned access at level 3, with a stack that is not aligned, and jumps to ecx.
go_unaligned:
    lidt [legacy_idt_pointer]
    mov eax, cr0
    or eax, CR0_AM
    mov cr0, eax
    push USER_DATA32
    push legacy_stack_top - 255
    push EFLAGS_AC | 2
    push USER_CODE32
    push .at_level_3
    iretd
.at_level_3:
    mov eax, [esp]
    jmp ecx

bits 64
; Puts the address eax into the descriptor edx.
set_tss_base:
    lea rcx, [legacy_gdt]
    mov [rcx + rdx + 2], ax
    shr eax, 16
    mov [rcx + rdx + 4], al
    mov [rcx + rdx + 7], ah
    ret

; Goes to protected mode without paging, with flat segments, at level 0, and jumps to ebx.
bits 64
leave_long_mode:
    cli
    mov eax, first_task
    mov edx, FIRST_TASK
    call set_tss_base
    mov eax, second_task
    mov edx, SECOND_TASK
    call set_tss_base
    lgdt [legacy_gdt_pointer]
    push CODE32
    lea rax, [.compatibility]
    push rax
    retfq

bits 32
.compatibility:
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    mov ecx, EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr
    mov ax, DATA32
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, legacy_stack_top
    jmp ebx

section .data
align 16
legacy_gdt:
    dq 0
    dq 0x00cf9b000000ffff       ; CODE32
    dq 0x00cf93000000ffff       ; DATA32
    dq 0x00cffb000000ffff       ; USER_CODE32
    dq 0x00cff3000000ffff       ; USER_DATA32
    dq 0x0000890000000000 + TSS_BYTES - 1
    dq 0x0000890000000000 + TSS_BYTES - 1
legacy_gdt_pointer:
    dw $ - legacy_gdt - 1
    dq legacy_gdt
align 16
legacy_idt:
    times (VECTOR_AC + 1) * 8 db 0
legacy_idt_pointer:
    dw (VECTOR_AC + 1) * 8 - 1
    dq legacy_idt

section .bss nobits alloc noexec write align=16
first_task:     resb TSS_BYTES
second_task:    resb TSS_BYTES
    alignb 16
    resb 4096
legacy_stack_top:
    resb 256

section .note.GNU-stack noalloc noexec nowrite progbits
