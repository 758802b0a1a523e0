// SPDX-License-Identifier: MIT
// The mailboxes of all CPUs, and the kick that makes a CPU look into its mailbox.
#include "arch/x86/ipi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/vectors.h"

#define CACHE_LINE 64

// It lies on the caller's stack until it is done. Every address space maps all stacks.
struct call {
    void (*function)(void *);
    void *argument;
    struct call *next;
    bool done;
};

struct mailbox {
    struct call *calls; // newest first
    bool kicked;        // written by its own CPU only
} __attribute__((aligned(CACHE_LINE)));

static struct mailbox mailboxes[CPUS_MAX];

static struct mailbox *own_mailbox(void)
{
    return &mailboxes[cpu_this()->index];
}

static void take_kick(struct interrupt_frame *frame)
{
    (void)frame;
    __atomic_store_n(&own_mailbox()->kicked, true, __ATOMIC_RELAXED);
    apic_eoi();
}

void ipi_init(void)
{
    interrupt_set_handler(VECTOR_KICK, take_kick);
    interrupt_set_handler(VECTOR_POSTED, take_kick); // the CPU was not in the guest when it came
}

void ipi_kick(unsigned cpu)
{
    if (cpu == cpu_this()->index) {
        __atomic_store_n(&own_mailbox()->kicked, true, __ATOMIC_RELAXED);
    } else {
        apic_send_fixed(cpu_by_index(cpu)->apic_id, VECTOR_KICK);
    }
}

void ipi_post(unsigned cpu)
{
    apic_send_fixed(cpu_by_index(cpu)->apic_id, VECTOR_POSTED);
}

static void post(unsigned cpu, struct call *call)
{
    struct mailbox *mailbox = &mailboxes[cpu];
    call->next = __atomic_load_n(&mailbox->calls, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&mailbox->calls, &call->next, call, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
        pause();
    }
}

void ipi_call(unsigned cpu, void (*function)(void *), void *argument)
{
    if (cpu == cpu_this()->index) {
        function(argument);
        return;
    }
    struct call call = {.function = function, .argument = argument};
    post(cpu, &call);
    ipi_kick(cpu);
    while (!__atomic_load_n(&call.done, __ATOMIC_ACQUIRE)) {
        ipi_run_calls();
        interrupts_window();
        pause();
    }
}

void ipi_run_calls(void)
{
    struct mailbox *mailbox = own_mailbox();
    if (!__atomic_load_n(&mailbox->calls, __ATOMIC_RELAXED)) {
        return;
    }
    struct call *call = __atomic_exchange_n(&mailbox->calls, NULL, __ATOMIC_ACQUIRE);
    while (call) {
        struct call *next = call->next; // the caller removes it as soon as it is done
        call->function(call->argument);
        __atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
        call = next;
    }
}

bool ipi_pending(void)
{
    struct mailbox *mailbox = own_mailbox();
    return __atomic_load_n(&mailbox->kicked, __ATOMIC_RELAXED) ||
           __atomic_load_n(&mailbox->calls, __ATOMIC_RELAXED);
}

// A kick that comes after the look at the mailbox stays pending until STI. It then ends the HLT.
void cpu_idle(void)
{
    if (ipi_pending()) {
        interrupts_enable();
        pause(); // STI lets interrupts in only after the next instruction
    } else {
        interrupts_enable_and_halt();
    }
    interrupts_disable();
    __atomic_store_n(&own_mailbox()->kicked, false, __ATOMIC_RELAXED);
    ipi_run_calls();
}
