; SPDX-License-Identifier: MIT
; A boot sector that tries VMXON, or VMRUN: whether this emulated machine really has VT-x or AMD-V.
;
; It ends QEMU through isa-debug-exit, whose status is 2 * value + 1: VT-x 3, AMD-V 5, neither 1. A
; fault before that resets the machine, which -no-reboot turns into status 0.

CR0_PE equ 1 << 0
CR0_NE equ 1 << 5
CR0_PG equ 1 << 31
CR4_PSE equ 1 << 4
CR4_VMXE equ 1 << 13
CPUID_1_ECX_VMX equ 1 << 5
CPUID_80000001_ECX_SVM equ 1 << 2
IA32_FEATURE_CONTROL equ 0x3a
IA32_VMX_BASIC equ 0x480
FEATURE_CONTROL_LOCKED_VMX equ 5
IA32_EFER equ 0xc0000080
EFER_SVME_BIT equ 12
AMD_VM_HSAVE_PA equ 0xc0010117
PAGE_4M_RW_PRESENT equ 0x83

VMXON_REGION equ 0x10000
PAGE_DIRECTORY equ 0x11000
HOST_SAVE_AREA equ 0x12000
VMCB equ 0x13000                    ; the memory is zero after power-up
DEBUG_EXIT_PORT equ 0xf4

VALUE_VMX equ 1
VALUE_SVM equ 2

; The VMCB (APM Vol. 2 appendix B): a guest in protected mode whose first instruction is HLT.
VMCB_INTERCEPT_1 equ VMCB + 0x0c
VMCB_INTERCEPT_2 equ VMCB + 0x10
VMCB_ASID equ VMCB + 0x58
VMCB_EXITCODE equ VMCB + 0x70
VMCB_CS equ VMCB + 0x410
VMCB_SS equ VMCB + 0x420
VMCB_EFER equ VMCB + 0x4d0
VMCB_CR0 equ VMCB + 0x558
VMCB_RFLAGS equ VMCB + 0x570
VMCB_RIP equ VMCB + 0x578
INTERCEPT_1_HLT equ 1 << 24
INTERCEPT_2_VMRUN equ 1 << 0
VMEXIT_HLT equ 0x78
CODE_SEGMENT equ 0x0c9b0008         ; attributes and selector
DATA_SEGMENT equ 0x0c930010

    bits 16
    org 0x7c00
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    lgdt [gdt_pointer]
    mov eax, CR0_PE
    mov cr0, eax
    jmp 8:protected

    bits 32
protected:
    mov ax, 16
    mov ds, ax
    mov ss, ax
    mov eax, 1
    cpuid
    test ecx, CPUID_1_ECX_VMX
    jnz try_vmx
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb no
    mov eax, 0x80000001
    cpuid
    test ecx, CPUID_80000001_ECX_SVM
    jnz try_svm
no:
    xor eax, eax
; AL: the value.
end:
    out DEBUG_EXIT_PORT, al
    hlt

try_vmx:
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
    setnbe al                       ; VALUE_VMX
    jmp end

try_svm:
    mov ecx, IA32_EFER
    rdmsr
    bts eax, EFER_SVME_BIT          ; faults where the firmware has switched AMD-V off
    wrmsr
    mov [VMCB_EFER], eax
    mov ecx, AMD_VM_HSAVE_PA
    mov eax, HOST_SAVE_AREA
    xor edx, edx
    wrmsr
    mov dword [VMCB_INTERCEPT_1], INTERCEPT_1_HLT
    mov dword [VMCB_INTERCEPT_2], INTERCEPT_2_VMRUN
    inc dword [VMCB_ASID]
    mov dword [VMCB_CS], CODE_SEGMENT
    mov dword [VMCB_CS + 4], -1
    mov dword [VMCB_SS], DATA_SEGMENT
    mov dword [VMCB_SS + 4], -1
    mov eax, cr0
    mov [VMCB_CR0], eax
    mov dword [VMCB_RFLAGS], 2
    mov dword [VMCB_RIP], guest
    mov eax, VMCB
    vmrun
    cmp dword [VMCB_EXITCODE], VMEXIT_HLT
    jne no
    mov al, VALUE_SVM
    jmp end
guest:
    hlt

    align 8
vmxon_pointer: dq VMXON_REGION
gdt: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer: dw $ - gdt - 1
    dd gdt

    times 510 - ($ - $$) db 0
    dw 0xaa55
