// SPDX-License-Identifier: MIT
// The handlers of vectors, and the treatment of vectors without a handler.
#include "arch/x86/interrupts.h"

#include "arch/x86/cpu.h"
#include "arch/x86/exceptions.h"

static void (*handlers[INTERRUPT_VECTORS])(struct interrupt_frame *frame);
static void (*end_unexpected)(uint8_t vector);

void interrupt_set_handler(uint8_t vector, void (*handler)(struct interrupt_frame *frame))
{
    __atomic_store_n(&handlers[vector], handler, __ATOMIC_RELEASE);
}

void interrupt_set_unexpected(void (*end)(uint8_t vector))
{
    end_unexpected = end;
}

static void take_unexpected(uint8_t vector)
{
    cpu_this()->unexpected_interrupt_count++;
    if (end_unexpected) {
        end_unexpected(vector);
    }
}

bool interrupts_disturbed(void)
{
    struct cpu *cpu = cpu_this();
    bool disturbed = cpu->disturbed;
    cpu->disturbed = false;
    return disturbed;
}

void interrupt_dispatch(struct interrupt_frame *frame)
{
    if (frame->vector >= FIRST_INTERRUPT) {
        cpu_this()->disturbed = true;
    }
    void (*handler)(struct interrupt_frame *) =
        __atomic_load_n(&handlers[frame->vector], __ATOMIC_ACQUIRE);
    if (handler) {
        handler(frame);
    } else if (frame->vector < FIRST_INTERRUPT) {
        exception_handle(frame);
    } else {
        take_unexpected((uint8_t)frame->vector);
    }
}
