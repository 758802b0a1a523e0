// SPDX-License-Identifier: MIT
// The state at the guest's start and after exits: nothing of others is left, nothing of its own is
// lost.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/cpu.h"

#define EXITS 1000
#define FXSAVE_XMM_OFFSET 160
#define FXSAVE_XMM_BYTES 256
#define PATTERN 0x0123456789abcdefULL

bool state_registers_survive(void); // in state.asm

static uint8_t fx_area[512] __attribute__((aligned(16)));

// SDM Vol. 3A table 9-1: the XMM registers are 0 after a reset.
static enum outcome xmm_at_start(void)
{
    cr4_write(cr4_read() | CR4_OSFXSR);
    __asm__ volatile("fxsave %0" : "=m"(fx_area));
    for (unsigned i = 0; i < FXSAVE_XMM_BYTES; i++) {
        if (fx_area[FXSAVE_XMM_OFFSET + i] != 0) {
            return attempt_wrong("byte", fx_area[FXSAVE_XMM_OFFSET + i]);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome debug_registers_at_start(void)
{
    uint64_t dr1;
    uint64_t dr2;
    uint64_t dr3;
    __asm__ volatile("mov %%dr1, %0\n\tmov %%dr2, %1\n\tmov %%dr3, %2"
                     : "=r"(dr1), "=r"(dr2), "=r"(dr3));
    const uint64_t any = dr0_read() | dr1 | dr2 | dr3;
    return any == 0 ? OUTCOME_DONE : attempt_wrong("bits", any);
}

static enum outcome registers_across_exits(void)
{
    for (unsigned i = 0; i < EXITS; i++) {
        if (!state_registers_survive()) {
            return attempt_wrong("exit", i);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome xmm_across_exits(void)
{
    uint64_t value = PATTERN;
    cr4_write(cr4_read() | CR4_OSFXSR);
    __asm__ volatile("movq %0, %%xmm7" ::"r"(value));
    for (unsigned i = 0; i < EXITS; i++) {
        cpuid(0, 0);
    }
    __asm__ volatile("movq %%xmm7, %0" : "=r"(value));
    return value == PATTERN ? OUTCOME_DONE : attempt_wrong("xmm7", value);
}

static enum outcome tsc_forward(void)
{
    uint64_t last = tsc_read();
    for (unsigned i = 0; i < EXITS; i++) {
        cpuid(0, 0);
        const uint64_t now = tsc_read();
        if (now <= last) {
            return attempt_wrong("back by", last - now);
        }
        last = now;
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"XMM registers at the start", xmm_at_start, DONE},
    {"debug registers at the start", debug_registers_at_start, DONE},
    {"registers and flags across 1000 exits", registers_across_exits, DONE},
    {"an XMM register across 1000 exits", xmm_across_exits, DONE},
    {"the TSC across 1000 exits", tsc_forward, DONE},
};

const struct attempt_group state_group = {attempts, ARRAY_SIZE(attempts)};
