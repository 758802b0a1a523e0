// SPDX-License-Identifier: MIT
// Says which events each scenario brings, in which order, and what they push.
#include "arch/x86/registers.h"
#include "guests/events/scenarios.h"
#include "guests/lib/apic.h"
#include "guests/lib/cpu.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/hpet.h"
#include "guests/lib/pic.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"

#define VECTOR_TEST 0x60
#define EVENTS_MAX 16
#define SCENARIO_BYTES_MAX 100

// Kinds and lengths of the breakpoint in DR0, as in scenarios.asm; 0: at an instruction.
#define DR7_FIELDS_0 (0xfULL << 16)
#define DR7_PORT (0x2ULL << 16)
#define DR7_DEVICE (0xfULL << 16)
#define PORT_POST 0x80
#define DR6_B0 BIT(0)

struct seen {
    uint64_t vector;
    uint64_t rip;
    uint64_t rflags;
    uint64_t dr6;
};

static const struct scenario *current;
static struct seen seen[EVENTS_MAX];
static unsigned count;

// ---- Handlers ----

static void note(struct trap_frame *frame, uint64_t dr6)
{
    if (count == EVENTS_MAX) {
        frame->rflags &= ~(uint64_t)RFLAGS_TF;
        return;
    }
    seen[count++] = (struct seen){frame->vector, frame->rip, frame->rflags, dr6};
}

// RF lets an instruction go on that has met a breakpoint. The scenarios with NMIs need one step.
static void on_debug(struct trap_frame *frame)
{
    note(frame, dr6_read());
    dr6_write(DR6_FIXED);
    frame->rflags |= RFLAGS_RF;
    if (current->extra == EXTRA_NMI_STEP) {
        frame->rflags &= ~(uint64_t)RFLAGS_TF;
    }
}

// The fault of the IRET of an NMI's handler came on the stack of that handler.
static void on_fault(struct trap_frame *frame)
{
    note(frame, 0);
    if (current->extra == EXTRA_NMI_NOWHERE) {
        frame->rsp = scenario_rsp;
    }
    frame->rip = (uint64_t)(uintptr_t)current->after;
}

static void on_trap(struct trap_frame *frame)
{
    note(frame, 0);
}

// INT n comes here too, and has no end of interrupt.
static void on_interrupt(struct trap_frame *frame)
{
    note(frame, 0);
    if ((xapic_read(APIC_ISR + 0x10 * (VECTOR_TEST / 32)) & BIT(VECTOR_TEST % 32)) != 0) {
        xapic_write(APIC_EOI, 0);
    }
}

static void send_interrupt(void)
{
    xapic_write(APIC_ICR, IPI_SELF | APIC_ICR_ASSERT | VECTOR_TEST);
}

static void send_nmi(void)
{
    xapic_send_ipi(xapic_read(APIC_ID) >> APIC_ID_SHIFT, IPI_NMI);
}

static void do_extra(struct trap_frame *frame)
{
    send_nmi();
    switch ((enum scenario_extra)current->extra) {
    case EXTRA_NMI_THREE:
        send_nmi();
        send_nmi();
        break;
    case EXTRA_NMI_STEP:
        frame->rflags |= RFLAGS_TF;
        break;
    case EXTRA_NMI_INTERRUPT:
        send_interrupt();
        frame->rflags |= RFLAGS_IF;
        break;
    case EXTRA_NMI_NOWHERE:
        frame->cs = SELECTOR_LIMIT;
        break;
    case EXTRA_NONE:
    case EXTRA_INTERRUPT:
        break;
    }
}

static void on_nmi(struct trap_frame *frame)
{
    const bool first = count == 0;
    note(frame, 0);
    if (first && current->extra >= EXTRA_NMI_THREE) {
        do_extra(frame);
    }
}

// ---- The report ----

static const char *name_of(uint64_t vector)
{
    return vector == VECTOR_TEST ? "INT" : trap_name((unsigned)vector);
}

// An event may come before a handler has executed its first instruction.
static void print_place(uint64_t rip)
{
    const uint64_t offset = rip - (uint64_t)(uintptr_t)current->at;
    for (unsigned vector = 0; vector < IDT_VECTORS; vector++) {
        if (rip == (uint64_t)(uintptr_t)trap_entry(vector)) {
            print(" in %s", name_of(vector));
            return;
        }
    }
    if (offset < SCENARIO_BYTES_MAX) {
        print(" at +%lu", offset);
    } else {
        print(" elsewhere");
    }
}

static void print_seen(const struct seen *event)
{
    const bool trap = event->vector == VECTOR_DB;
    print(" %s%s%s%s", name_of(event->vector), event->dr6 & DR6_B0 ? " B0" : "",
          event->dr6 & DR6_BD ? " BD" : "", event->dr6 & DR6_BS ? " BS" : "");
    print("%s%s", event->rflags & RFLAGS_RF ? " RF" : "",
          !trap && (event->rflags & RFLAGS_TF) ? " TF" : "");
    print_place(event->rip);
}

static uint64_t breakpoint_of(const struct scenario *scenario)
{
    if ((scenario->dr7 & 1) == 0) {
        return 0;
    }
    switch (scenario->dr7 & DR7_FIELDS_0) {
    case 0:
        return (uint64_t)(uintptr_t)scenario->at;
    case DR7_PORT:
        return PORT_POST;
    case DR7_DEVICE:
        return HPET_ADDRESS;
    default:
        return (uint64_t)(uintptr_t)&watched;
    }
}

static void run(const struct scenario *scenario)
{
    current = scenario;
    count = 0;
    if (scenario->extra == EXTRA_INTERRUPT) {
        send_interrupt();
    }
    dr6_write(DR6_FIXED);
    dr0_write(breakpoint_of(scenario));
    dr7_write(DR7_FIXED | scenario->dr7);
    scenario->run();
    dr7_write(DR7_FIXED);
    print("%s:", scenario->name);
    for (unsigned i = 0; i < count; i++) {
        print("%s", i == 0 ? "" : ",");
        print_seen(&seen[i]);
    }
    print("\n");
    print_flush();
}

uint8_t guest_main(const struct guest *guest)
{
    (void)guest;
    trap_set_handler(VECTOR_DB, on_debug);
    trap_set_handler(VECTOR_NMI, on_nmi);
    trap_set_handler(VECTOR_BP, on_trap);
    trap_set_handler(VECTOR_UD, on_fault);
    trap_set_handler(VECTOR_GP, on_fault);
    trap_set_handler(VECTOR_TEST, on_interrupt);
    idt_set(VECTOR_GP, trap_entry(VECTOR_GP), IST_SPARE, 0); // an NMI may come in its handler
    cr4_write(cr4_read() | CR4_DE);                          // there are breakpoints on ports
    pic_mask_all();
    xapic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS_VECTOR);
    for (const struct scenario *scenario = scenarios; scenario < scenarios_end; scenario++) {
        run(scenario);
    }
    return 0;
}
