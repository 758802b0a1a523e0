; SPDX-License-Identifier: MIT
; Interrupt handlers whose first instructions read the TSC.
bits 64
default rel

section .text

; Stores the time of arrival in bench_arrival. Clobbers rax, rcx and rdx: the interrupted code
; expects that.
%macro ARRIVAL 0
    lfence
    rdtsc
    mov [bench_arrival], eax
    mov [bench_arrival + 4], edx
    mov byte [bench_arrived], 1
%endmacro

align 16
global bench_on_xapic_ipi
bench_on_xapic_ipi:
    ARRIVAL
    mov eax, 0xfee000b0         ; EOI
    mov dword [rax], 0
    iretq

align 16
global bench_on_x2apic_ipi
bench_on_x2apic_ipi:
    ARRIVAL
    mov ecx, 0x80b              ; EOI
    xor eax, eax
    xor edx, edx
    wrmsr
    iretq

section .bss nobits alloc noexec write align=8
global bench_arrival
bench_arrival: resq 1
global bench_arrived
bench_arrived: resb 1

section .note.GNU-stack noalloc noexec nowrite progbits
