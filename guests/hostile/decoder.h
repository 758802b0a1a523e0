// SPDX-License-Identifier: MIT
// Instructions with a memory operand, and a way to run them with any registers.
#pragma once

#include "vmm/util/types.h"

#define FORM_BYTES_MAX 12

enum form_kind {
    ANY,
    ONLY_64,  // has a REX prefix, or means something else in other modes
    PAIR,     // two instructions
    ONE_SIZE, // a prefix for the operand's size would make it another instruction
};

// An instruction with its memory operand at [rdi] or [rsi], which are the same address.
struct form {
    uint8_t length;
    enum form_kind kind;
    uint8_t bytes[FORM_BYTES_MAX];
};

extern const struct form decoder_forms[];
extern const unsigned decoder_form_count;

// decoder.asm has the offsets of the members.
struct decoder_state {
    uint64_t rax, rcx, rdx, rbx, rsi, rdi;
    uint64_t flags;
};
static_assert(sizeof(struct decoder_state) == 56, "offsets in decoder.asm");

void decoder_run(const void *code, struct decoder_state *state);
void decoder_run_legacy(uint32_t offset, uint16_t selector, struct decoder_state *state);
