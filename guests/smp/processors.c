// SPDX-License-Identifier: MIT
// The processors: starting them, knowing them by number, giving them work.
#include "guests/smp/processors.h"

#include "arch/x86/msr_numbers.h"
#include "guests/lib/clock.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/memory.h"
#include "guests/lib/traps.h"
#include "guests/smp/ipi.h"

#define TRAMPOLINE_ADDRESS 0x8000ULL
#define STACK_BYTES (16 * KIB) // as in trampoline.asm
#define EFER_LMA BIT(10)       // cannot be written
#define NMI_VECTOR 2
#define DOUBLE_FAULT_VECTOR 8

// The waits of SDM Vol. 3A 8.4.4.1, and how long a processor may take to come or to finish.
#define AFTER_INIT_NS (10 * NS_PER_MS)
#define AFTER_SIPI_NS (NS_PER_MS / 5)
#define COME_NS (300 * NS_PER_MS)
#define PATIENCE_NS (10 * NS_PER_S)

struct processor {
    uint32_t apic_id;
    processor_job *job;
    void *argument;
    volatile uint32_t given;    // jobs
    volatile uint32_t finished; // of them
};

// In trampoline.asm.
extern uint8_t trampoline_start[];
extern uint8_t trampoline_end[];
extern uint32_t trampoline_cr0, trampoline_cr3, trampoline_cr4, trampoline_efer;
extern struct descriptor_table trampoline_gdtr, trampoline_idtr;
extern volatile uint32_t trampoline_next, trampoline_limit;
void processor_entry(uint64_t number);

uint8_t processor_stacks[MAX_PROCESSORS][STACK_BYTES] __attribute__((aligned(16)));

static struct processor processors[MAX_PROCESSORS];
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
    return offset < sizeof(processor_stacks) ? (unsigned)(offset / STACK_BYTES) : 0;
}

void wait_ns(uint64_t duration_ns)
{
    const uint64_t start = clock_ns();
    while (clock_ns() - start < duration_ns) {
        cpu_pause();
    }
}

// The clock is a hypercall, so it is not asked in each round.
static bool wait_until(const volatile uint32_t *counter, uint32_t wanted, uint64_t patience_ns)
{
    const uint64_t start = clock_ns();
    for (;;) {
        for (unsigned i = 0; i < 1000; i++) {
            if (__atomic_load_n(counter, __ATOMIC_ACQUIRE) >= wanted) {
                return true;
            }
            cpu_pause();
        }
        if (clock_ns() - start > patience_ns) {
            return false;
        }
    }
}

bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted)
{
    return wait_until(counter, wanted, PATIENCE_NS);
}

static void read_apic_id(unsigned number)
{
    const uint32_t id = apic_read(APIC_ID);
    processors[number].apic_id = mode == APIC_MODE_X2APIC ? id : id >> 24;
}

// Halts until there is work. An IPI that comes between the look and HLT is taken after HLT.
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
    // The other processors have no TSS, so no stack of it may be asked for.
    idt_set(NMI_VECTOR, trap_entry(NMI_VECTOR), 0, 0);
    idt_set(DOUBLE_FAULT_VECTOR, trap_entry(DOUBLE_FAULT_VECTOR), 0, 0);
    apic_set_mode(mode);
    read_apic_id(0);

    trampoline_cr0 = (uint32_t)cr0_read();
    trampoline_cr3 = (uint32_t)cr3_read();
    trampoline_cr4 = (uint32_t)cr4_read();
    trampoline_efer = (uint32_t)(msr_read(IA32_EFER) & ~EFER_LMA);
    trampoline_limit = MAX_PROCESSORS;
    __asm__ volatile("sgdt %0" : "=m"(trampoline_gdtr));
    __asm__ volatile("sidt %0" : "=m"(trampoline_idtr));
    memcpy((void *)TRAMPOLINE_ADDRESS, trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
}

static void init_and_start(uint32_t destination, uint32_t shorthand)
{
    const uint32_t page = TRAMPOLINE_ADDRESS / PAGE_SIZE;
    ipi_send(destination, IPI_INIT | APIC_ICR_ASSERT | shorthand);
    wait_ns(AFTER_INIT_NS);
    ipi_send(destination, IPI_STARTUP | APIC_ICR_ASSERT | shorthand | page);
    wait_ns(AFTER_SIPI_NS);
    ipi_send(destination, IPI_STARTUP | APIC_ICR_ASSERT | shorthand | page);
}

void processors_start_each(unsigned ids)
{
    for (uint32_t id = 1; id < ids; id++) {
        init_and_start(id, 0);
        if (wait_until(&online, count + 1, COME_NS)) {
            count++;
        }
    }
}

bool processors_restart_all(void)
{
    online = 1;
    trampoline_next = 1;
    init_and_start(0, IPI_ALL_BUT_SELF);
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

void processors_meet(void)
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

// The library remembers one mode for all: between the meetings nobody may get an interrupt.
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
