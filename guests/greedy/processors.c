// SPDX-License-Identifier: MIT
// The other processors. They are started anew for each attack.
#include "guests/greedy/processors.h"

#include "guests/greedy/attack.h"
#include "guests/greedy/time.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/trampoline.h"

#define COUNT_SHIFT 16 // CPUID leaf 1, EBX: logical processors
#define COUNT_MASK 0xffU
#define PATIENCE_NS (30 * NS_PER_S)
#define LOOK_US 200

static unsigned count;
static void (*current_job)(void);
static uint32_t online;
static bool begun;

unsigned processor_count(void)
{
    return count;
}

void processors_init(void)
{
    count = MIN(cpuid(1, 0).ebx >> COUNT_SHIFT & COUNT_MASK, MAX_PROCESSORS);
    trampoline_prepare();
}

// Halts until the first processor has seen all of them.
void processor_entry(uint64_t number)
{
    (void)number;
    apic_set_mode(APIC_MODE_XAPIC);
    __atomic_add_fetch(&online, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) {
        cpu_wait_for_interrupt();
    }
    for (;;) {
        cpu_interrupts_on();
        current_job();
    }
}

void processors_stop(void)
{
    xapic_send_ipi(0, IPI_OTHERS | IPI_INIT);
}

// Sleeps while it waits, as the others may need this CPU.
bool processors_start(void (*job)(void))
{
    current_job = job;
    online = 1;
    begun = false;
    trampoline_number_anew();
    processors_stop();
    xapic_send_ipi(0, IPI_OTHERS | IPI_STARTUP | TRAMPOLINE_PAGE);
    const uint64_t start_ns = clock_ns();
    while (__atomic_load_n(&online, __ATOMIC_ACQUIRE) < count) {
        if (clock_ns() - start_ns > PATIENCE_NS) {
            return false;
        }
        time_sleep(LOOK_US);
    }
    cpu_interrupts_off();
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    xapic_send_ipi(0, IPI_OTHERS | SINK_VECTOR);
    return true;
}
