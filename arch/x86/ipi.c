// SPDX-License-Identifier: MIT
// The inboxes of all CPUs, and the kick that makes a CPU look into its inbox.
#include "arch/x86/ipi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/errata.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/log.h"
#include "arch/x86/mailbox.h"
#include "arch/x86/time.h"
#include "arch/x86/vectors.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define CACHE_LINE 64

// What other CPUs want of one CPU.
struct inbox {
    struct mailbox mailbox;
    bool kicked; // written by its own CPU only
} __attribute__((aligned(CACHE_LINE)));

static struct inbox inboxes[CPUS_MAX];

static struct inbox *own_inbox(void)
{
    return &inboxes[cpu_this()->index];
}

static void take_kick(struct interrupt_frame *frame)
{
    (void)frame;
    __atomic_store_n(&own_inbox()->kicked, true, __ATOMIC_RELAXED);
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
        __atomic_store_n(&own_inbox()->kicked, true, __ATOMIC_RELAXED);
    } else {
        apic_send_fixed(cpu_by_index(cpu)->apic_id, VECTOR_KICK);
    }
}

void ipi_post(unsigned cpu)
{
    apic_send_fixed(cpu_by_index(cpu)->apic_id, VECTOR_POSTED);
}

static void run_other_work(void)
{
    ipi_run_calls();
    interrupts_window();
    pause();
}

static const struct mailbox_caller caller = {
    .now_ns = time_now_ns, .kick = ipi_kick, .meanwhile = run_other_work};

enum status ipi_call(unsigned cpu, void (*function)(void *), void *argument)
{
    struct mailbox *mailbox = &inboxes[cpu].mailbox;
    if (cpu == cpu_this()->index) {
        function(argument);
        return STATUS_OK;
    }
    if (!mailbox_is_given_up(mailbox)) {
        if (mailbox_call(mailbox, cpu, function, argument, &caller)) {
            return STATUS_OK;
        }
        log_line("CPU %u does not answer: what is asked of it is refused until it does", cpu);
        mailbox_give_up(mailbox);
    }
    ipi_kick(cpu); // so that it looks again, if it can
    return STATUS_BUSY;
}

bool ipi_answers(unsigned cpu)
{
    return !mailbox_is_given_up(&inboxes[cpu].mailbox);
}

void ipi_run_calls(void)
{
    if (mailbox_look(&own_inbox()->mailbox)) {
        log_line("CPU %u answers again", cpu_this()->index);
    }
}

static bool is_pending(void)
{
    const struct inbox *inbox = own_inbox();
    return __atomic_load_n(&inbox->kicked, __ATOMIC_RELAXED) || mailbox_has_call(&inbox->mailbox);
}

// A kick that comes after the look at the inbox stays pending until STI. It then ends the HLT.
void cpu_idle(void)
{
    if (is_pending() || erratum_is_open(ERRATUM_C1E)) {
        interrupts_enable();
        pause(); // STI lets interrupts in only after the next instruction
    } else {
        interrupts_enable_and_halt();
    }
    interrupts_disable();
    __atomic_store_n(&own_inbox()->kicked, false, __ATOMIC_RELAXED);
    ipi_run_calls();
}
