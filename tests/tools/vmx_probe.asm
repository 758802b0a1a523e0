; SPDX-License-Identifier: MIT
; A boot sector that tries VMXON: whether this emulated machine really has VT-x, found by doing it.
;
; It ends QEMU through isa-debug-exit with status 3 (VMXON worked) or 1 (it did not, or there is no
; VT-x); a fault before that resets the machine, which -no-reboot turns into status 0.

CR0_PE equ 1 << 0
CR0_NE equ 1 << 5
CR0_PG equ 1 << 31
CR4_PSE equ 1 << 4
CR4_VMXE equ 1 << 13
CPUID_1_ECX_VMX equ 1 << 5
IA32_FEATURE_CONTROL equ 0x3a
IA32_VMX_BASIC equ 0x480
FEATURE_CONTROL_LOCKED_VMX equ 5
PAGE_4M_RW_PRESENT equ 0x83

VMXON_REGION equ 0x10000
PAGE_DIRECTORY equ 0x11000
DEBUG_EXIT_PORT equ 0xf4

    bits 16
    org 0x7c00
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov eax, 1
    cpuid
    test ecx, CPUID_1_ECX_VMX
    jz no
    lgdt [gdt_pointer]
    mov eax, CR0_PE
    mov cr0, eax
    jmp 8:protected

no:
    xor al, al
    out DEBUG_EXIT_PORT, al
    hlt

    bits 32
protected:
    mov ax, 16
    mov ds, ax
    mov ss, ax
    ; VMXON wants paging: the first 4 MiB onto themselves.
    mov dword [PAGE_DIRECTORY], PAGE_4M_RW_PRESENT
    mov eax, PAGE_DIRECTORY
    mov cr3, eax
    mov eax, CR4_PSE | CR4_VMXE
    mov cr4, eax
    mov eax, CR0_PE | CR0_NE | CR0_PG
    mov cr0, eax

    ; An unlocked feature control is the kernel's to set (SDM Vol. 3C 24.7).
    mov ecx, IA32_FEATURE_CONTROL
    rdmsr
    test al, 1
    jnz .locked
    or al, FEATURE_CONTROL_LOCKED_VMX
    wrmsr
.locked:
    mov ecx, IA32_VMX_BASIC
    rdmsr
    mov [VMXON_REGION], eax
    vmxon [vmxon_pointer]
    setnbe al
    out DEBUG_EXIT_PORT, al
    hlt

    align 8
vmxon_pointer: dq VMXON_REGION
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer: dw $ - gdt - 1
    dd gdt

    times 510 - ($ - $$) db 0
    dw 0xaa55
