// SPDX-License-Identifier: MIT
// Walks frame pointers within one stack.
#include "arch/x86/backtrace.h"

#include "arch/x86/cpu.h"
#include "arch/x86/stacks.h"
#include "arch/x86/symbols.h"
#include "vmm/util/format.h"

#define DEPTH_MAX 32
#define LINE_BYTES 128

// The two values at RBP in a function with frame pointers.
struct frame {
    uint64_t caller_frame;
    uint64_t return_address;
};

// Whether `address` may hold a struct frame.
static bool may_be_frame(uint64_t address)
{
    return stacks_hold(address) && !stacks_is_guard(address) &&
           IS_ALIGNED(address, sizeof(uint64_t)) &&
           address % STACK_SLOT_BYTES <= STACK_SLOT_BYTES - sizeof(struct frame);
}

// Prints `address` with the name of the function that contains `inside`.
static void format_inside(char *buffer, size_t size, uint64_t address, uint64_t inside)
{
    uint64_t offset;
    const char *name = symbols_find(inside, &offset);
    if (name) {
        format_text(buffer, size, "%#lx %s+%#lx", address, name, offset + (address - inside));
    } else {
        format_text(buffer, size, "%#lx", address);
    }
}

void backtrace_format(char *buffer, size_t size, uint64_t address)
{
    format_inside(buffer, size, address, address);
}

void backtrace_from(uint64_t frame, void (*line)(const char *text))
{
    char text[LINE_BYTES];
    uint64_t slot = ALIGN_DOWN(frame, STACK_SLOT_BYTES);
    for (unsigned depth = 0; depth < DEPTH_MAX && may_be_frame(frame); depth++) {
        const struct frame *here = (const struct frame *)frame;
        text[0] = ' ';
        text[1] = ' ';
        // The last instruction of a function may be a call that never returns: take the call's
        // name.
        format_inside(text + 2, sizeof(text) - 2, here->return_address, here->return_address - 1);
        line(text);
        // Callers lie higher on the same stack. Any other pointer is damaged, and might never end.
        if (here->caller_frame <= frame ||
            ALIGN_DOWN(here->caller_frame, STACK_SLOT_BYTES) != slot) {
            break;
        }
        frame = here->caller_frame;
    }
}
