; SPDX-License-Identifier: MIT
; All vector registers at once. RDI is a struct vectors, RSI says whether YMM or XMM.

bits 64
default rel

%define MMX_AT 16 * 32

global vectors_load
global vectors_save
global vectors_load_mmx
global vectors_save_mmx

section .text

; Clobbers nothing but the vector registers.
vectors_load:
    test esi, esi
    jnz .ymm
%assign i 0
%rep 16
    movdqu xmm %+ i, [rdi + 32 * i]
%assign i i + 1
%endrep
    ret
.ymm:
%assign i 0
%rep 16
    vmovdqu ymm %+ i, [rdi + 32 * i]
%assign i i + 1
%endrep
    ret

vectors_save:
    test esi, esi
    jnz .ymm
%assign i 0
%rep 16
    movdqu [rdi + 32 * i], xmm %+ i
%assign i i + 1
%endrep
    ret
.ymm:
%assign i 0
%rep 16
    vmovdqu [rdi + 32 * i], ymm %+ i
%assign i i + 1
%endrep
    ret

vectors_load_mmx:
%assign i 0
%rep 8
    movq mm %+ i, [rdi + MMX_AT + 8 * i]
%assign i i + 1
%endrep
    ret

vectors_save_mmx:
%assign i 0
%rep 8
    movq [rdi + MMX_AT + 8 * i], mm %+ i
%assign i i + 1
%endrep
    emms
    ret
