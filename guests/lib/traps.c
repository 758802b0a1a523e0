// SPDX-License-Identifier: MIT
// Exceptions and interrupts: handlers, and calls that survive an exception.
#include "guests/lib/traps.h"

#include "guests/lib/cpu.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define TRAP_ENTRY_BYTES 16
#define EXCEPTIONS 32
#define STATUS_UNCAUGHT 255

// In traps.asm.
extern const uint8_t trap_entries[];
extern uint64_t trap_recovery_stack;
bool trap_try(void (*function)(void *argument), void *argument);
void trap_recover(void);

static trap_handler *handlers[IDT_VECTORS];
static struct trap last;

static const char *const names[EXCEPTIONS] = {
    [0] = "#DE",  [1] = "#DB",  [2] = "NMI",  [3] = "#BP",  [4] = "#OF",
    [5] = "#BR",  [6] = "#UD",  [7] = "#NM",  [8] = "#DF",  [10] = "#TS",
    [11] = "#NP", [12] = "#SS", [13] = "#GP", [14] = "#PF", [16] = "#MF",
    [17] = "#AC", [18] = "#MC", [19] = "#XM", [20] = "#VE", [21] = "#CP",
};

const char *trap_name(unsigned vector)
{
    return vector < EXCEPTIONS && names[vector] ? names[vector] : "#?";
}

const void *trap_entry(unsigned vector)
{
    return trap_entries + (size_t)vector * TRAP_ENTRY_BYTES;
}

void trap_set_handler(unsigned vector, trap_handler *handler)
{
    handlers[vector % IDT_VECTORS] = handler;
}

static void report_uncaught(const struct trap_frame *frame)
{
    print("guest: vector %lu %s error %lx at rip %lx, rsp %lx, rflags %lx, cr2 %lx\n",
          frame->vector, trap_name((unsigned)frame->vector), frame->error_code, frame->rip,
          frame->rsp, frame->rflags, cr2_read());
    guest_end(STATUS_UNCAUGHT);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (handlers[frame->vector]) {
        handlers[frame->vector](frame);
        return;
    }
    if (trap_recovery_stack == 0) {
        report_uncaught(frame);
    }
    last.frame = *frame;
    last.cr2 = cr2_read();
    frame->rip = (uint64_t)(uintptr_t)trap_recover;
    frame->rsp = trap_recovery_stack;
    frame->cs = SELECTOR_CODE;
    frame->ss = SELECTOR_DATA;
    frame->rflags = BIT(1); // trap_recover restores the caller's
}

bool trap_catch(void (*function)(void *argument), void *argument, struct trap *trap)
{
    const bool caught = trap_try(function, argument);
    if (caught) {
        *trap = last;
    }
    return caught;
}

void traps_init(void)
{
    descriptors_init();
    idt_set(8, trap_entry(8), IST_FAULTS, 0);
    idt_set(2, trap_entry(2), IST_FAULTS, 0);
}
