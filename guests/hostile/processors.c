// SPDX-License-Identifier: MIT
// The other processors. They are started anew for each job, whatever state the last job left them
// in.
#include "guests/hostile/processors.h"

#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/trampoline.h"
#include "guests/lib/traps.h"

#define PATIENCE_NS (15 * NS_PER_S)

static unsigned count;
static bool exits;
static processor_job *current_job;
static volatile uint32_t online;
static volatile uint32_t finished;

unsigned processor_count(void)
{
    return count;
}

unsigned processors_finished(void)
{
    return finished;
}

bool wait_for_count(const volatile uint32_t *counter, uint32_t wanted)
{
    return clock_wait_for_count(counter, wanted, PATIENCE_NS);
}

void ipi_send(uint32_t destination, uint32_t command)
{
    xapic_write(APIC_ICR_HIGH, destination << 24);
    xapic_write(APIC_ICR, command | APIC_ICR_ASSERT);
}

// Code that may fault has put the address behind it into r15 and its stack pointer into r13.
static void skip(struct trap_frame *frame)
{
    frame->rip = frame->r15;
    frame->rsp = frame->r13;
}

uint64_t call_carefully(const void *code, uint64_t address, uint64_t value)
{
    __asm__ volatile("lea 1f(%%rip), %%r15\n\t"
                     "mov %%rsp, %%r13\n\t"
                     "call *%[code]\n"
                     "1:"
                     : "+a"(value), "+D"(address)
                     : [code] "r"(code)
                     : "rcx", "rdx", "rsi", "r13", "r15", "memory", "cc");
    return value;
}

__asm__("read_rdi:  movq (%rdi), %rax\n\tret\n"
        "write_rdi: movq %rax, (%rdi)\n\tret");
extern const uint8_t read_rdi[];
extern const uint8_t write_rdi[];

void read_carefully(uint64_t address)
{
    call_carefully(read_rdi, address, 0);
}

void write_carefully(uint64_t address, uint64_t value)
{
    call_carefully(write_rdi, address, value);
}

bool loops_exit(void)
{
    return exits;
}

void loop_once(void)
{
    if (exits) {
        (void)cpuid(0, 0);
    } else {
        cpu_pause();
    }
}

void processors_init(unsigned processors, bool exits_wanted)
{
    static const uint8_t survived[] = {VECTOR_UD, VECTOR_GP, VECTOR_PF};
    count = MIN(processors, MAX_PROCESSORS);
    exits = exits_wanted;
    for (unsigned i = 0; i < ARRAY_SIZE(survived); i++) {
        trap_set_handler(survived[i], skip);
    }
    clock_init();
    trampoline_prepare();
}

// No processor begins before all have come: an NMI must not find one in real mode, without a
// handler. A processor that has done its job waits for the next INIT.
void processor_entry(uint64_t number)
{
    apic_set_mode(APIC_MODE_XAPIC);
    xapic_write(APIC_LDR, (uint32_t)BIT(24 + number));
    __atomic_add_fetch(&online, 1, __ATOMIC_RELEASE);
    wait_for_count(&online, count);
    cpu_interrupts_on();
    current_job((unsigned)number);
    cpu_interrupts_off();
    __atomic_add_fetch(&finished, 1, __ATOMIC_RELEASE);
    for (;;) {
        cpu_halt();
    }
}

bool processors_start(processor_job *job)
{
    online = 1;
    finished = 0;
    current_job = job;
    ipi_send(0, IPI_OTHERS | IPI_INIT);
    trampoline_number_anew();
    ipi_send(0, IPI_OTHERS | IPI_STARTUP | TRAMPOLINE_PAGE);
    return wait_for_count(&online, count);
}

bool processors_finish(void)
{
    return wait_for_count(&finished, count - 1);
}
