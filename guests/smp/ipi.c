// SPDX-License-Identifier: MIT
// Sends interprocessor interrupts of every kind and checks which processors got them.
#include "guests/smp/ipi.h"

#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/traps.h"
#include "guests/smp/nmi.h"
#include "guests/smp/processors.h"
#include "guests/smp/report.h"

#define DFR_FLAT 0xffffffffU
#define DFR_CLUSTER 0x0fffffffU
#define XAPIC_BROADCAST 0xffU
#define X2APIC_BROADCAST 0xffffffffU
#define CLUSTER_MEMBERS 2 // processors in each of our clusters; an xAPIC cluster can have four
#define PING_PONGS 1000

enum logical_mode { LOGICAL_FLAT, LOGICAL_CLUSTER };

// Only its own processor writes each element, and no array is for both NMIs and interrupts.
static volatile uint32_t interrupts[PROCESSORS_MAX];
static volatile uint32_t nmis[PROCESSORS_MAX];
static const char *group;

static void on_ipi(struct trap_frame *frame)
{
    (void)frame;
    interrupts[processor_self()]++;
    apic_write(APIC_EOI, 0);
}

static void on_wake(struct trap_frame *frame)
{
    (void)frame;
    apic_write(APIC_EOI, 0);
}

static void on_nmi(struct trap_frame *frame)
{
    (void)frame;
    nmis[processor_self()]++;
}

void ipi_init(void)
{
    trap_set_handler(IPI_VECTOR, on_ipi);
    trap_set_handler(IPI_WAKE_VECTOR, on_wake);
    trap_set_handler(VECTOR_NMI, on_nmi);
}

void ipi_send(uint32_t destination, uint32_t command)
{
    if (processors_mode() == APIC_MODE_X2APIC) {
        // WRMSR to the x2APIC does not wait for earlier stores (SDM Vol. 3A 10.12.3).
        __asm__ volatile("mfence" ::: "memory");
        msr_write(APIC_X2APIC_MSR(APIC_ICR), (uint64_t)destination << 32 | command);
        return;
    }
    xapic_write(APIC_ICR_HIGH, destination << 24);
    xapic_write(APIC_ICR, command);
    while ((xapic_read(APIC_ICR) & APIC_ICR_PENDING) != 0) {
        cpu_pause();
    }
}

static void do_nothing(unsigned self, void *argument)
{
    (void)self;
    (void)argument;
}

static uint32_t sum(const volatile uint32_t *counts)
{
    uint32_t total = 0;
    for (unsigned i = 0; i < processor_count(); i++) {
        total += counts[i];
    }
    return total;
}

static void clear_counts(void)
{
    for (unsigned i = 0; i < PROCESSORS_MAX; i++) {
        interrupts[i] = 0;
        nmis[i] = 0;
    }
}

// Waits until `wanted` interrupts have come. Then all processors do something, so that one too many
// has time to come too.
static void wait_for_arrivals(const volatile uint32_t *counts, uint32_t wanted)
{
    const uint64_t start = clock_ns();
    while (sum(counts) < wanted && clock_ns() - start < NS_PER_S) {
        cpu_pause();
    }
    if (!processors_run(processors_all(), do_nothing, NULL)) {
        check_fails("processors that answer", processors_all(), 0);
    }
}

// Returns bit n if processor n got exactly one interrupt, and bit 16 + n if it got more.
static uint32_t receivers(const volatile uint32_t *counts)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < processor_count(); i++) {
        found |= counts[i] == 0 ? 0 : (uint32_t)(counts[i] == 1 ? BIT(i) : BIT(i + 16));
    }
    return found;
}

static uint32_t count_bits(uint32_t set)
{
    uint32_t bits = 0;
    for (; set != 0; set &= set - 1) {
        bits++;
    }
    return bits;
}

static void expect(uint32_t destination, uint32_t command, uint32_t wanted)
{
    const bool is_nmi = (command & IPI_INIT) == IPI_NMI;
    const volatile uint32_t *counts = is_nmi ? nmis : interrupts;
    clear_counts();
    ipi_send(destination, command | APIC_ICR_ASSERT | (is_nmi ? 0 : IPI_VECTOR));
    wait_for_arrivals(counts, count_bits(wanted));
    if (receivers(counts) != wanted) {
        check_fails("receivers", wanted, receivers(counts));
    }
}

// Checks that exactly one of `candidates` gets the interrupt.
static void expect_one_of(uint32_t destination, uint32_t command, uint32_t candidates)
{
    clear_counts();
    ipi_send(destination, command | APIC_ICR_ASSERT | IPI_VECTOR);
    wait_for_arrivals(interrupts, 1);
    const uint32_t found = receivers(interrupts);
    if (count_bits(found) != 1 || (found & candidates) == 0) {
        check_fails("one receiver of", candidates, found);
    }
}

static uint32_t broadcast(void)
{
    return processors_mode() == APIC_MODE_X2APIC ? X2APIC_BROADCAST : XAPIC_BROADCAST;
}

static void check_physical(void)
{
    check_begin(group, "fixed, physical");
    for (unsigned i = 0; i < processor_count(); i++) {
        expect(processor_apic_id(i), IPI_FIXED, (uint32_t)BIT(i));
    }
    expect(broadcast(), IPI_FIXED, processors_all());
    check_end();
}

static void set_logical_id(unsigned self, void *argument)
{
    const enum logical_mode *wanted = argument;
    const uint32_t cluster = self / CLUSTER_MEMBERS;
    const uint32_t member = (uint32_t)BIT(self % CLUSTER_MEMBERS);
    const bool flat = *wanted == LOGICAL_FLAT;
    apic_write(APIC_DFR, flat ? DFR_FLAT : DFR_CLUSTER);
    apic_write(APIC_LDR, (flat ? (uint32_t)BIT(self) : cluster << 4 | member) << 24);
}

static void set_logical_mode(enum logical_mode wanted)
{
    if (!processors_run(processors_all(), set_logical_id, &wanted)) {
        check_fails("processors that answer", processors_all(), 0);
    }
}

// Tries every set of processors: a logical destination of flat mode is such a set.
static void check_flat(void)
{
    check_begin(group, "fixed, logical flat");
    set_logical_mode(LOGICAL_FLAT);
    for (uint32_t set = 1; set <= processors_all() && check_good(); set++) {
        expect(set, IPI_LOGICAL | IPI_FIXED, set);
    }
    expect(XAPIC_BROADCAST, IPI_LOGICAL | IPI_FIXED, processors_all());
    check_end();
    check_begin(group, "lowest priority, logical flat");
    for (uint32_t set = 1; set <= processors_all() && check_good(); set++) {
        expect_one_of(set, IPI_LOGICAL | IPI_LOWEST_PRIORITY, set);
    }
    check_end();
}

static void check_clusters_with(uint32_t mode,
                                void (*check)(uint32_t destination, uint32_t command, uint32_t set))
{
    for (unsigned first = 0; first < processor_count(); first += CLUSTER_MEMBERS) {
        for (uint32_t members = 1; members < BIT(CLUSTER_MEMBERS); members++) {
            const uint32_t set = members << first & processors_all();
            if (set != 0) {
                check(first / CLUSTER_MEMBERS << 4 | members, IPI_LOGICAL | mode, set);
            }
        }
    }
}

static void check_clusters(void)
{
    check_begin(group, "fixed, logical cluster");
    set_logical_mode(LOGICAL_CLUSTER);
    check_clusters_with(IPI_FIXED, expect);
    expect(XAPIC_BROADCAST, IPI_LOGICAL | IPI_FIXED, processors_all());
    check_end();
    check_begin(group, "lowest priority, logical cluster");
    check_clusters_with(IPI_LOWEST_PRIORITY, expect_one_of);
    check_end();
    set_logical_mode(LOGICAL_FLAT);
}

// The x2APIC's logical ID: the cluster is the APIC ID without its lower four bits, which give the
// number of the member's bit.
static uint32_t x2apic_logical_id(unsigned number)
{
    const uint32_t id = processor_apic_id(number);
    return id >> 4 << 16 | (uint32_t)BIT(id & 15);
}

// Destinations are sets within one cluster. All processors here are in the cluster of the IDs 0 to
// 15.
static void check_x2apic_logical(void)
{
    check_begin(group, "logical IDs by the APIC IDs");
    if (apic_read(APIC_LDR) != x2apic_logical_id(0)) {
        check_fails("LDR", x2apic_logical_id(0), apic_read(APIC_LDR));
    }
    check_end();
    check_begin(group, "fixed, logical");
    for (uint32_t set = 1; set <= processors_all() && check_good(); set++) {
        uint32_t destination = 0;
        for (unsigned i = 0; i < processor_count(); i++) {
            destination |= (set & BIT(i)) != 0 ? x2apic_logical_id(i) : 0;
        }
        expect(destination, IPI_LOGICAL | IPI_FIXED, set);
    }
    expect(X2APIC_BROADCAST, IPI_LOGICAL | IPI_FIXED, processors_all());
    check_end();
    check_begin(group, "self IPI register");
    clear_counts();
    apic_write(APIC_SELF_IPI, IPI_VECTOR);
    wait_for_arrivals(interrupts, 1);
    if (receivers(interrupts) != BIT(0)) {
        check_fails("receivers", BIT(0), receivers(interrupts));
    }
    check_end();
}

static void check_nmi(void)
{
    check_begin(group, "NMI");
    for (unsigned i = 0; i < processor_count(); i++) {
        expect(processor_apic_id(i), IPI_NMI, (uint32_t)BIT(i));
    }
    expect(0, IPI_NMI | IPI_OTHERS, processors_all() & ~1U);
    check_end();
}

static void check_shorthands(void)
{
    check_begin(group, "shorthands");
    expect(0, IPI_FIXED | IPI_SELF, 1);
    expect(0, IPI_FIXED | IPI_ALL, processors_all());
    expect(0, IPI_FIXED | IPI_OTHERS, processors_all() & ~1U);
    check_end();
}

static void send_to_all_one_by_one(unsigned self, void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < processor_count(); i++) {
        if (i != self) {
            ipi_send(processor_apic_id(i), IPI_FIXED | APIC_ICR_ASSERT | IPI_VECTOR);
        }
    }
}

static void check_each_to_each(void)
{
    check_begin(group, "from each to each");
    for (unsigned i = 0; i < processor_count() && check_good(); i++) {
        const uint32_t wanted = processors_all() & ~(uint32_t)BIT(i);
        clear_counts();
        processors_run((uint32_t)BIT(i), send_to_all_one_by_one, NULL);
        wait_for_arrivals(interrupts, count_bits(wanted));
        if (receivers(interrupts) != wanted) {
            check_fails("receivers", wanted, receivers(interrupts));
        }
    }
    check_end();
}

// All processors send at once. Some interrupts merge in the receiver's IRR. So each processor gets
// at least one, and at most as many as were sent to it.
static void send_many(unsigned self, void *argument)
{
    (void)self;
    (void)argument;
    for (unsigned i = 0; i < PING_PONGS; i++) {
        ipi_send(0, IPI_FIXED | IPI_OTHERS | APIC_ICR_ASSERT | IPI_VECTOR);
    }
}

static void check_all_at_once(void)
{
    check_begin(group, "all to all at once");
    clear_counts();
    if (!processors_run(processors_all(), send_many, NULL)) {
        check_fails("processors that finish", processors_all(), 0);
    }
    wait_for_arrivals(interrupts, 0);
    const uint32_t most = PING_PONGS * (processor_count() - 1);
    for (unsigned i = 0; i < processor_count(); i++) {
        if (interrupts[i] < 1 || interrupts[i] > most) {
            check_fails("interrupts at most", most, interrupts[i]);
        }
    }
    check_end();
}

static void check_one_after_the_other(void)
{
    check_begin(group, "1000 one after the other");
    clear_counts();
    for (uint32_t i = 1; i <= PING_PONGS && check_good(); i++) {
        const unsigned target = 1 + i % (processor_count() - 1);
        const uint32_t before = interrupts[target];
        ipi_send(processor_apic_id(target), IPI_FIXED | APIC_ICR_ASSERT | IPI_VECTOR);
        if (!wait_for_count(&interrupts[target], before + 1)) {
            check_fails("interrupts", before + 1, interrupts[target]);
        }
    }
    check_end();
}

static void check_several_processors(void)
{
    static const char *const names[] = {"from each to each", "all to all at once",
                                        "1000 one after the other"};
    if (processor_count() > 1) {
        check_each_to_each();
        check_all_at_once();
        check_one_after_the_other();
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        check_skip(group, names[i], "1 processor");
    }
}

void ipi_checks(void)
{
    const bool x2apic = processors_mode() == APIC_MODE_X2APIC;
    group = x2apic ? "x2apic" : "xapic";
    check_physical();
    if (x2apic) {
        check_x2apic_logical();
    } else {
        check_flat();
        check_clusters();
    }
    check_nmi();
    nmi_check(group);
    trap_set_handler(VECTOR_NMI, on_nmi);
    check_shorthands();
    check_several_processors();
}
