// SPDX-License-Identifier: MIT
// Measurements of the local APIC.
#include "guests/bench/apic.h"

#include "arch/x86/msr_numbers.h"
#include "guests/bench/sample.h"
#include "guests/lib/apic.h"
#include "guests/lib/descriptors.h"

#define IPI_VECTOR 0x50
#define FAR_AHEAD BIT(40) // ticks: the deadline is never reached

// In interrupt.asm.
extern volatile uint64_t bench_arrival;
extern volatile uint8_t bench_arrived;
void bench_on_xapic_ipi(void);
void bench_on_x2apic_ipi(void);

static uint64_t deadline;

static void xapic_read_id(void)
{
    xapic_read(APIC_ID);
}

static void xapic_write_tpr(void)
{
    xapic_write(APIC_TPR, 0);
}

static void x2apic_read_tpr(void)
{
    msr_read(APIC_X2APIC_MSR(APIC_TPR));
}

static void x2apic_write_tpr(void)
{
    msr_write(APIC_X2APIC_MSR(APIC_TPR), 0);
}

static void x2apic_end_of_interrupt(void)
{
    msr_write(APIC_X2APIC_MSR(APIC_EOI), 0);
}

static void tsc_deadline_write(void)
{
    msr_write(IA32_TSC_DEADLINE, deadline);
}

// The handlers clobber rax, rcx and rdx. So do these two functions, which the handlers interrupt.
static void xapic_self_ipi(void)
{
    __asm__ volatile("movl %0, (%1)\n"
                     "1:\tcmpb $0, bench_arrived(%%rip)\n\t"
                     "je 1b"
                     :
                     : "i"(APIC_ICR_SELF | APIC_ICR_ASSERT | IPI_VECTOR),
                       "D"(APIC_DEFAULT_ADDRESS + APIC_ICR)
                     : "rax", "rcx", "rdx", "memory", "cc");
}

static void x2apic_self_ipi(void)
{
    uint32_t msr = APIC_X2APIC_MSR(APIC_SELF_IPI);
    uint32_t low = IPI_VECTOR;
    uint32_t high = 0;
    __asm__ volatile("wrmsr\n"
                     "1:\tcmpb $0, bench_arrived(%%rip)\n\t"
                     "je 1b"
                     : "+c"(msr), "+a"(low), "+d"(high)
                     :
                     : "memory", "cc");
}

// Measures from before the write that sends the interrupt to the first instruction of its handler.
static inline __attribute__((always_inline)) void measure_ipi(const char *name, const void *handler,
                                                              void (*send)(void))
{
    idt_set(IPI_VECTOR, handler, 0, 0);
    cpu_interrupts_on();
    for (unsigned i = 0; i < BENCH_WARM_UP + BENCH_ROUNDS; i++) {
        bench_arrived = 0;
        const uint64_t start = tsc_read();
        send();
        if (i >= BENCH_WARM_UP) {
            bench_samples[i - BENCH_WARM_UP] = (uint32_t)(bench_arrival - start);
        }
    }
    cpu_interrupts_off();
    bench_report(name);
}

static void bench_tsc_deadline(void)
{
    if (!apic_has_tsc_deadline()) {
        bench_report_missing("tsc-deadline");
        return;
    }
    apic_write(APIC_LVT_TIMER, APIC_LVT_TSC_DEADLINE | APIC_LVT_MASKED | IPI_VECTOR);
    deadline = tsc_read() + FAR_AHEAD;
    bench_measure("tsc-deadline", tsc_deadline_write);
    msr_write(IA32_TSC_DEADLINE, 0);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
}

static void bench_xapic(void)
{
    apic_set_mode(APIC_MODE_XAPIC);
    bench_measure("xapic-read", xapic_read_id);
    bench_measure("xapic-write", xapic_write_tpr);
    measure_ipi("self-ipi-xapic", (const void *)(uintptr_t)bench_on_xapic_ipi, xapic_self_ipi);
}

static void bench_x2apic(void)
{
    static const char *const names[] = {"x2apic-read", "x2apic-write", "x2apic-eoi",
                                        "self-ipi-x2apic"};
    if (!apic_has_x2apic()) {
        for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
            bench_report_missing(names[i]);
        }
        return;
    }
    apic_set_mode(APIC_MODE_X2APIC);
    bench_measure(names[0], x2apic_read_tpr);
    bench_measure(names[1], x2apic_write_tpr);
    bench_measure(names[2], x2apic_end_of_interrupt);
    measure_ipi(names[3], (const void *)(uintptr_t)bench_on_x2apic_ipi, x2apic_self_ipi);
}

void bench_apic(void)
{
    bench_xapic();
    bench_x2apic();
    bench_tsc_deadline();
}
