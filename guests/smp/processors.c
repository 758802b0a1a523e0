// SPDX-License-Identifier: MIT
// Starts processors, numbers them and gives them work.
#include "guests/smp/processors.h"

#include "guests/lib/clock.h"
#include "guests/lib/trampoline.h"
#include "guests/smp/ipi.h"

// The waits of SDM Vol. 3A 8.4.4.1, and how long a processor may take to come or to finish.
#define AFTER_INIT_NS (10 * NS_PER_MS)
#define AFTER_SIPI_NS (NS_PER_MS / 5)
#define COME_NS (300 * NS_PER_MS)
#define PATIENCE_NS (10 * NS_PER_S)

struct processor {
    uint32_t apic_id;
    processor_job *job;
    void *argument;
    volatile uint32_t given;    // how many jobs it was given
    volatile uint32_t finished; // how many of them it has finished
};

static struct processor processors[PROCESSORS_MAX];
static volatile uint32_t online = 1;
static unsigned count = 1;
static enum apic_mode mode = APIC_MODE_XAPIC;
static volatile uint32_t arrived;
static volatile uint32_t meetings;

unsigned processor_count(void)
{
    return count;
}

uint32_t processors_all(void)
{
    return (1U << count) - 1;
}

uint32_t processor_apic_id(unsigned number)
{
    return processors[number].apic_id;
}

enum apic_mode processors_mode(void)
{
    return mode;
}

unsigned processor_self(void)
{
    const uint64_t offset =
        (uint64_t)(uintptr_t)__builtin_frame_address(0) - (uint64_t)(uintptr_t)processor_stacks;
    return offset < sizeof(processor_stacks) ? (unsigned)(offset / PROCESSOR_STACK_BYTES) : 0;
}

static void wait_ns(uint64_t duration_ns)
{
    const uint64_t start = clock_ns();
    while (clock_ns() - start < duration_ns) {
        cpu_pause();
    }
}

bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted)
{
    return clock_wait_for_count(counter, wanted, PATIENCE_NS);
}

static void read_apic_id(unsigned number)
{
    const uint32_t id = apic_read(APIC_ID);
    processors[number].apic_id = mode == APIC_MODE_X2APIC ? id : id >> 24;
}

// Halts until there is work. An IPI that comes between the check and HLT ends the HLT.
static _Noreturn void serve(unsigned number)
{
    struct processor *self = &processors[number];
    for (;;) {
        cpu_interrupts_off();
        while (__atomic_load_n(&self->given, __ATOMIC_ACQUIRE) == self->finished) {
            cpu_wait_for_interrupt();
        }
        cpu_interrupts_on();
        self->job(number, self->argument);
        __atomic_add_fetch(&self->finished, 1, __ATOMIC_RELEASE);
    }
}

void processor_entry(uint64_t number)
{
    apic_set_mode(mode);
    read_apic_id((unsigned)number);
    __atomic_add_fetch(&online, 1, __ATOMIC_RELEASE);
    serve((unsigned)number);
}

void processors_init(void)
{
    apic_set_mode(mode);
    read_apic_id(0);
    trampoline_prepare();
}

static void init_and_start(uint32_t destination, uint32_t shorthand)
{
    ipi_send(destination, IPI_INIT | APIC_ICR_ASSERT | shorthand);
    wait_ns(AFTER_INIT_NS);
    ipi_send(destination, IPI_STARTUP | APIC_ICR_ASSERT | shorthand | TRAMPOLINE_PAGE);
    wait_ns(AFTER_SIPI_NS);
    ipi_send(destination, IPI_STARTUP | APIC_ICR_ASSERT | shorthand | TRAMPOLINE_PAGE);
}

void processors_start_each(unsigned ids)
{
    for (uint32_t id = 1; id < MIN(ids, PROCESSORS_MAX); id++) {
        init_and_start(id, 0);
        if (clock_wait_for_count(&online, count + 1, COME_NS)) {
            count++;
        }
    }
}

bool processors_restart_all(void)
{
    online = 1;
    trampoline_number_anew();
    init_and_start(0, IPI_OTHERS);
    return wait_for_count(&online, count);
}

bool processors_run(uint32_t set, processor_job *job, void *argument)
{
    bool done = true;
    for (unsigned i = 1; i < count; i++) {
        if ((set & BIT(i)) != 0) {
            processors[i].job = job;
            processors[i].argument = argument;
            __atomic_add_fetch(&processors[i].given, 1, __ATOMIC_RELEASE);
            ipi_send(processors[i].apic_id, IPI_WAKE_VECTOR | APIC_ICR_ASSERT);
        }
    }
    if ((set & BIT(0)) != 0) {
        job(0, argument);
    }
    for (unsigned i = 1; i < count; i++) {
        done = wait_for_count(&processors[i].finished, processors[i].given) && done;
    }
    return done;
}

// Waits until all processors are here. For a job that runs on all.
static void processors_meet(void)
{
    const uint32_t meeting = meetings;
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == count) {
        arrived = 0;
        __atomic_store_n(&meetings, meeting + 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&meetings, __ATOMIC_ACQUIRE) == meeting) {
        cpu_pause();
    }
}

// The library remembers one mode for all processors. So between the two meetings no processor may
// get an interrupt.
static void set_mode(unsigned self, void *argument)
{
    const enum apic_mode *wanted = argument;
    processors_meet();
    apic_set_mode(*wanted);
    processors_meet();
    if (self == 0) {
        mode = *wanted;
    }
    processors_meet();
    read_apic_id(self);
}

bool processors_set_mode(enum apic_mode wanted)
{
    return processors_run(processors_all(), set_mode, &wanted);
}
