// SPDX-License-Identifier: MIT
// The forms of instructions that a decoder must know to reach device memory (SDM Vol. 2).
#include "guests/hostile/decoder.h"

// There are no writes of 8 and 16 bits: the registers of the APIC do not define them.
const struct form decoder_forms[] = {
    {2, ANY, {0x89, 0x07}},                                   // mov [rdi], eax
    {2, ANY, {0x8b, 0x07}},                                   // mov eax, [rdi]
    {2, ANY, {0x8a, 0x07}},                                   // mov al, [rdi]
    {2, ANY, {0x8a, 0x27}},                                   // mov ah, [rdi]
    {3, ANY, {0x66, 0x8b, 0x07}},                             // mov ax, [rdi]
    {3, ONLY_64, {0x48, 0x8b, 0x07}},                         // mov rax, [rdi]
    {3, ONLY_64, {0x48, 0x89, 0x07}},                         // mov [rdi], rax
    {6, ANY, {0xc7, 0x07, 0x44, 0x33, 0x22, 0x11}},           // mov dword [rdi], imm32
    {7, ONLY_64, {0x48, 0xc7, 0x07, 0x44, 0x33, 0x22, 0x11}}, // mov qword [rdi], imm32
    {3, ANY, {0x8b, 0x47, 0x00}},                             // mov eax, [rdi + disp8]
    {6, ANY, {0x8b, 0x87, 0x00, 0x00, 0x00, 0x00}},           // mov eax, [rdi + disp32]
    {3, ANY, {0x8b, 0x04, 0x17}},                             // mov eax, [rdi + rdx]
    {4, ANY, {0x8b, 0x44, 0xd7, 0x00}},                       // mov eax, [rdi + rdx * 8 + disp8]
    {7, ANY, {0x8b, 0x84, 0x97, 0x00, 0x00, 0x00, 0x00}},     // mov eax, [rdi + rdx * 4 + disp32]
    {3, ANY, {0x8b, 0x14, 0x3a}},                             // mov edx, [rdx + rdi]
    {3, ONLY_64, {0x67, 0x8b, 0x07}},                         // mov eax, [edi]
    {3, ANY, {0x0f, 0xb6, 0x07}},                             // movzx eax, byte [rdi]
    {3, ANY, {0x0f, 0xb7, 0x07}},                             // movzx eax, word [rdi]
    {3, ANY, {0x0f, 0xbe, 0x07}},                             // movsx eax, byte [rdi]
    {3, ANY, {0x0f, 0xbf, 0x07}},                             // movsx eax, word [rdi]
    {4, ANY, {0x66, 0x0f, 0xbe, 0x07}},                       // movsx ax, byte [rdi]
    {4, ONLY_64, {0x48, 0x0f, 0xb6, 0x07}},                   // movzx rax, byte [rdi]
    {4, ONLY_64, {0x48, 0x0f, 0xbe, 0x07}},                   // movsx rax, byte [rdi]
    {4, ONLY_64, {0x48, 0x0f, 0xbf, 0x07}},                   // movsx rax, word [rdi]
    {3, ONLY_64, {0x48, 0x63, 0x07}},                         // movsxd rax, dword [rdi]
    {2, ANY, {0x01, 0x07}},                                   // add [rdi], eax
    {2, ANY, {0x03, 0x07}},                                   // add eax, [rdi]
    {2, ANY, {0x02, 0x07}},                                   // add al, [rdi]
    {3, ANY, {0x66, 0x03, 0x07}},                             // add ax, [rdi]
    {3, ONLY_64, {0x48, 0x03, 0x07}},                         // add rax, [rdi]
    {6, ANY, {0x81, 0x07, 0x78, 0x56, 0x34, 0x12}},           // add dword [rdi], imm32
    {3, ANY, {0x83, 0x07, 0x9c}},                             // add dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x07, 0x15}},                   // add qword [rdi], imm8
    {2, ANY, {0x09, 0x07}},                                   // or [rdi], eax
    {2, ANY, {0x0b, 0x07}},                                   // or eax, [rdi]
    {2, ANY, {0x0a, 0x07}},                                   // or al, [rdi]
    {3, ANY, {0x66, 0x0b, 0x07}},                             // or ax, [rdi]
    {3, ONLY_64, {0x48, 0x0b, 0x07}},                         // or rax, [rdi]
    {6, ANY, {0x81, 0x0f, 0x78, 0x56, 0x34, 0x12}},           // or dword [rdi], imm32
    {3, ANY, {0x83, 0x0f, 0x9c}},                             // or dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x0f, 0x15}},                   // or qword [rdi], imm8
    {2, ANY, {0x11, 0x07}},                                   // adc [rdi], eax
    {2, ANY, {0x13, 0x07}},                                   // adc eax, [rdi]
    {2, ANY, {0x12, 0x07}},                                   // adc al, [rdi]
    {3, ANY, {0x66, 0x13, 0x07}},                             // adc ax, [rdi]
    {3, ONLY_64, {0x48, 0x13, 0x07}},                         // adc rax, [rdi]
    {6, ANY, {0x81, 0x17, 0x78, 0x56, 0x34, 0x12}},           // adc dword [rdi], imm32
    {3, ANY, {0x83, 0x17, 0x9c}},                             // adc dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x17, 0x15}},                   // adc qword [rdi], imm8
    {2, ANY, {0x19, 0x07}},                                   // sbb [rdi], eax
    {2, ANY, {0x1b, 0x07}},                                   // sbb eax, [rdi]
    {2, ANY, {0x1a, 0x07}},                                   // sbb al, [rdi]
    {3, ANY, {0x66, 0x1b, 0x07}},                             // sbb ax, [rdi]
    {3, ONLY_64, {0x48, 0x1b, 0x07}},                         // sbb rax, [rdi]
    {6, ANY, {0x81, 0x1f, 0x78, 0x56, 0x34, 0x12}},           // sbb dword [rdi], imm32
    {3, ANY, {0x83, 0x1f, 0x9c}},                             // sbb dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x1f, 0x15}},                   // sbb qword [rdi], imm8
    {2, ANY, {0x21, 0x07}},                                   // and [rdi], eax
    {2, ANY, {0x23, 0x07}},                                   // and eax, [rdi]
    {2, ANY, {0x22, 0x07}},                                   // and al, [rdi]
    {3, ANY, {0x66, 0x23, 0x07}},                             // and ax, [rdi]
    {3, ONLY_64, {0x48, 0x23, 0x07}},                         // and rax, [rdi]
    {6, ANY, {0x81, 0x27, 0x78, 0x56, 0x34, 0x12}},           // and dword [rdi], imm32
    {3, ANY, {0x83, 0x27, 0x9c}},                             // and dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x27, 0x15}},                   // and qword [rdi], imm8
    {2, ANY, {0x29, 0x07}},                                   // sub [rdi], eax
    {2, ANY, {0x2b, 0x07}},                                   // sub eax, [rdi]
    {2, ANY, {0x2a, 0x07}},                                   // sub al, [rdi]
    {3, ANY, {0x66, 0x2b, 0x07}},                             // sub ax, [rdi]
    {3, ONLY_64, {0x48, 0x2b, 0x07}},                         // sub rax, [rdi]
    {6, ANY, {0x81, 0x2f, 0x78, 0x56, 0x34, 0x12}},           // sub dword [rdi], imm32
    {3, ANY, {0x83, 0x2f, 0x9c}},                             // sub dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x2f, 0x15}},                   // sub qword [rdi], imm8
    {2, ANY, {0x31, 0x07}},                                   // xor [rdi], eax
    {2, ANY, {0x33, 0x07}},                                   // xor eax, [rdi]
    {2, ANY, {0x32, 0x07}},                                   // xor al, [rdi]
    {3, ANY, {0x66, 0x33, 0x07}},                             // xor ax, [rdi]
    {3, ONLY_64, {0x48, 0x33, 0x07}},                         // xor rax, [rdi]
    {6, ANY, {0x81, 0x37, 0x78, 0x56, 0x34, 0x12}},           // xor dword [rdi], imm32
    {3, ANY, {0x83, 0x37, 0x9c}},                             // xor dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x37, 0x15}},                   // xor qword [rdi], imm8
    {2, ANY, {0x39, 0x07}},                                   // cmp [rdi], eax
    {2, ANY, {0x3b, 0x07}},                                   // cmp eax, [rdi]
    {2, ANY, {0x3a, 0x07}},                                   // cmp al, [rdi]
    {3, ANY, {0x66, 0x3b, 0x07}},                             // cmp ax, [rdi]
    {3, ONLY_64, {0x48, 0x3b, 0x07}},                         // cmp rax, [rdi]
    {6, ANY, {0x81, 0x3f, 0x78, 0x56, 0x34, 0x12}},           // cmp dword [rdi], imm32
    {3, ANY, {0x83, 0x3f, 0x9c}},                             // cmp dword [rdi], imm8
    {4, ONLY_64, {0x48, 0x83, 0x3f, 0x15}},                   // cmp qword [rdi], imm8
    {2, ANY, {0x38, 0x07}},                                   // cmp [rdi], al
    {3, ANY, {0x66, 0x39, 0x07}},                             // cmp [rdi], ax
    {3, ANY, {0x80, 0x3f, 0x35}},                             // cmp byte [rdi], imm8
    {5, ANY, {0x66, 0x81, 0x3f, 0x35, 0x00}},                 // cmp word [rdi], imm16
    {2, ANY, {0x84, 0x07}},                                   // test [rdi], al
    {2, ANY, {0x85, 0x07}},                                   // test [rdi], eax
    {3, ANY, {0xf6, 0x07, 0x35}},                             // test byte [rdi], imm8
    {6, ANY, {0xf7, 0x07, 0x35, 0x00, 0x00, 0x80}},           // test dword [rdi], imm32
    {5, ANY, {0x66, 0xf7, 0x07, 0x35, 0x80}},                 // test word [rdi], imm16
    {3, ONLY_64, {0x48, 0x85, 0x07}},                         // test [rdi], rax
    {2, ANY, {0xf7, 0x17}},                                   // not dword [rdi]
    {2, ANY, {0xf7, 0x1f}},                                   // neg dword [rdi]
    {2, ANY, {0xff, 0x07}},                                   // inc dword [rdi]
    {2, ANY, {0xff, 0x0f}},                                   // dec dword [rdi]
    {2, ANY, {0x87, 0x07}},                                   // xchg [rdi], eax
    {3, ANY, {0x0f, 0xc1, 0x07}},                             // xadd [rdi], eax
    {3, ANY, {0x0f, 0xb1, 0x0f}},                             // cmpxchg [rdi], ecx
    {3, ANY, {0x0f, 0xa3, 0x07}},                             // bt [rdi], eax
    {3, ANY, {0x0f, 0xab, 0x07}},                             // bts [rdi], eax
    {3, ANY, {0x0f, 0xb3, 0x07}},                             // btr [rdi], eax
    {3, ANY, {0x0f, 0xbb, 0x07}},                             // btc [rdi], eax
    {4, ANY, {0x0f, 0xba, 0x27, 0x05}},                       // bt dword [rdi], imm8
    {4, ANY, {0x0f, 0xba, 0x2f, 0x05}},                       // bts dword [rdi], imm8
    {4, ANY, {0x0f, 0xba, 0x37, 0x05}},                       // btr dword [rdi], imm8
    {4, ANY, {0x0f, 0xba, 0x3f, 0x05}},                       // btc dword [rdi], imm8
    {3, ANY, {0xf0, 0x01, 0x07}},                             // lock add [rdi], eax
    {4, ANY, {0xf0, 0x0f, 0xab, 0x07}},                       // lock bts [rdi], eax
    {4, ANY, {0xf0, 0x0f, 0xb1, 0x0f}},                       // lock cmpxchg [rdi], ecx
    {3, ANY, {0xf0, 0xf7, 0x1f}},                             // lock neg dword [rdi]
    {4, ANY, {0xf0, 0x83, 0x0f, 0x40}},                       // lock or dword [rdi], imm8
    {3, ANY, {0xf0, 0x87, 0x07}},                             // lock xchg [rdi], eax
    {4, ANY, {0xf2, 0xf0, 0xff, 0x07}},                       // xacquire lock inc dword [rdi]
    {3, ANY, {0xf3, 0x89, 0x07}},                             // xrelease mov [rdi], eax
    {1, ANY, {0xa5}},                                         // movsd
    {1, ANY, {0xab}},                                         // stosd
    {1, ANY, {0xad}},                                         // lodsd
    {1, ANY, {0xaf}},                                         // scasd
    {1, ANY, {0xa7}},                                         // cmpsd
    {1, ANY, {0xac}},                                         // lodsb
    {1, ANY, {0xae}},                                         // scasb
    {2, ANY, {0x66, 0xad}},                                   // lodsw
    {2, ONLY_64, {0x48, 0xad}},                               // lodsq
    {2, ANY, {0xf3, 0xa5}},                                   // rep movsd
    {2, ANY, {0xf3, 0xab}},                                   // rep stosd
    {2, ANY, {0xf3, 0xad}},                                   // rep lodsd
    {2, ANY, {0xf2, 0xaf}},                                   // repne scasd
    {2, ANY, {0xf3, 0xa7}},                                   // repe cmpsd
    {3, ANY, {0xf3, 0x66, 0xad}},                             // rep lodsw
    {3, ONE_SIZE, {0x0f, 0xc3, 0x07}},                        // movnti [rdi], eax
    {3, ONE_SIZE, {0x0f, 0xae, 0x3f}},                        // clflush [rdi]
    {3, PAIR, {0xff, 0x37, 0x58}},                            // push [rdi]; pop rax
    {3, PAIR, {0x50, 0x8f, 0x07}},                            // push rax; pop [rdi]
    {3, ANY, {0x2e, 0x8b, 0x07}},                             // mov eax, cs:[rdi]
    {3, ANY, {0x26, 0x8b, 0x07}},                             // mov eax, es:[rdi]
    {3, ANY, {0x36, 0x8b, 0x07}},                             // mov eax, ss:[rdi]
    {3, ANY, {0x64, 0x8b, 0x07}},                             // mov eax, fs:[rdi]
    {3, ANY, {0x65, 0x8b, 0x07}},                             // mov eax, gs:[rdi]
    {2, ANY, {0x65, 0xad}},                                   // gs lodsd
    {4, ANY, {0x64, 0x66, 0x8b, 0x07}},                       // mov ax, fs:[rdi]
    {4, ONLY_64, {0x66, 0x48, 0x8b, 0x07}},                   // mov rax, [rdi], and 66 ignored
    {4, ONLY_64, {0x48, 0x3e, 0x8b, 0x07}},                   // mov eax, [rdi], and REX ignored
};
const unsigned decoder_form_count = ARRAY_SIZE(decoder_forms);
