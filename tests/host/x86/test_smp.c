// SPDX-License-Identifier: MIT
// Tests of the start of other CPUs and their TSCs: CPUs that answer, that answer late, that are
// silent from some point on. Each CPU is a thread.
#include "arch/x86/smp.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/frames.h"
#include "arch/x86/instructions.h"
#include "arch/x86/log.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "arch/x86/registers.h"
#include "arch/x86/time.h"
#include "arch/x86/tsc_sync.h"
#include "tests/host/fake_cpu.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define CPUS 7
#define TRAMPOLINE_PAGE 0x8000
#define LOOK_NS (50 * NS_PER_MS)
#define DISTANCE 1000000000LL // of two TSCs, in ticks
#define ANSWERS_FOR_EVER UINT_MAX
#define LINES 8

struct fake {
    struct cpu cpu;
    unsigned wakes_at; // the start-up IPI that it takes; 0: none
    bool breaks_early; // it takes the IPI, and does not arrive
    unsigned answers;  // to questions about the TSC, before it breaks
    int64_t ahead;     // its TSC, of the first CPU's
    uint64_t adjust;   // IA32_TSC_ADJUST
    bool tsc_is_fixed;
    unsigned inits;
    unsigned startups;
    bool runs;
    bool has_entered;
    pthread_t thread;
};

static struct fake cpus[CPUS]; // by their APIC ids
static struct cpu *counted[CPUS];
static unsigned count;
static struct fake *waited_for;
static _Thread_local struct fake *here;
static uint64_t ticks;
static uint64_t clock_ns;
static char lines[LINES][LOG_LINE_BYTES];
static unsigned line_count;

// ---- Fakes of what the tested files call ----

// The labels of trampoline.asm.
__asm__(".data\n"
        ".globl trampoline_start, trampoline_protected, trampoline_long, trampoline_gdt\n"
        ".globl trampoline_gdt_end, trampoline_parameters, trampoline_end\n"
        "trampoline_start:\n"
        "trampoline_protected: .skip 16\n"
        "trampoline_long: .skip 16\n"
        "trampoline_gdt: .skip 32\n"
        "trampoline_gdt_end:\n"
        "trampoline_parameters: .skip 64\n"
        "trampoline_end:\n"
        ".text\n");
uint64_t trampoline_stack;
void (*trampoline_main)(void);
void (*panic_stop_others)(void);

struct cpu *cpu_this(void)
{
    return &here->cpu;
}

unsigned cpu_count(void)
{
    return count;
}

struct cpu *cpu_by_index(unsigned index)
{
    return index < count ? counted[index] : NULL;
}

struct cpu *cpu_create(uint32_t id)
{
    cpus[id].cpu = (struct cpu){.index = count, .apic_id = id, .stack_top = 0x1000ULL * (id + 1)};
    waited_for = &cpus[id];
    return &cpus[id].cpu;
}

void cpu_add(struct cpu *cpu)
{
    assert_int_equal(cpu->index, count);
    counted[count++] = cpu;
}

_Noreturn static void break_down(void)
{
    __atomic_store_n(&here->runs, false, __ATOMIC_RELEASE);
    pthread_exit(NULL);
}

void cpu_set_up(struct cpu *cpu)
{
    if (here->breaks_early || cpu != &here->cpu) {
        break_down();
    }
}

// The clock stands still while a CPU that runs is waited for: the test's machine may be slow.
uint64_t time_now_ns(void)
{
    if (!__atomic_load_n(&waited_for->runs, __ATOMIC_ACQUIRE)) {
        clock_ns += LOOK_NS;
    }
    return clock_ns;
}

uint64_t rdtsc(void)
{
    if (here != &cpus[0] && here->answers != ANSWERS_FOR_EVER && here->answers-- == 0) {
        break_down();
    }
    return __atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST) + (uint64_t)here->ahead;
}

uint64_t rdmsr(uint32_t msr)
{
    return msr == IA32_EFER ? EFER_LME | EFER_NXE : here->adjust;
}

void wrmsr(uint32_t msr, uint64_t value)
{
    if (here->tsc_is_fixed) {
        return;
    }
    if (msr == IA32_TSC_ADJUST) {
        here->ahead += (int64_t)(value - here->adjust);
        here->adjust = value;
    } else {
        here->ahead = (int64_t)(value - __atomic_load_n(&ticks, __ATOMIC_SEQ_CST));
    }
}

void log_line(const char *format, ...)
{
    va_list arguments;
    assert_true(line_count < LINES);
    va_start(arguments, format);
    vsnprintf(lines[line_count++], LOG_LINE_BYTES, format, arguments);
    va_end(arguments);
}

static void *run(void *fake)
{
    here = fake;
    if (__atomic_load_n(&trampoline_stack, __ATOMIC_ACQUIRE) != here->cpu.stack_top) {
        break_down();
    }
    trampoline_main();
    return NULL;
}

static void start(struct fake *fake, void *(*function)(void *))
{
    fake->runs = true;
    assert_int_equal(pthread_create(&fake->thread, NULL, function, fake), 0);
}

void apic_send_startup(uint32_t id, uint64_t address)
{
    assert_int_equal(address, TRAMPOLINE_PAGE);
    if (++cpus[id].startups == cpus[id].wakes_at) {
        start(&cpus[id], run);
    }
}

void apic_send_init(uint32_t id)
{
    cpus[id].inits++;
}

void apic_send_init_deassert(uint32_t id)
{
    (void)id;
}

void apic_send_nmi(uint32_t id)
{
    (void)id;
}

void apic_init_cpu(const struct acpi_info *acpi)
{
    (void)acpi;
}

bool apic_is_x2apic(void)
{
    return false;
}

uint32_t apic_id(void)
{
    return 0;
}

void time_init_cpu(void)
{
}

void time_delay_ns(uint64_t ns)
{
    (void)ns;
}

bool feature_is_off(enum optional_feature feature)
{
    (void)feature;
    return false;
}

uint64_t frames_low_page(void)
{
    return TRAMPOLINE_PAGE;
}

uint64_t paging_kernel_cr3(void)
{
    return 0x1000;
}

void paging_map_trampoline(uint64_t page, const void *code, uint64_t bytes)
{
    (void)code;
    assert_int_equal(page, TRAMPOLINE_PAGE);
    assert_true(bytes <= PAGE_SIZE);
}

void paging_unmap_trampoline(uint64_t page)
{
    assert_int_equal(page, TRAMPOLINE_PAGE);
}

void panic(const char *format, ...)
{
    (void)format;
    abort();
}

// ---- The machine ----

static int set_up(void **state)
{
    (void)state;
    fake_cpu_init();
    fake_cpu_set_leaf(CPUID_STRUCTURED_FEATURES,
                      (struct cpuid_registers){.ebx = CPUID_7_EBX_TSC_ADJUST});
    memset(cpus, 0, sizeof(cpus));
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i].wakes_at = 1;
        cpus[i].answers = ANSWERS_FOR_EVER;
    }
    here = &cpus[0];
    counted[0] = &cpus[0].cpu;
    count = 1;
    line_count = 0;
    return 0;
}

static void *follow(void *fake)
{
    here = fake;
    tsc_sync_follow();
    return NULL;
}

static bool synchronise(struct fake *fake)
{
    waited_for = fake;
    tsc_sync_prepare();
    start(fake, follow);
    bool answers = tsc_sync_lead(1);
    assert_int_equal(pthread_join(fake->thread, NULL), 0);
    return answers;
}

static void assert_line(const char *beginning, const char *end)
{
    assert_int_equal(line_count, 1);
    const char *line = lines[--line_count];
    assert_int_equal(strncmp(line, beginning, strlen(beginning)), 0);
    assert_true(strlen(line) > strlen(end));
    assert_string_equal(line + strlen(line) - strlen(end), end);
}

static void assert_is_synchronous(const struct fake *fake)
{
    assert_in_range(fake->ahead + 1000, 0, 2000);
}

// ---- Tests ----

static void equal_tscs_stay_as_they_are(void **state)
{
    (void)state;
    assert_true(synchronise(&cpus[1]));
    assert_int_equal(cpus[1].ahead, 0);
    assert_int_equal(line_count, 0);
}

static void a_tsc_that_differs_is_corrected(void **state)
{
    (void)state;
    for (unsigned adjusts = 0; adjusts < 2; adjusts++) {
        cpus[1].ahead = DISTANCE;
        assert_true(synchronise(&cpus[1]));
        assert_is_synchronous(&cpus[1]);
        assert_line("CPU 1: TSC was ahead by ", " ticks, corrected");
        cpus[1].ahead = -DISTANCE;
        assert_true(synchronise(&cpus[1]));
        assert_is_synchronous(&cpus[1]);
        assert_line("CPU 1: TSC was behind by ", " ticks, corrected");
        fake_cpu_init(); // no IA32_TSC_ADJUST: IA32_TSC is written
    }
    cpus[1].ahead = DISTANCE;
    cpus[1].tsc_is_fixed = true;
    assert_true(synchronise(&cpus[1]));
    assert_line("CPU 1: TSC was ahead by ", " ticks and cannot be corrected");
}

// A CPU whose TSC is corrected gets 18 questions. What one leaves behind does not disturb the next.
static void a_silent_cpu_is_waited_for_a_second(void **state)
{
    (void)state;
    for (unsigned answers = 0; answers < 18; answers++) {
        cpus[1] = (struct fake){.answers = answers, .ahead = DISTANCE};
        uint64_t before = clock_ns;
        assert_false(synchronise(&cpus[1]));
        assert_in_range(clock_ns - before, NS_PER_S, NS_PER_S + 4 * LOOK_NS);
        line_count = 0;
        cpus[2].ahead = 0;
        assert_true(synchronise(&cpus[2]));
        assert_int_equal(cpus[2].ahead, 0);
        assert_int_equal(line_count, 0);
    }
    cpus[1] = (struct fake){.answers = 18, .ahead = DISTANCE};
    assert_true(synchronise(&cpus[1]));
}

static void enter(void)
{
    here->has_entered = true;
    pthread_exit(NULL);
}

static void silent_cpus_are_named_and_the_others_run(void **state)
{
    static struct acpi_info acpi = {.processor_count = CPUS};
    (void)state;
    for (unsigned i = 0; i < CPUS; i++) {
        acpi.processors[i].apic_id = i;
    }
    cpus[2].wakes_at = 0;
    cpus[3].breaks_early = true;
    cpus[4].answers = 3;
    cpus[5].wakes_at = 2;
    cpus[6].ahead = DISTANCE;
    assert_int_equal(smp_start(&acpi, enter), 4);
    for (unsigned i = 1; i < CPUS; i++) {
        bool silent = i >= 2 && i <= 4;
        if (cpus[i].wakes_at != 0) {
            assert_int_equal(pthread_join(cpus[i].thread, NULL), 0);
        }
        assert_int_equal(cpus[i].has_entered, !silent);
        assert_int_equal(cpus[i].inits, silent ? 2 : 1); // the last one makes it wait again
    }
    assert_ptr_equal(counted[2], &cpus[5].cpu);
    assert_ptr_equal(counted[3], &cpus[6].cpu);
    assert_int_equal(line_count--, 4);
    assert_non_null(strstr(lines[3], "CPU 3: TSC was ahead by "));
    assert_string_equal(lines[2],
                        "CPU with APIC id 4: came, and does not answer any more, left out");
    assert_string_equal(lines[1], "CPU with APIC id 3: does not answer, left out");
    assert_string_equal(lines[0], "CPU with APIC id 2: does not answer, left out");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_tscs_stay_as_they_are),
        TEST(a_tsc_that_differs_is_corrected),
        TEST(a_silent_cpu_is_waited_for_a_second),
        TEST(silent_cpus_are_named_and_the_others_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
