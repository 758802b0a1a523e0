// SPDX-License-Identifier: MIT
// Starts the other CPUs one after another, and waits for each to arrive in the hypervisor.
#include "arch/x86/smp.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
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
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define XAPIC_ID_MAX 254
// 10 ms after INIT, 200 us after each start-up IPI (SDM Vol. 3A 9.4.4.1).
#define INIT_DELAY_NS (10 * NS_PER_MS)
#define STARTUP_DELAY_NS (200 * NS_PER_US)
// A CPU answers within microseconds. It takes longer if an emulator runs 32 CPUs on two.
#define ANSWER_NS NS_PER_S

// The end of trampoline.asm.
struct PACKED trampoline_parameters {
    uint32_t kernel_cr3;
    uint32_t efer;
    uint32_t protected_offset;
    uint16_t protected_selector;
    uint32_t long_offset;
    uint16_t long_selector;
    uint16_t gdt_limit;
    uint32_t gdt_base;
};

extern const uint8_t trampoline_start[], trampoline_end[], trampoline_parameters[];
extern const uint8_t trampoline_protected[], trampoline_long[];
extern const uint8_t trampoline_gdt[], trampoline_gdt_end[];
extern uint64_t trampoline_stack;     // the initial RSP for the CPU that is being started
extern void (*trampoline_main)(void); // the function that this CPU calls

static const struct acpi_info *acpi;
static void (*cpu_entry)(void);
static struct cpu *arrived;     // the CPU that arrived last
static uint32_t released_index; // CPUs up to this one may go on

static uint32_t offset_of(const uint8_t *label)
{
    return (uint32_t)(label - trampoline_start);
}

static void map_trampoline(uint64_t page)
{
    static uint8_t code[PAGE_SIZE];
    size_t bytes = (size_t)(trampoline_end - trampoline_start);
    struct trampoline_parameters parameters;
    memcpy(code, trampoline_start, bytes);
    memcpy(&parameters, trampoline_parameters, sizeof(parameters));
    parameters.kernel_cr3 = (uint32_t)paging_kernel_cr3();
    parameters.efer = (uint32_t)(rdmsr(IA32_EFER) & (EFER_LME | EFER_NXE));
    parameters.protected_offset = (uint32_t)page + offset_of(trampoline_protected);
    parameters.long_offset = (uint32_t)page + offset_of(trampoline_long);
    parameters.gdt_limit = (uint16_t)(trampoline_gdt_end - trampoline_gdt - 1);
    parameters.gdt_base = (uint32_t)page + offset_of(trampoline_gdt);
    memcpy(code + offset_of(trampoline_parameters), &parameters, sizeof(parameters));
    paging_map_trampoline(page, code, bytes);
}

// Runs on the CPU that is being started.
_Noreturn static void cpu_main(void)
{
    struct cpu *cpu = cpu_this();
    cpu_set_up(cpu);
    apic_init_cpu(acpi);
    __atomic_store_n(&arrived, cpu, __ATOMIC_RELEASE);
    tsc_sync_follow();
    time_init_cpu();
    // The first CPU lets this one go, or stops it by INIT. Until then it has nothing else to do.
    while (__atomic_load_n(&released_index, __ATOMIC_ACQUIRE) < cpu->index) {
        pause();
    }
    cpu_entry();
    panic("CPU %u has nothing left to do", cpu->index);
}

static bool has_arrived(const struct cpu *cpu, uint64_t wait_ns)
{
    uint64_t start = time_now_ns();
    do {
        if (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) == cpu) {
            return true;
        }
        pause();
    } while (time_now_ns() - start < wait_ns);
    return false;
}

// The second start-up IPI is for a CPU that missed the first. A CPU that runs ignores it.
static bool wake(const struct cpu *cpu, uint64_t page)
{
    __atomic_store_n(&trampoline_stack, cpu->stack_top, __ATOMIC_RELEASE);
    apic_send_startup(cpu->apic_id, page);
    if (has_arrived(cpu, STARTUP_DELAY_NS)) {
        return true;
    }
    apic_send_startup(cpu->apic_id, page);
    return has_arrived(cpu, ANSWER_NS);
}

// INIT makes the CPU wait again. Otherwise it could come late, take another CPU's stack, or answer
// in its place.
static void leave_out(const struct cpu *cpu, const char *why)
{
    apic_send_init(cpu->apic_id);
    __atomic_store_n(&trampoline_stack, 0, __ATOMIC_RELEASE);
    log_line("CPU with APIC id %u: %s, left out", cpu->apic_id, why);
}

static void start_one(uint32_t apic_id, uint64_t page)
{
    struct cpu *cpu = cpu_create(apic_id);
    if (!cpu) {
        log_line("CPU with APIC id %u: no memory for it, left out", apic_id);
        return;
    }
    tsc_sync_prepare();
    if (!wake(cpu, page)) {
        leave_out(cpu, "does not answer");
        return;
    }
    if (!tsc_sync_lead(cpu->index)) {
        leave_out(cpu, "came, and does not answer any more");
        return;
    }
    cpu_add(cpu);
    __atomic_store_n(&released_index, cpu->index, __ATOMIC_RELEASE);
}

static bool can_start(uint32_t id)
{
    return id != cpu_this()->apic_id && (apic_is_x2apic() || id <= XAPIC_ID_MAX);
}

static void send_inits(void)
{
    for (unsigned i = 0; i < acpi->processor_count; i++) {
        if (can_start(acpi->processors[i].apic_id)) {
            apic_send_init(acpi->processors[i].apic_id);
            apic_send_init_deassert(acpi->processors[i].apic_id);
        }
    }
    time_delay_ns(INIT_DELAY_NS);
}

static void stop_others(void)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        const struct cpu *cpu = cpu_by_index(i);
        if (cpu != cpu_this()) {
            apic_send_nmi(cpu->apic_id);
        }
    }
}

static void start_all(uint64_t page)
{
    unsigned left_over = acpi->processors_left_over;
    for (unsigned i = 0; i < acpi->processor_count; i++) {
        uint32_t id = acpi->processors[i].apic_id;
        if (id == cpu_this()->apic_id) {
            continue;
        }
        if (!can_start(id)) {
            log_line("CPU with APIC id %u: needs the x2APIC, left out", id);
        } else if (cpu_count() == CPUS_MAX) {
            left_over++;
        } else {
            start_one(id, page);
        }
    }
    if (left_over > 0) {
        log_line("%u CPUs left out: %u is the limit", left_over, CPUS_MAX);
    }
}

unsigned smp_start(const struct acpi_info *info, void (*entry)(void))
{
    acpi = info;
    cpu_entry = entry;
    cpu_this()->apic_id = apic_id();
    panic_stop_others = stop_others;
    if (acpi->processor_count <= 1 || feature_is_off(OPTIONAL_SMP)) {
        return cpu_count();
    }
    uint64_t page = frames_low_page();
    if (page == 0) {
        log_line("no memory below 1 MiB: the other CPUs cannot be started");
        return cpu_count();
    }
    map_trampoline(page);
    trampoline_main = cpu_main;
    send_inits();
    start_all(page);
    paging_unmap_trampoline(page);
    return cpu_count();
}
