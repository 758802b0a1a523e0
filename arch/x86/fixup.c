// SPDX-License-Identifier: MIT
// The table of instructions that may fault.
#include "arch/x86/fixup.h"
#include "arch/x86/interrupts.h"

// Labels in msr_safe.asm.
extern const char rdmsr_at[];
extern const char rdmsr_bad[];
extern const char wrmsr_at[];
extern const char wrmsr_bad[];

static const struct fixup fixups[] = {
    {rdmsr_at, rdmsr_bad},
    {wrmsr_at, wrmsr_bad},
};

bool fixup_apply(struct interrupt_frame *frame)
{
    for (size_t i = 0; i < ARRAY_SIZE(fixups); i++) {
        if (frame->rip == (uintptr_t)fixups[i].at) {
            frame->rip = (uintptr_t)fixups[i].continue_at;
            return true;
        }
    }
    return false;
}
