// SPDX-License-Identifier: MIT
// Attempts with several processors on interrupts: storms of each kind, with resets and changes in
// between.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/processors.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/memory.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/rtc.h"
#include "guests/lib/traps.h"

#define MESSAGES 1000U
#define STARTUPS 200U
#define VECTOR 0x70U
#define FIRST_FREE_VECTOR 0x40U
#define COUNTER_PAGE 9U // a SIPI starts at 0x9000
#define COUNTER (COUNTER_PAGE * PAGE_SIZE + 0x10)
#define TICK_VECTOR 0xe0U
#define TICKS 200U
#define PIT_VECTOR (PIC_VECTOR + PIT_IRQ)
#define IOAPIC_PINS 24U

// Runs `theirs` on the other processors while the first one runs `mine`.
static enum outcome storm(processor_job *theirs, processor_job *mine)
{
    const uint32_t before = machine_masked_interrupts();
    if (!processors_start(theirs)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    cpu_interrupts_on();
    mine(0);
    const bool all = processors_finish();
    cpu_interrupts_off();
    if (!all) {
        return attempt_wrong("processors that finished", processors_finished());
    }
    const uint32_t masked = machine_masked_interrupts() - before;
    return masked == 0 ? OUTCOME_DONE : attempt_wrong("interrupts that came masked", masked);
}

static void send_often(uint32_t command)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        ipi_send(0xff, command);
    }
}

static void to_itself(unsigned self)
{
    (void)self;
    send_often(APIC_ICR_SELF | VECTOR);
}

static void to_others(unsigned self)
{
    send_often(IPI_OTHERS | (VECTOR + self));
}

static void to_all(unsigned self)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        ipi_send(0, IPI_ALL | (FIRST_FREE_VECTOR + (i + self) % (0xf0 - FIRST_FREE_VECTOR)));
    }
}

static void to_the_lowest(unsigned self)
{
    xapic_write(APIC_LDR, (uint32_t)BIT(24 + self));
    send_often(IPI_LOWEST_PRIORITY | IPI_LOGICAL | VECTOR);
}

static void nmi_to_others(unsigned self)
{
    (void)self;
    send_often(IPI_OTHERS | IPI_NMI);
}

static enum outcome self_ipis(void)
{
    return storm(to_itself, to_itself);
}

static enum outcome ipis_to_others(void)
{
    return storm(to_others, to_others);
}

static enum outcome ipis_to_all(void)
{
    return storm(to_all, to_all);
}

static enum outcome lowest_priority(void)
{
    return storm(to_the_lowest, to_the_lowest);
}

static enum outcome nmis(void)
{
    return storm(nmi_to_others, nmi_to_others);
}

static enum outcome mixture(void)
{
    return storm(nmi_to_others, to_all);
}

// ---- INIT and SIPI ----

static volatile uint32_t startups;

// Writes code that counts its start in its own page and then spins: lock inc dword [cs:0x10]; jmp
// $. With the word `exits` there is a CPUID in the loop.
static void place_counter(void)
{
    static const uint8_t spins[] = {0xf0, 0x2e, 0x66, 0xff, 0x06, 0x10, 0x00, 0xeb, 0xfe};
    static const uint8_t exits[] = {0xf0, 0x2e, 0x66, 0xff, 0x06, 0x10,
                                    0x00, 0x0f, 0xa2, 0xeb, 0xfc};
    const bool exit = loops_exit();
    memcpy((void *)(uintptr_t)(COUNTER_PAGE * PAGE_SIZE), exit ? exits : spins,
           exit ? sizeof(exits) : sizeof(spins));
    *(volatile uint32_t *)COUNTER = 0;
}

// Sends only to processors with higher numbers, so that no processor resets the first one.
static void start_and_stop(unsigned self)
{
    for (unsigned i = 0; i < STARTUPS; i++) {
        for (unsigned other = MAX(self + 1, 2U); other < processor_count(); other++) {
            ipi_send(other, IPI_INIT);
            ipi_send(other, IPI_STARTUP | COUNTER_PAGE);
            ipi_send(other, IPI_STARTUP | COUNTER_PAGE);
        }
    }
    __atomic_add_fetch(&startups, 1, __ATOMIC_RELEASE);
}

static void as_first_only(unsigned self)
{
    (void)self;
    if (xapic_read(APIC_ID) >> 24 == 1) {
        start_and_stop(1);
    }
}

static void do_nothing(unsigned self)
{
    (void)self;
}

// Two processors reset and start the others at the same time, while those run.
static enum outcome init_storm(void)
{
    startups = 0;
    place_counter();
    if (!processors_start(as_first_only)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    start_and_stop(0);
    if (!wait_for_count(&startups, 2)) {
        return attempt_wrong("processors that finished", startups);
    }
    // No processor may have a SIPI left over, which would count once more later.
    if (!processors_start(do_nothing)) {
        return attempt_wrong("not all processors came back, of", processor_count());
    }
    const uint32_t runs = *(volatile uint32_t *)COUNTER;
    return runs > 0 ? OUTCOME_DONE : attempt_wrong("runs", runs);
}

// A SIPI to a processor that runs does nothing.
static void startup_to_others(unsigned self)
{
    (void)self;
    send_often(IPI_OTHERS | IPI_STARTUP | COUNTER_PAGE);
}

static enum outcome startups_to_running(void)
{
    place_counter();
    const enum outcome outcome = storm(startup_to_others, startup_to_others);
    const uint32_t runs = *(volatile uint32_t *)COUNTER;
    return runs == 0 ? outcome : attempt_wrong("started anew", runs);
}

// Halts with interrupts off, so only the first processor's NMIs end that.
static void halt_for_nmis(unsigned self)
{
    (void)self;
    cpu_interrupts_off();
    const uint32_t start = machine_interrupts(VECTOR_NMI);
    for (unsigned i = 0; i < 50 && machine_interrupts(VECTOR_NMI) - start < MESSAGES / 2; i++) {
        cpu_halt();
    }
}

// Sends NMIs until no processor halts any more.
static void wake_by_nmis(unsigned self)
{
    (void)self;
    const uint64_t start = clock_ns();
    while (processors_finished() < processor_count() - 1 && clock_ns() - start < NS_PER_S) {
        ipi_send(0, IPI_OTHERS | IPI_NMI);
    }
}

static enum outcome halted_and_woken(void)
{
    return storm(halt_for_nmis, wake_by_nmis);
}

// ---- Changes of the APICs that messages go to ----

static void change_registers(unsigned self)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        xapic_write(APIC_ID, i << 24);
        xapic_write(APIC_LDR, (uint32_t)BIT(24 + (i + self) % 8));
        xapic_write(APIC_DFR, i % 2 == 0 ? 0xffffffff : 0x0fffffff);
        xapic_write(APIC_TPR, i % 256);
        xapic_write(APIC_SVR, i % 8 == 0 ? 0xff : APIC_SVR_ENABLE | 0xff);
        xapic_write(APIC_EOI, 0);
    }
}

static void change_modes(unsigned self)
{
    (void)self;
    const uint64_t base = msr_read(IA32_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    cpu_interrupts_off(); // the handlers know only one mode for all processors
    for (unsigned i = 0; i < MESSAGES / 4; i++) {
        msr_write(IA32_APIC_BASE, base | APIC_BASE_ENABLE);
        if (apic_has_x2apic()) {
            msr_write(IA32_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
        }
        msr_write(IA32_APIC_BASE, base);
    }
    msr_write(IA32_APIC_BASE, base | APIC_BASE_ENABLE);
}

static enum outcome registers_change(void)
{
    return storm(change_registers, to_the_lowest);
}

static enum outcome modes_change(void)
{
    return storm(change_modes, to_others);
}

// ---- Timers and devices ----

static volatile uint32_t ticks[IDT_VECTORS];

// Leaves interrupts off after some ticks, because a storm can be so dense that the interrupted code
// would never run again.
static void count_tick(struct trap_frame *frame)
{
    if (++ticks[frame->vector] >= TICKS) {
        frame->rflags &= ~RFLAGS_IF;
    }
    if (frame->vector == PIT_VECTOR) {
        pic_end_of_interrupt(PIT_IRQ);
    } else {
        xapic_write(APIC_EOI, 0);
    }
}

static void fast_timer(unsigned self)
{
    const unsigned vector = TICK_VECTOR + self;
    xapic_write(APIC_TIMER_DIVIDE, 0xb); // by 1
    xapic_write(APIC_LVT_TIMER, (uint32_t)APIC_LVT_PERIODIC | vector);
    xapic_write(APIC_TIMER_INITIAL, 1);
    while (ticks[vector] < TICKS && (self != 0 || ticks[PIT_VECTOR] < TICKS)) {
        // NOP and not PAUSE: with PAUSE, no interrupt seems to come before the CLI in QEMU.
        __asm__ volatile("sti\n\tnop\n\tnop\n\tcli" ::: "memory");
    }
    xapic_write(APIC_TIMER_INITIAL, 0);
}

static void fast_timer_and_pit(unsigned self)
{
    pit_start_periodic(2);
    pic_unmask(PIT_IRQ);
    fast_timer(self);
    pit_stop();
    pic_mask_all();
}

static enum outcome timers(void)
{
    for (unsigned i = 0; i < processor_count(); i++) {
        ticks[TICK_VECTOR + i] = 0;
        trap_set_handler(TICK_VECTOR + i, count_tick);
    }
    ticks[PIT_VECTOR] = 0;
    trap_set_handler(PIT_VECTOR, count_tick);
    return storm(fast_timer, fast_timer_and_pit);
}

// All processors use the same registers at the same time, so the values they read are not defined.
static void use_devices(unsigned self)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)0xfec00000;
    volatile uint64_t *hpet = (volatile uint64_t *)0xfed00000;
    for (unsigned i = 0; i < MESSAGES / 4; i++) {
        out8(PIT_COMMAND, (uint8_t)(i << 4));
        out8(PIT_CHANNEL0, (uint8_t)i);
        in8(PIT_CHANNEL2);
        out8(PIC_MASTER_COMMAND, (uint8_t)(i * 0x11));
        out8(PIC_MASTER_DATA, 0xff);
        cmos_read((uint8_t)(i + self));
        ioapic[0] = 0x10 + i % (2 * IOAPIC_PINS);
        ioapic[4] = (uint32_t)APIC_LVT_MASKED | (i & 0xff);
        hpet[2] = i % 4;
        hpet[0x108 / 8] = i;
        (void)hpet[0xf0 / 8];
        in32(0x608);
        out32(0xcf8, 0x80000000U | i << 8);
        in32(0xcfc);
    }
    hpet[2] = 0;
}

static enum outcome devices(void)
{
    return storm(use_devices, use_devices);
}

static const struct attempt attempts[] = {
    {"IPIs to oneself, by all", self_ipis, DONE},
    {"IPIs to all others, by all", ipis_to_others, DONE},
    {"IPIs of each vector to all, by all", ipis_to_all, DONE},
    {"IPIs to the lowest priority, by all", lowest_priority, DONE},
    {"NMIs to all others, by all", nmis, DONE},
    {"NMIs and IPIs", mixture, DONE},
    {"INITs and SIPIs to processors that run, by two", init_storm, DONE},
    {"SIPIs to processors that run, by all", startups_to_running, DONE},
    {"HLT with interrupts off, and NMIs", halted_and_woken, DONE},
    {"APIC registers that change while IPIs come", registers_change, DONE},
    {"APIC modes that change while IPIs come", modes_change, DONE},
    {"all timers at their highest rate", timers, DONE},
    {"the same devices, by all", devices, DONE},
};

const struct attempt_group storms_group = {attempts, ARRAY_SIZE(attempts)};
