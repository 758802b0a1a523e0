// SPDX-License-Identifier: MIT
// Instructions with their length, operation and widths, as NASM assembled them.
#pragma once

#include "vmm/emulate/decode.h"

struct assembled {
    enum code_size size;
    const char *bytes;
    uint8_t length;
    uint8_t operation;
    uint8_t width;
    uint8_t source_width;
};

// clang-format off
static const struct assembled assembled[] = {
    {CODE_16, "\x88\x08", 2, OPERATION_MOV, 1, 1}, // mov byte [bx+si],cl
    {CODE_16, "\x8a\x0a", 2, OPERATION_MOV, 1, 1}, // mov cl,byte [bp+si]
    {CODE_16, "\x88\x85\x00\x01", 4, OPERATION_MOV, 1, 1}, // mov byte [di+0x100],al
    {CODE_16, "\x8a\x07", 2, OPERATION_MOV, 1, 1}, // mov al,byte [bx]
    {CODE_16, "\xa2\x34\x12", 3, OPERATION_MOV, 1, 1}, // mov byte [0x1234],al
    {CODE_16, "\x36\x8a\x47\xfe", 4, OPERATION_MOV, 1, 1}, // mov al,byte [ss:bx-2]
    {CODE_16, "\x64\x67\x00\x04\xcb", 5, OPERATION_ADD, 1, 1}, // add byte [fs:ebx+ecx*8],al
    {CODE_16, "\x0a\x7c\x01", 3, OPERATION_OR, 1, 1}, // or bh,byte [si+1]
    {CODE_16, "\x80\x8d\x00\x01\x05", 5, OPERATION_OR, 1, 1}, // or byte [di+0x100],5
    {CODE_16, "\x36\x80\x57\xfe\x7f", 5, OPERATION_ADC, 1, 1}, // adc byte [ss:bx-2],0x7f
    {CODE_16, "\x20\x0a", 2, OPERATION_AND, 1, 1}, // and byte [bp+si],cl
    {CODE_16, "\x2a\x07", 2, OPERATION_SUB, 1, 1}, // sub al,byte [bx]
    {CODE_16, "\x80\x2e\x34\x12\x05", 5, OPERATION_SUB, 1, 1}, // sub byte [0x1234],5
    {CODE_16, "\x80\x30\x7f", 3, OPERATION_XOR, 1, 1}, // xor byte [bx+si],0x7f
    {CODE_16, "\x84\xbd\x00\x01", 4, OPERATION_TEST, 1, 1}, // test byte [di+0x100],bh
    {CODE_16, "\x36\xf6\x57\xfe", 4, OPERATION_NOT, 1, 1}, // not byte [ss:bx-2]
    {CODE_16, "\x67\xf6\x18", 3, OPERATION_NEG, 1, 1}, // neg byte [eax]
    {CODE_16, "\x0f\xc0\x0b", 3, OPERATION_XADD, 1, 1}, // xadd [bp+di],cl
    {CODE_16, "\xaa", 1, OPERATION_STOS, 1, 1}, // stosb
    {CODE_16, "\xf3\xae", 2, OPERATION_SCAS, 1, 1}, // repe scasb
    {CODE_16, "\xf2\xae", 2, OPERATION_SCAS, 1, 1}, // repne scasb
    {CODE_16, "\xa0\x34\x12", 3, OPERATION_MOV, 1, 1}, // mov al,[0x1234]
    {CODE_16, "\x89\x12", 2, OPERATION_MOV, 2, 2}, // mov word [bp+si],dx
    {CODE_16, "\x8b\x44\x01", 3, OPERATION_MOV, 2, 2}, // mov ax,word [si+1]
    {CODE_16, "\x89\x85\x00\x01", 4, OPERATION_MOV, 2, 2}, // mov word [di+0x100],ax
    {CODE_16, "\x8b\x17", 2, OPERATION_MOV, 2, 2}, // mov dx,word [bx]
    {CODE_16, "\x36\x89\x57\xfe", 4, OPERATION_MOV, 2, 2}, // mov word [ss:bx-2],dx
    {CODE_16, "\x64\x67\x8b\x04\xcb", 5, OPERATION_MOV, 2, 2}, // mov ax,word [fs:ebx+ecx*8]
    {CODE_16, "\x01\x54\x01", 3, OPERATION_ADD, 2, 2}, // add word [si+1],dx
    {CODE_16, "\x26\x0b\x05", 3, OPERATION_OR, 2, 2}, // or ax,word [es:di]
    {CODE_16, "\x83\x11\x05", 3, OPERATION_ADC, 2, 2}, // adc word [bx+di],5
    {CODE_16, "\x81\x5e\x00\x34\x12", 5, OPERATION_SBB, 2, 2}, // sbb word [bp+0],0x1234
    {CODE_16, "\x21\x17", 2, OPERATION_AND, 2, 2}, // and word [bx],dx
    {CODE_16, "\x64\x67\x2b\x04\xcb", 5, OPERATION_SUB, 2, 2}, // sub ax,word [fs:ebx+ecx*8]
    {CODE_16, "\x83\x74\x01\x05", 4, OPERATION_XOR, 2, 2}, // xor word [si+1],5
    {CODE_16, "\x26\x81\x3d\x34\x12", 5, OPERATION_CMP, 2, 2}, // cmp word [es:di],0x1234
    {CODE_16, "\x36\x85\x57\xfe", 4, OPERATION_TEST, 2, 2}, // test word [ss:bx-2],dx
    {CODE_16, "\xf7\x12", 2, OPERATION_NOT, 2, 2}, // not word [bp+si]
    {CODE_16, "\xf0\x0f\xb1\x17", 4, OPERATION_CMPXCHG, 2, 2}, // lock cmpxchg [bx],dx
    {CODE_16, "\x64\x67\x0f\xba\x2c\xcb\x07", 7, OPERATION_BTS, 2, 2}, // bts word [fs:ebx+ecx*8],7
    {CODE_16, "\x0f\xb3\x10", 3, OPERATION_BTR, 2, 2}, // btr [bx+si],dx
    {CODE_16, "\x0f\xbe\x85\x00\x01", 5, OPERATION_MOVSX, 2, 1}, // movsx ax,byte [di+0x100]
    {CODE_16, "\xab", 1, OPERATION_STOS, 2, 2}, // stosw
    {CODE_16, "\xf3\xaf", 2, OPERATION_SCAS, 2, 2}, // repe scasw
    {CODE_16, "\xf2\xaf", 2, OPERATION_SCAS, 2, 2}, // repne scasw
    {CODE_16, "\xa3\x34\x12", 3, OPERATION_MOV, 2, 2}, // mov [0x1234],ax
    {CODE_16, "\x66\x89\x02", 3, OPERATION_MOV, 4, 4}, // mov dword [bp+si],eax
    {CODE_16, "\x66\x8b\x5c\x01", 4, OPERATION_MOV, 4, 4}, // mov ebx,dword [si+1]
    {CODE_16, "\x66\x89\x9d\x00\x01", 5, OPERATION_MOV, 4, 4}, // mov dword [di+0x100],ebx
    {CODE_16, "\x66\x8b\x07", 3, OPERATION_MOV, 4, 4}, // mov eax,dword [bx]
    {CODE_16, "\x36\x66\x89\x47\xfe", 5, OPERATION_MOV, 4, 4}, // mov dword [ss:bx-2],eax
    {CODE_16, "\x64\x66\x67\x8b\x1c\xcb", 6, OPERATION_MOV, 4, 4}, // mov ebx,dword [fs:ebx+ecx*8]
    {CODE_16, "\x66\x01\x46\x00", 4, OPERATION_ADD, 4, 4}, // add dword [bp+0],eax
    {CODE_16, "\x66\x67\x0b\x18", 4, OPERATION_OR, 4, 4}, // or ebx,dword [eax]
    {CODE_16, "\x66\x83\x13\x05", 4, OPERATION_ADC, 4, 4}, // adc dword [bp+di],5
    {CODE_16, "\x66\x81\x1e\x34\x12\x78\x56\x34\x12", 9, OPERATION_SBB, 4, 4}, // sbb dword [0x1234],0x12345678
    {CODE_16, "\x26\x66\x21\x05", 4, OPERATION_AND, 4, 4}, // and dword [es:di],eax
    {CODE_16, "\x66\x2b\x19", 3, OPERATION_SUB, 4, 4}, // sub ebx,dword [bx+di]
    {CODE_16, "\x66\x83\x76\x00\x05", 5, OPERATION_XOR, 4, 4}, // xor dword [bp+0],5
    {CODE_16, "\x66\x67\x81\x38\x78\x56\x34\x12", 8, OPERATION_CMP, 4, 4}, // cmp dword [eax],0x12345678
    {CODE_16, "\x64\x66\x67\x85\x04\xcb", 6, OPERATION_TEST, 4, 4}, // test dword [fs:ebx+ecx*8],eax
    {CODE_16, "\x66\xf7\x54\x01", 4, OPERATION_NOT, 4, 4}, // not dword [si+1]
    {CODE_16, "\xf0\x26\x66\x0f\xb1\x05", 6, OPERATION_CMPXCHG, 4, 4}, // lock cmpxchg [es:di],eax
    {CODE_16, "\x66\x0f\xba\x29\x07", 5, OPERATION_BTS, 4, 4}, // bts dword [bx+di],7
    {CODE_16, "\x66\x0f\xb3\x02", 4, OPERATION_BTR, 4, 4}, // btr [bp+si],eax
    {CODE_16, "\x66\x0f\xbe\x1f", 4, OPERATION_MOVSX, 4, 1}, // movsx ebx,byte [bx]
    {CODE_16, "\xf3\x66\xa5", 3, OPERATION_MOVS, 4, 4}, // rep movsd
    {CODE_16, "\x66\xad", 2, OPERATION_LODS, 4, 4}, // lodsd
    {CODE_16, "\xf3\x66\xad", 3, OPERATION_LODS, 4, 4}, // rep lodsd
    {CODE_16, "\x64\x66\xad", 3, OPERATION_LODS, 4, 4}, // fs lodsd
    {CODE_16, "\x64\x67\x8f\x04\xcb", 5, OPERATION_POP, 2, 2}, // pop word [fs:ebx+ecx*8]
    {CODE_16, "\x0f\x20\xd0", 3, OPERATION_MOV_CONTROL, 4, 4}, // mov eax,cr2
    {CODE_16, "\x0f\x22\xd2", 3, OPERATION_MOV_CONTROL, 4, 4}, // mov cr2,edx
    {CODE_16, "\x0f\x21\xc0", 3, OPERATION_MOV_DEBUG, 4, 4}, // mov eax,dr0
    {CODE_16, "\x0f\x23\xfa", 3, OPERATION_MOV_DEBUG, 4, 4}, // mov dr7,edx
    {CODE_32, "\x88\x45\x08", 3, OPERATION_MOV, 1, 1}, // mov byte [ebp+8],al
    {CODE_32, "\x8a\x4d\x08", 3, OPERATION_MOV, 1, 1}, // mov cl,byte [ebp+8]
    {CODE_32, "\x88\x84\x36\x78\x56\x34\x12", 7, OPERATION_MOV, 1, 1}, // mov byte [esi*2+0x12345678],al
    {CODE_32, "\x67\x8a\x00", 3, OPERATION_MOV, 1, 1}, // mov al,byte [bx+si]
    {CODE_32, "\x2e\x67\x00\x46\x02", 5, OPERATION_ADD, 1, 1}, // add byte [cs:bp+2],al
    {CODE_32, "\x65\x02\x0a", 3, OPERATION_ADD, 1, 1}, // add cl,byte [gs:edx]
    {CODE_32, "\x80\x0c\x8b\x05", 4, OPERATION_OR, 1, 1}, // or byte [ebx+ecx*4],5
    {CODE_32, "\x65\x80\x12\x7f", 4, OPERATION_ADC, 1, 1}, // adc byte [gs:edx],0x7f
    {CODE_32, "\x20\x0c\x8b", 3, OPERATION_AND, 1, 1}, // and byte [ebx+ecx*4],cl
    {CODE_32, "\x22\xbc\x36\x78\x56\x34\x12", 7, OPERATION_AND, 1, 1}, // and bh,byte [esi*2+0x12345678]
    {CODE_32, "\x80\x28\x05", 3, OPERATION_SUB, 1, 1}, // sub byte [eax],5
    {CODE_32, "\x80\xb4\x36\x78\x56\x34\x12\x7f", 8, OPERATION_XOR, 1, 1}, // xor byte [esi*2+0x12345678],0x7f
    {CODE_32, "\x84\x38", 2, OPERATION_TEST, 1, 1}, // test byte [eax],bh
    {CODE_32, "\xf6\x04\x24\x01", 4, OPERATION_TEST, 1, 1}, // test byte [esp],1
    {CODE_32, "\x26\xf6\x5f\xff", 4, OPERATION_NEG, 1, 1}, // neg byte [es:edi-1]
    {CODE_32, "\x0f\xc0\x0c\x24", 4, OPERATION_XADD, 1, 1}, // xadd [esp],cl
    {CODE_32, "\xaa", 1, OPERATION_STOS, 1, 1}, // stosb
    {CODE_32, "\xf3\xaa", 2, OPERATION_STOS, 1, 1}, // rep stosb
    {CODE_32, "\xf2\xae", 2, OPERATION_SCAS, 1, 1}, // repne scasb
    {CODE_32, "\xa0\x34\x12\x00\x00", 5, OPERATION_MOV, 1, 1}, // mov al,[0x1234]
    {CODE_32, "\x66\x8b\x14\x24", 4, OPERATION_MOV, 2, 2}, // mov dx,word [esp]
    {CODE_32, "\x66\x89\x55\x08", 4, OPERATION_MOV, 2, 2}, // mov word [ebp+8],dx
    {CODE_32, "\x66\x8b\x04\x8b", 4, OPERATION_MOV, 2, 2}, // mov ax,word [ebx+ecx*4]
    {CODE_32, "\x66\x67\x89\x00", 4, OPERATION_MOV, 2, 2}, // mov word [bx+si],ax
    {CODE_32, "\x65\x66\x8b\x12", 4, OPERATION_MOV, 2, 2}, // mov dx,word [gs:edx]
    {CODE_32, "\x66\x01\x45\x08", 4, OPERATION_ADD, 2, 2}, // add word [ebp+8],ax
    {CODE_32, "\x66\x67\x0b\x10", 4, OPERATION_OR, 2, 2}, // or dx,word [bx+si]
    {CODE_32, "\x66\x83\x55\x08\x05", 5, OPERATION_ADC, 2, 2}, // adc word [ebp+8],5
    {CODE_32, "\x66\x67\x81\x18\x34\x12", 6, OPERATION_SBB, 2, 2}, // sbb word [bx+si],0x1234
    {CODE_32, "\x2e\x66\x67\x21\x46\x02", 6, OPERATION_AND, 2, 2}, // and word [cs:bp+2],ax
    {CODE_32, "\x66\x2b\x15\x34\x12\x00\x00", 7, OPERATION_SUB, 2, 2}, // sub dx,word [0x1234]
    {CODE_32, "\x2e\x66\x67\x83\x76\x02\x05", 7, OPERATION_XOR, 2, 2}, // xor word [cs:bp+2],5
    {CODE_32, "\x66\x81\x3d\x34\x12\x00\x00\x34\x12", 9, OPERATION_CMP, 2, 2}, // cmp word [0x1234],0x1234
    {CODE_32, "\x66\x85\x04\x8b", 4, OPERATION_TEST, 2, 2}, // test word [ebx+ecx*4],ax
    {CODE_32, "\x65\x66\xf7\x12", 4, OPERATION_NOT, 2, 2}, // not word [gs:edx]
    {CODE_32, "\xf0\x66\x0f\xb1\x04\x8b", 6, OPERATION_CMPXCHG, 2, 2}, // lock cmpxchg [ebx+ecx*4],ax
    {CODE_32, "\x65\x66\x0f\xba\x2a\x07", 6, OPERATION_BTS, 2, 2}, // bts word [gs:edx],7
    {CODE_32, "\x66\x0f\xb3\x00", 4, OPERATION_BTR, 2, 2}, // btr [eax],ax
    {CODE_32, "\x66\x0f\xbe\x94\x36\x78\x56\x34\x12", 9, OPERATION_MOVSX, 2, 1}, // movsx dx,byte [esi*2+0x12345678]
    {CODE_32, "\x66\xab", 2, OPERATION_STOS, 2, 2}, // stosw
    {CODE_32, "\xf3\x66\xaf", 3, OPERATION_SCAS, 2, 2}, // repe scasw
    {CODE_32, "\xf2\x66\xaf", 3, OPERATION_SCAS, 2, 2}, // repne scasw
    {CODE_32, "\x66\xa1\x34\x12\x00\x00", 6, OPERATION_MOV, 2, 2}, // mov ax,[0x1234]
    {CODE_32, "\x89\x5d\x08", 3, OPERATION_MOV, 4, 4}, // mov dword [ebp+8],ebx
    {CODE_32, "\x8b\x04\x8b", 3, OPERATION_MOV, 4, 4}, // mov eax,dword [ebx+ecx*4]
    {CODE_32, "\x89\x84\x36\x78\x56\x34\x12", 7, OPERATION_MOV, 4, 4}, // mov dword [esi*2+0x12345678],eax
    {CODE_32, "\x67\x8b\x18", 3, OPERATION_MOV, 4, 4}, // mov ebx,dword [bx+si]
    {CODE_32, "\x26\x01\x47\xff", 4, OPERATION_ADD, 4, 4}, // add dword [es:edi-1],eax
    {CODE_32, "\x0b\x1c\x24", 3, OPERATION_OR, 4, 4}, // or ebx,dword [esp]
    {CODE_32, "\x83\x4d\x08\x05", 4, OPERATION_OR, 4, 4}, // or dword [ebp+8],5
    {CODE_32, "\x67\x81\x10\x78\x56\x34\x12", 7, OPERATION_ADC, 4, 4}, // adc dword [bx+si],0x12345678
    {CODE_32, "\x21\x45\x08", 3, OPERATION_AND, 4, 4}, // and dword [ebp+8],eax
    {CODE_32, "\x67\x2b\x18", 3, OPERATION_SUB, 4, 4}, // sub ebx,dword [bx+si]
    {CODE_32, "\x2e\x67\x83\x6e\x02\x05", 6, OPERATION_SUB, 4, 4}, // sub dword [cs:bp+2],5
    {CODE_32, "\x81\x35\x34\x12\x00\x00\x78\x56\x34\x12", 10, OPERATION_XOR, 4, 4}, // xor dword [0x1234],0x12345678
    {CODE_32, "\x2e\x67\x85\x46\x02", 5, OPERATION_TEST, 4, 4}, // test dword [cs:bp+2],eax
    {CODE_32, "\xf7\x15\x34\x12\x00\x00", 6, OPERATION_NOT, 4, 4}, // not dword [0x1234]
    {CODE_32, "\xf7\x1c\x8b", 3, OPERATION_NEG, 4, 4}, // neg dword [ebx+ecx*4]
    {CODE_32, "\x65\x0f\xc1\x1a", 4, OPERATION_XADD, 4, 4}, // xadd [gs:edx],ebx
    {CODE_32, "\x0f\xb3\x04\x8b", 4, OPERATION_BTR, 4, 4}, // btr [ebx+ecx*4],eax
    {CODE_32, "\x65\x0f\xbe\x1a", 4, OPERATION_MOVSX, 4, 1}, // movsx ebx,byte [gs:edx]
    {CODE_32, "\x0f\xb7\x00", 3, OPERATION_MOVZX, 4, 2}, // movzx eax,word [eax]
    {CODE_32, "\xa7", 1, OPERATION_CMPS, 4, 4}, // cmpsd
    {CODE_32, "\xf3\xad", 2, OPERATION_LODS, 4, 4}, // rep lodsd
    {CODE_32, "\x64\xad", 2, OPERATION_LODS, 4, 4}, // fs lodsd
    {CODE_32, "\x6d", 1, OPERATION_INS, 4, 4}, // insd
    {CODE_32, "\xff\xb4\x36\x78\x56\x34\x12", 7, OPERATION_PUSH, 4, 4}, // push dword [esi*2+0x12345678]
    {CODE_32, "\x0f\x22\xd2", 3, OPERATION_MOV_CONTROL, 4, 4}, // mov cr2,edx
    {CODE_32, "\x0f\x21\xc0", 3, OPERATION_MOV_DEBUG, 4, 4}, // mov eax,dr0
    {CODE_32, "\x0f\x23\xc2", 3, OPERATION_MOV_DEBUG, 4, 4}, // mov dr0,edx
    {CODE_64, "\x88\x00", 2, OPERATION_MOV, 1, 1}, // mov byte [rax],al
    {CODE_64, "\x40\x8a\x75\x08", 4, OPERATION_MOV, 1, 1}, // mov sil,byte [rbp+8]
    {CODE_64, "\x88\x05\xfa\x00\x00\x00", 6, OPERATION_MOV, 1, 1}, // mov byte [rel $+0x100],al
    {CODE_64, "\x8a\x0d\xfa\x00\x00\x00", 6, OPERATION_MOV, 1, 1}, // mov cl,byte [rel $+0x100]
    {CODE_64, "\x40\x88\xb4\x36\x78\x56\x34\x12", 8, OPERATION_MOV, 1, 1}, // mov byte [rsi*2+0x12345678],sil
    {CODE_64, "\x67\x8a\x0c\x0f", 4, OPERATION_MOV, 1, 1}, // mov cl,byte [edi+ecx]
    {CODE_64, "\x42\x88\x74\x25\x00", 5, OPERATION_MOV, 1, 1}, // mov byte [rbp+r12*1],sil
    {CODE_64, "\x46\x8a\x4c\x25\x00", 5, OPERATION_MOV, 1, 1}, // mov r9b,byte [rbp+r12*1]
    {CODE_64, "\x41\x80\x04\x24\x05", 5, OPERATION_ADD, 1, 1}, // add byte [r12],5
    {CODE_64, "\x80\x8c\x36\x78\x56\x34\x12\x7f", 8, OPERATION_OR, 1, 1}, // or byte [rsi*2+0x12345678],0x7f
    {CODE_64, "\x42\x18\x74\x25\x00", 5, OPERATION_SBB, 1, 1}, // sbb byte [rbp+r12*1],sil
    {CODE_64, "\x44\x1a\x4c\x6c\x01", 5, OPERATION_SBB, 1, 1}, // sbb r9b,byte [rsp+rbp*2+1]
    {CODE_64, "\x41\x80\x65\x00\x05", 5, OPERATION_AND, 1, 1}, // and byte [r13],5
    {CODE_64, "\x80\x2c\x25\x00\x10\x00\x00\x7f", 8, OPERATION_SUB, 1, 1}, // sub byte [abs 0x1000],0x7f
    {CODE_64, "\x44\x38\x4c\x6c\x01", 5, OPERATION_CMP, 1, 1}, // cmp byte [rsp+rbp*2+1],r9b
    {CODE_64, "\x3a\x00", 2, OPERATION_CMP, 1, 1}, // cmp al,byte [rax]
    {CODE_64, "\x86\x05\xfa\x00\x00\x00", 6, OPERATION_XCHG, 1, 1}, // xchg byte [rel $+0x100],al
    {CODE_64, "\xf0\x67\xfe\x04\x0f", 5, OPERATION_INC, 1, 1}, // lock inc byte [edi+ecx]
    {CODE_64, "\xa4", 1, OPERATION_MOVS, 1, 1}, // movsb
    {CODE_64, "\xf3\xa4", 2, OPERATION_MOVS, 1, 1}, // rep movsb
    {CODE_64, "\xac", 1, OPERATION_LODS, 1, 1}, // lodsb
    {CODE_64, "\xf3\x67\xa4", 3, OPERATION_MOVS, 1, 1}, // a32 rep movsb
    {CODE_64, "\xa2\x88\x77\x66\x55\x44\x33\x22\x11", 9, OPERATION_MOV, 1, 1}, // mov [qword 0x1122334455667788],al
    {CODE_64, "\x66\x44\x89\x10", 4, OPERATION_MOV, 2, 2}, // mov word [rax],r10w
    {CODE_64, "\x66\x44\x8b\x55\x08", 5, OPERATION_MOV, 2, 2}, // mov r10w,word [rbp+8]
    {CODE_64, "\x66\x89\x15\xf9\x00\x00\x00", 7, OPERATION_MOV, 2, 2}, // mov word [rel $+0x100],dx
    {CODE_64, "\x66\x43\x8b\x94\xc8\x00\x00\x00\x80", 9, OPERATION_MOV, 2, 2}, // mov dx,word [r8+r9*8-0x80000000]
    {CODE_64, "\x66\x89\x94\x36\x78\x56\x34\x12", 8, OPERATION_MOV, 2, 2}, // mov word [rsi*2+0x12345678],dx
    {CODE_64, "\x66\x67\x8b\x14\x0f", 5, OPERATION_MOV, 2, 2}, // mov dx,word [edi+ecx]
    {CODE_64, "\x66\x42\x89\x44\x25\x00", 6, OPERATION_MOV, 2, 2}, // mov word [rbp+r12*1],ax
    {CODE_64, "\x66\x03\x14\x24", 4, OPERATION_ADD, 2, 2}, // add dx,word [rsp]
    {CODE_64, "\x66\x83\x45\x08\x05", 5, OPERATION_ADD, 2, 2}, // add word [rbp+8],5
    {CODE_64, "\x66\x43\x81\x8c\xc8\x00\x00\x00\x80\x34\x12", 11, OPERATION_OR, 2, 2}, // or word [r8+r9*8-0x80000000],0x1234
    {CODE_64, "\x64\x66\x19\x04\x25\x20\x00\x00\x00", 9, OPERATION_SBB, 2, 2}, // sbb word [fs:0x20],ax
    {CODE_64, "\x66\x44\x23\x55\x08", 5, OPERATION_AND, 2, 2}, // and r10w,word [rbp+8]
    {CODE_64, "\x66\x41\x83\x24\x24\x05", 6, OPERATION_AND, 2, 2}, // and word [r12],5
    {CODE_64, "\x66\x81\xac\x36\x78\x56\x34\x12\x34\x12", 10, OPERATION_SUB, 2, 2}, // sub word [rsi*2+0x12345678],0x1234
    {CODE_64, "\x66\x42\x39\x54\x25\x00", 6, OPERATION_CMP, 2, 2}, // cmp word [rbp+r12*1],dx
    {CODE_64, "\x66\x41\xf7\x04\x24\x01\x00", 7, OPERATION_TEST, 2, 2}, // test word [r12],1
    {CODE_64, "\x66\x41\x87\x55\x00", 5, OPERATION_XCHG, 2, 2}, // xchg word [r13],dx
    {CODE_64, "\xf0\x66\xff\x04\x25\x00\x10\x00\x00", 9, OPERATION_INC, 2, 2}, // lock inc word [abs 0x1000]
    {CODE_64, "\x66\x44\x0f\xa3\x54\x6c\x01", 7, OPERATION_BT, 2, 2}, // bt [rsp+rbp*2+1],r10w
    {CODE_64, "\x66\x41\x0f\xba\x75\x00\x07", 7, OPERATION_BTR, 2, 2}, // btr word [r13],7
    {CODE_64, "\x66\x44\x0f\xbb\x15\xf7\x00\x00\x00", 9, OPERATION_BTC, 2, 2}, // btc [rel $+0x100],r10w
    {CODE_64, "\xf3\x66\xa5", 3, OPERATION_MOVS, 2, 2}, // rep movsw
    {CODE_64, "\x66\xad", 2, OPERATION_LODS, 2, 2}, // lodsw
    {CODE_64, "\xf3\x66\x67\xa5", 4, OPERATION_MOVS, 2, 2}, // a32 rep movsw
    {CODE_64, "\x64\x66\xad", 3, OPERATION_LODS, 2, 2}, // fs lodsw
    {CODE_64, "\x44\x89\x18", 3, OPERATION_MOV, 4, 4}, // mov dword [rax],r11d
    {CODE_64, "\x44\x8b\x5d\x08", 4, OPERATION_MOV, 4, 4}, // mov r11d,dword [rbp+8]
    {CODE_64, "\x89\x1d\xfa\x00\x00\x00", 6, OPERATION_MOV, 4, 4}, // mov dword [rel $+0x100],ebx
    {CODE_64, "\x44\x8b\x1d\xf9\x00\x00\x00", 7, OPERATION_MOV, 4, 4}, // mov r11d,dword [rel $+0x100]
    {CODE_64, "\x89\x9c\x36\x78\x56\x34\x12", 7, OPERATION_MOV, 4, 4}, // mov dword [rsi*2+0x12345678],ebx
    {CODE_64, "\x67\x8b\x1c\x0f", 4, OPERATION_MOV, 4, 4}, // mov ebx,dword [edi+ecx]
    {CODE_64, "\x42\x89\x44\x25\x00", 5, OPERATION_MOV, 4, 4}, // mov dword [rbp+r12*1],eax
    {CODE_64, "\x42\x8b\x5c\x25\x00", 5, OPERATION_MOV, 4, 4}, // mov ebx,dword [rbp+r12*1]
    {CODE_64, "\x65\x83\x42\x10\x05", 5, OPERATION_ADD, 4, 4}, // add dword [gs:rdx+0x10],5
    {CODE_64, "\x81\x0c\x24\x78\x56\x34\x12", 7, OPERATION_OR, 4, 4}, // or dword [rsp],0x12345678
    {CODE_64, "\x19\x04\x8b", 3, OPERATION_SBB, 4, 4}, // sbb dword [rbx+rcx*4],eax
    {CODE_64, "\x43\x1b\x9c\xc8\x00\x00\x00\x80", 8, OPERATION_SBB, 4, 4}, // sbb ebx,dword [r8+r9*8-0x80000000]
    {CODE_64, "\x64\x83\x24\x25\x20\x00\x00\x00\x05", 9, OPERATION_AND, 4, 4}, // and dword [fs:0x20],5
    {CODE_64, "\x81\x6d\x08\x78\x56\x34\x12", 7, OPERATION_SUB, 4, 4}, // sub dword [rbp+8],0x12345678
    {CODE_64, "\x43\x39\x9c\xc8\x00\x00\x00\x80", 8, OPERATION_CMP, 4, 4}, // cmp dword [r8+r9*8-0x80000000],ebx
    {CODE_64, "\x44\x3b\x9c\x36\x78\x56\x34\x12", 8, OPERATION_CMP, 4, 4}, // cmp r11d,dword [rsi*2+0x12345678]
    {CODE_64, "\x42\x87\x5c\x25\x00", 5, OPERATION_XCHG, 4, 4}, // xchg dword [rbp+r12*1],ebx
    {CODE_64, "\xf0\x41\xff\x04\x24", 5, OPERATION_INC, 4, 4}, // lock inc dword [r12]
    {CODE_64, "\x44\x0f\xa3\x9c\x36\x78\x56\x34\x12", 9, OPERATION_BT, 4, 4}, // bt [rsi*2+0x12345678],r11d
    {CODE_64, "\x0f\xba\x24\x25\x00\x10\x00\x00\x07", 9, OPERATION_BT, 4, 4}, // bt dword [abs 0x1000],7
    {CODE_64, "\x44\x0f\xbb\x5c\x6c\x01", 6, OPERATION_BTC, 4, 4}, // btc [rsp+rbp*2+1],r11d
    {CODE_64, "\x41\x0f\xbf\x5d\x00", 5, OPERATION_MOVSX, 4, 2}, // movsx ebx,word [r13]
    {CODE_64, "\xf3\xa7", 2, OPERATION_CMPS, 4, 4}, // repe cmpsd
    {CODE_64, "\xab", 1, OPERATION_STOS, 4, 4}, // stosd
    {CODE_64, "\xf3\xaf", 2, OPERATION_SCAS, 4, 4}, // repe scasd
    {CODE_64, "\xf3\x6f", 2, OPERATION_OUTS, 4, 4}, // rep outsd
    {CODE_64, "\x48\x89\x04\x24", 4, OPERATION_MOV, 8, 8}, // mov qword [rsp],rax
    {CODE_64, "\x48\x8b\x3c\x24", 4, OPERATION_MOV, 8, 8}, // mov rdi,qword [rsp]
    {CODE_64, "\x49\x89\x45\x00", 4, OPERATION_MOV, 8, 8}, // mov qword [r13],rax
    {CODE_64, "\x48\x8b\x04\x8b", 4, OPERATION_MOV, 8, 8}, // mov rax,qword [rbx+rcx*4]
    {CODE_64, "\x4c\x89\x3c\x25\x00\x10\x00\x00", 8, OPERATION_MOV, 8, 8}, // mov qword [abs 0x1000],r15
    {CODE_64, "\x48\x8b\x04\x25\x00\x10\x00\x00", 8, OPERATION_MOV, 8, 8}, // mov rax,qword [abs 0x1000]
    {CODE_64, "\x64\x4c\x89\x3c\x25\x20\x00\x00\x00", 9, OPERATION_MOV, 8, 8}, // mov qword [fs:0x20],r15
    {CODE_64, "\x4c\x8b\x7c\x6c\x01", 5, OPERATION_MOV, 8, 8}, // mov r15,qword [rsp+rbp*2+1]
    {CODE_64, "\x67\x48\x09\x3c\x0f", 5, OPERATION_OR, 8, 8}, // or qword [edi+ecx],rdi
    {CODE_64, "\x65\x4c\x0b\x7a\x10", 5, OPERATION_OR, 8, 8}, // or r15,qword [gs:rdx+0x10]
    {CODE_64, "\x48\x83\x14\x24\x05", 5, OPERATION_ADC, 8, 8}, // adc qword [rsp],5
    {CODE_64, "\x48\x81\x1c\x8b\x78\x56\x34\x12", 8, OPERATION_SBB, 8, 8}, // sbb qword [rbx+rcx*4],0x12345678
    {CODE_64, "\x65\x4c\x29\x7a\x10", 5, OPERATION_SUB, 8, 8}, // sub qword [gs:rdx+0x10],r15
    {CODE_64, "\x64\x48\x2b\x04\x25\x20\x00\x00\x00", 9, OPERATION_SUB, 8, 8}, // sub rax,qword [fs:0x20]
    {CODE_64, "\x48\x83\x75\x08\x05", 5, OPERATION_XOR, 8, 8}, // xor qword [rbp+8],5
    {CODE_64, "\x4b\x81\xbc\xc8\x00\x00\x00\x80\x78\x56\x34\x12", 12, OPERATION_CMP, 8, 8}, // cmp qword [r8+r9*8-0x80000000],0x12345678
    {CODE_64, "\x64\x48\xff\x0c\x25\x20\x00\x00\x00", 9, OPERATION_DEC, 8, 8}, // dec qword [fs:0x20]
    {CODE_64, "\x4a\xf7\x54\x25\x00", 5, OPERATION_NOT, 8, 8}, // not qword [rbp+r12*1]
    {CODE_64, "\xf0\x49\x0f\xb1\x04\x24", 6, OPERATION_CMPXCHG, 8, 8}, // lock cmpxchg [r12],rax
    {CODE_64, "\x48\x0f\xba\xac\x36\x78\x56\x34\x12\x07", 10, OPERATION_BTS, 8, 8}, // bts qword [rsi*2+0x12345678],7
    {CODE_64, "\x4a\x0f\xb6\x7c\x25\x00", 6, OPERATION_MOVZX, 8, 1}, // movzx rdi,byte [rbp+r12*1]
    {CODE_64, "\x4c\x0f\xbe\x7c\x6c\x01", 6, OPERATION_MOVSX, 8, 1}, // movsx r15,byte [rsp+rbp*2+1]
    {CODE_64, "\x48\xa5", 2, OPERATION_MOVS, 8, 8}, // movsq
    {CODE_64, "\xf3\x48\xab", 3, OPERATION_STOS, 8, 8}, // rep stosq
    {CODE_64, "\xf2\x48\xaf", 3, OPERATION_SCAS, 8, 8}, // repne scasq
    {CODE_64, "\xf3\x67\x48\xa5", 4, OPERATION_MOVS, 8, 8}, // a32 rep movsq
    {CODE_64, "\x66\x8f\x05\xf9\x00\x00\x00", 7, OPERATION_POP, 2, 2}, // pop word [rel $+0x100]
    {CODE_64, "\x0f\x20\xd0", 3, OPERATION_MOV_CONTROL, 8, 8}, // mov rax,cr2
    {CODE_64, "\x41\x0f\x22\xe1", 4, OPERATION_MOV_CONTROL, 8, 8}, // mov cr4,r9
    {CODE_64, "\x44\x0f\x20\xc0", 4, OPERATION_MOV_CONTROL, 8, 8}, // mov rax,cr8
    {CODE_64, "\x41\x0f\x23\xf1", 4, OPERATION_MOV_DEBUG, 8, 8}, // mov dr6,r9
    {CODE_64, "\x0f\xae\x38", 3, OPERATION_CACHE, 1, 1}, // clflush [rax]
    {CODE_64, "\x66\x0f\xae\x79\x08", 5, OPERATION_CACHE, 1, 1}, // clflushopt [rcx+8]
    {CODE_32, "\x66\x0f\xae\x30", 4, OPERATION_CACHE, 1, 1}, // clwb [eax]
};
// clang-format on
