; SPDX-License-Identifier: MIT
; Code for privilege level 3. Each piece runs at another address than it is linked at, and ends with
; INT3.
bits 64
default rel

section .text

; PIECE name, instruction...
%macro PIECE 2+
global user_%1
user_%1:
    %2
    int3
%endmacro

PIECE nothing,  nop
PIECE cpuid,    cpuid
PIECE rdtsc,    rdtsc
PIECE in,       in al, 0x80
PIECE out,      out 0x80, al
PIECE cli,      cli
PIECE hlt,      hlt
PIECE rdmsr,    rdmsr
PIECE wrmsr,    wrmsr
PIECE read_cr0, mov rax, cr0
PIECE read_cr8, mov rax, cr8
PIECE read_dr7, mov rax, dr7
PIECE clts,     clts
PIECE lmsw,     lmsw ax
PIECE invlpg,   invlpg [rsp]
PIECE wbinvd,   wbinvd
PIECE invd,     invd
PIECE rdpmc,    rdpmc
PIECE lgdt,     lgdt [rsp]
PIECE lidt,     lidt [rsp]
PIECE ltr,      ltr ax
PIECE swapgs,   swapgs
PIECE sysret,   o64 sysret
PIECE vmxon,    vmxon [rsp]
PIECE vmrun,    vmrun
PIECE xsetbv,   xsetbv
PIECE int8,     int 8

; rax = 0: a hypercall without any effect. Level 3 may not make even this one.
global user_vmcall
user_vmcall:
    xor eax, eax
    vmcall
    int3

global user_vmmcall
user_vmmcall:
    xor eax, eax
    vmmcall
    int3

; Reads a page of the supervisor.
global user_read_supervisor
user_read_supervisor:
    mov eax, 0x100000
    mov rax, [rax]
    int3

; The hypercall that ends the VM.
global user_end
user_end:
    mov eax, 1
    mov ebx, 99
    vmcall
    int3

section .note.GNU-stack noalloc noexec nowrite progbits
