; SPDX-License-Identifier: MIT
; Where another CPU starts: real mode, protected mode, long mode, the C function that smp.c names.

CR0_PE equ 1
CR0_MP equ 1 << 1
CR0_ET equ 1 << 4
CR0_NE equ 1 << 5
CR0_WP equ 1 << 16
CR0_PG equ 1 << 31
CR0_PROTECTED equ CR0_PE | CR0_ET | CR0_NE  ; clears CD and NW: caches on
CR0_PAGED equ CR0_PROTECTED | CR0_MP | CR0_WP | CR0_PG
CR4_PAE equ 1 << 5
IA32_EFER equ 0xc0000080

; Selectors in trampoline_gdt.
SELECTOR_CODE_32 equ 0x08
SELECTOR_DATA equ 0x10
SELECTOR_CODE_64 equ 0x18

; smp.c copies this to a page below 1 MiB and fills in trampoline_parameters.
section .rodata
global trampoline_start, trampoline_end, trampoline_protected, trampoline_long
global trampoline_gdt, trampoline_gdt_end, trampoline_parameters
align 16
trampoline_start:
bits 16
; From the start-up IPI: CS = page / 16, IP = 0, interrupts off (SDM Vol. 3A 9.4.3). No stack.
; EBX = the page's address from here on.
    cli
    cld
    mov ax, cs
    mov ds, ax
    movzx ebx, ax
    shl ebx, 4
    o32 lgdt [gdt_pointer - trampoline_start]
    mov eax, CR0_PROTECTED
    mov cr0, eax
    jmp dword far [far_protected - trampoline_start]

bits 32
trampoline_protected:
    mov ax, SELECTOR_DATA
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, CR4_PAE
    mov cr4, eax
    mov eax, [ebx + kernel_cr3 - trampoline_start]
    mov cr3, eax
    mov ecx, IA32_EFER
    mov eax, [ebx + efer - trampoline_start]
    xor edx, edx
    wrmsr
    mov eax, CR0_PAGED
    mov cr0, eax
    jmp dword far [ebx + far_long - trampoline_start]

bits 64
trampoline_long:
    xor eax, eax
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    mov ss, ax
    mov rax, enter_kernel
    jmp rax

; The accessed bits are set, because the page is read-only once paging is on.
align 8
trampoline_gdt:
    dq 0
    dq 0x00cf9b000000ffff           ; 32-bit code
    dq 0x00cf93000000ffff           ; data
    dq 0x00209b0000000000           ; 64-bit code
trampoline_gdt_end:

; struct trampoline_parameters in smp.c.
trampoline_parameters:
kernel_cr3: dd 0
efer: dd 0
far_protected:
    dd 0
    dw SELECTOR_CODE_32
far_long:
    dd 0
    dw SELECTOR_CODE_64
gdt_pointer:
    dw 0
    dd 0
trampoline_end:

section .bss
global trampoline_stack, trampoline_main
align 8
trampoline_stack: resq 1            ; initial RSP of the CPU that is being started, 0: taken
trampoline_main: resq 1             ; the C function that the CPU enters on that stack

section .text
bits 64
; Takes the stack that the first CPU offers. A CPU that comes too late finds none and stops.
enter_kernel:
    xor eax, eax
    xchg rax, [trampoline_stack]
    test rax, rax
    jz .stop
    mov rsp, rax
    xor ebp, ebp                    ; backtraces end here
    call [trampoline_main]
.stop:
    cli
    hlt
    jmp .stop
