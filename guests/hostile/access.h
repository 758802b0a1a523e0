// SPDX-License-Identifier: MIT
// Accesses to memory, of any width and at any address.
#pragma once

#include "vmm/util/types.h"

static inline uint64_t access_ones(unsigned width)
{
    return width >= 8 ? UINT64_MAX : BIT(8 * width) - 1;
}

// `width` is 1, 2, 4 or 8 in all functions of this file.
static inline uint64_t access_read(uint64_t address, unsigned width)
{
    uint64_t value = 0;
    switch (width) {
    case 1:
        __asm__ volatile("movb (%1), %b0" : "+r"(value) : "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("movw (%1), %w0" : "+r"(value) : "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
        break;
    }
    return value;
}

static inline void access_write(uint64_t address, unsigned width, uint64_t value)
{
    switch (width) {
    case 1:
        __asm__ volatile("movb %b0, (%1)" ::"q"(value), "r"(address) : "memory");
        break;
    case 2:
        __asm__ volatile("movw %w0, (%1)" ::"r"(value), "r"(address) : "memory");
        break;
    case 4:
        __asm__ volatile("movl %k0, (%1)" ::"r"(value), "r"(address) : "memory");
        break;
    default:
        __asm__ volatile("movq %0, (%1)" ::"r"(value), "r"(address) : "memory");
        break;
    }
}
