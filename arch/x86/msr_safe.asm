; SPDX-License-Identifier: MIT
; RDMSR and WRMSR for MSRs that a CPU may not have. After a #GP at rdmsr_at execution goes on at
; rdmsr_bad, after one at wrmsr_at at wrmsr_bad (arch/x86/fixup.c).

section .text

; bool rdmsr_safe(uint32_t msr, uint64_t *value): EDI, RSI.
global rdmsr_safe, rdmsr_at, rdmsr_bad
rdmsr_safe:
    mov ecx, edi
rdmsr_at:
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov [rsi], rax
    mov eax, 1
    ret
rdmsr_bad:
    mov qword [rsi], 0
    xor eax, eax
    ret

; bool wrmsr_safe(uint32_t msr, uint64_t value): EDI, RSI.
global wrmsr_safe, wrmsr_at, wrmsr_bad
wrmsr_safe:
    mov ecx, edi
    mov eax, esi
    mov rdx, rsi
    shr rdx, 32
wrmsr_at:
    wrmsr
    mov eax, 1
    ret
wrmsr_bad:
    xor eax, eax
    ret
