// SPDX-License-Identifier: MIT
// Carries out one attack and puts the machine back in order.
#include "guests/greedy/attack.h"

#include "arch/x86/registers.h"
#include "guests/greedy/processors.h"
#include "guests/greedy/time.h"
#include "guests/lib/apic.h"
#include "guests/lib/hpet.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/print.h"
#include "guests/lib/traps.h"

#define ABOVE_ALL 0xf0U // a task priority

static uint64_t end_tsc;

bool attack_over(void)
{
    return tsc_read() >= end_tsc;
}

// Leaves interrupts off at the end of the attack: they may come so densely that the interrupted
// code would never run again.
static void calm_down(struct trap_frame *frame)
{
    if (attack_over()) {
        frame->rflags &= ~RFLAGS_IF;
    }
}

static void acknowledge(struct trap_frame *frame)
{
    xapic_write(APIC_EOI, 0);
    calm_down(frame);
}

static void acknowledge_pit(struct trap_frame *frame)
{
    pic_end_of_interrupt(PIT_IRQ);
    calm_down(frame);
}

static void ignore(struct trap_frame *frame)
{
    (void)frame;
}

void attack_init(void)
{
    pic_init();
    trap_set_handler(SINK_VECTOR, acknowledge);
    trap_set_handler(TIMER_VECTOR, acknowledge);
    trap_set_handler(PIC_VECTOR + PIT_IRQ, acknowledge_pit);
    trap_set_handler(VECTOR_NMI, ignore);
}

void attack_compute(uint64_t duration_us)
{
    const uint64_t end = tsc_read() + time_ticks(duration_us);
    while (tsc_read() < end) {
        for (unsigned i = 0; i < 50; i++) {
            __asm__ volatile("" ::: "memory");
        }
    }
}

void attack_take_interrupts(void)
{
    while (!attack_over()) {
        cpu_wait_for_interrupt();
    }
}

void attack_rest(void)
{
    time_wake_at(end_tsc);
    attack_take_interrupts();
}

void attack_halt_deaf(void)
{
    for (;;) {
        cpu_interrupts_off();
        cpu_halt();
    }
}

void attack_halt_above_all(void)
{
    xapic_write(APIC_TPR, ABOVE_ALL);
    for (;;) {
        cpu_wait_for_interrupt();
    }
}

static void quiet(void)
{
    processors_stop();
    hpet_quiet();
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        ioapic_set(pin, (uint32_t)ENTRY_MASKED);
    }
    pit_stop();
    pic_mask_all();
    apic_set_mode(APIC_MODE_OFF); // forgets all requests
    apic_set_mode(APIC_MODE_XAPIC);
}

bool attack_run(const struct attack *attack, uint64_t duration_ms)
{
    end_tsc = UINT64_MAX;
    apic_set_mode(APIC_MODE_XAPIC);
    if (attack->others && !processors_start(attack->others)) {
        return false;
    }
    print("greedy: %s begins\n", attack->name);
    if (duration_ms != 0) {
        end_tsc = tsc_read() + time_ticks(duration_ms * 1000);
    }
    cpu_interrupts_on();
    attack->first();
    cpu_interrupts_off();
    quiet();
    return true;
}
