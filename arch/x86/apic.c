// SPDX-License-Identifier: MIT
// The local APIC: register access in both modes, set-up of each CPU, interrupts to other CPUs.
#include "arch/x86/apic.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic_lvt.h"
#include "arch/x86/apic_registers.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/log.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/paging.h"
#include "arch/x86/vectors.h"

#define APIC_BASE_ADDRESS_MASK 0xffffffffff000ULL
#define ISR_REGISTERS 8
#define ISR_BITS 32 // of a register
#define VECTORS 256
// Sending takes microseconds. The limit keeps a broken APIC from hanging the machine.
#define SEND_WAIT_READS 100000

static bool x2apic;
static volatile uint32_t *registers;
volatile uint32_t *apic_eoi_address;
static uint32_t logged_errors; // bits of ESR

static uint32_t read_register(uint32_t offset)
{
    if (x2apic) {
        return (uint32_t)rdmsr(IA32_X2APIC_FIRST + APIC_NUMBER(offset));
    }
    return registers[offset / sizeof(uint32_t)];
}

static void write_register(uint32_t offset, uint32_t value)
{
    if (x2apic) {
        wrmsr(IA32_X2APIC_FIRST + APIC_NUMBER(offset), value);
    } else {
        registers[offset / sizeof(uint32_t)] = value;
    }
}

bool apic_is_x2apic(void)
{
    return x2apic;
}

uint32_t apic_id(void)
{
    uint32_t id = read_register(APIC_ID);
    return x2apic ? id : id >> APIC_ID_SHIFT;
}

void apic_eoi(void)
{
    write_register(APIC_EOI, 0);
}

static bool is_in_service(uint8_t vector)
{
    uint32_t offset = (uint32_t)(vector / ISR_BITS) * APIC_REGISTER_STEP;
    return read_register(APIC_ISR + offset) & BIT(vector % ISR_BITS);
}

// An interrupt that stays in service holds back all of its class and below (SDM Vol. 3A 11.8.4).
// A spurious interrupt of this APIC (11.9) or of an 8259 is not in service, and an EOI would end
// another one.
static void end_unexpected(uint8_t vector)
{
    if (is_in_service(vector)) {
        apic_eoi();
    }
}

// The log gets each kind of error once, because errors may come without end.
static void log_error(struct interrupt_frame *frame)
{
    uint32_t errors;
    (void)frame;
    write_register(APIC_ESR, 0); // latches the errors since the last write
    errors = read_register(APIC_ESR);
    if (errors & ~__atomic_fetch_or(&logged_errors, errors, __ATOMIC_RELAXED)) {
        log_line("interrupts: the local APIC of CPU %u reports errors %#x (its register ESR)",
                 cpu_this()->index, errors);
    }
    apic_eoi();
}

// Firmware may have locked x2APIC mode. A write that leaves the mode then faults (SDM Vol. 3A
// 11.12.1, IA32_XAPIC_DISABLE_STATUS).
static bool is_locked_in_x2apic(void)
{
    uint64_t capabilities, status;
    return (cpuid_checked(CPUID_STRUCTURED_FEATURES, 0).edx & CPUID_7_EDX_ARCH_CAPABILITIES) &&
           rdmsr_safe(IA32_ARCH_CAPABILITIES, &capabilities) &&
           (capabilities & ARCH_CAPABILITIES_XAPIC_DISABLE) &&
           rdmsr_safe(IA32_XAPIC_DISABLE_STATUS, &status) && (status & LEGACY_XAPIC_DISABLED);
}

static bool choose_x2apic(const struct acpi_info *acpi, bool supported)
{
    bool handed_over = rdmsr(IA32_APIC_BASE) & APIC_BASE_X2APIC;
    if (!feature_is_off(OPTIONAL_X2APIC)) {
        if (supported && !handed_over && acpi->x2apic_unwanted) {
            log_line("interrupts: the firmware asks for the xAPIC mode (DMAR)");
            return false;
        }
        return supported || handed_over;
    }
    if (handed_over && is_locked_in_x2apic()) {
        log_line("no=x2apic: the firmware has locked the x2APIC mode, it stays on");
        return true;
    }
    return false;
}

enum status apic_init(const struct acpi_info *acpi, struct reason *why)
{
    struct cpuid_registers features = cpuid(CPUID_FEATURES, 0);
    if ((features.edx & CPUID_1_EDX_APIC) == 0) {
        return refuse(why, STATUS_UNSUPPORTED, "this CPU has no local APIC");
    }
    x2apic = choose_x2apic(acpi, features.ecx & CPUID_1_ECX_X2APIC);
    if (!x2apic) {
        uint64_t address = rdmsr(IA32_APIC_BASE) & APIC_BASE_ADDRESS_MASK;
        if (address == 0) {
            address = acpi->local_apic_address;
        }
        registers = paging_map_device(address, PAGE_SIZE, CACHE_UNCACHED);
        apic_eoi_address = &registers[APIC_EOI / sizeof(uint32_t)];
    }
    interrupt_set_unexpected(end_unexpected);
    interrupt_set_handler(VECTOR_ERROR, log_error);
    return STATUS_OK;
}

// The APIC goes from disabled to xAPIC to x2APIC. From x2APIC it goes back only to disabled (SDM
// Vol. 3A 11.12.5).
static void enter_mode(void)
{
    uint64_t base = rdmsr(IA32_APIC_BASE);
    if (!x2apic && (base & APIC_BASE_X2APIC)) {
        base &= ~(uint64_t)(APIC_BASE_ENABLE | APIC_BASE_X2APIC);
        wrmsr(IA32_APIC_BASE, base);
    }
    if ((base & APIC_BASE_ENABLE) == 0) {
        wrmsr(IA32_APIC_BASE, base |= APIC_BASE_ENABLE);
    }
    if (x2apic && (base & APIC_BASE_X2APIC) == 0) {
        wrmsr(IA32_APIC_BASE, base | APIC_BASE_X2APIC);
    }
}

// In x2APIC mode a register that is not there faults.
static uint32_t read_if_present(uint32_t offset)
{
    uint64_t value;
    if (!x2apic) {
        return read_register(offset);
    }
    return rdmsr_safe(IA32_X2APIC_FIRST + APIC_NUMBER(offset), &value) ? (uint32_t)value : 0;
}

static void mask_local_sources(void)
{
    static const struct apic_registers all = {.read = read_if_present, .write = write_register};
    static uint32_t thermal;
    apic_lvt_mask(&all, &thermal);
}

static uint32_t uid_of(const struct acpi_info *acpi, uint32_t id)
{
    for (unsigned i = 0; i < acpi->processor_count; i++) {
        if (acpi->processors[i].apic_id == id) {
            return acpi->processors[i].uid;
        }
    }
    return ACPI_ALL_PROCESSORS;
}

static void connect_nmis(const struct acpi_info *acpi)
{
    uint32_t uid = uid_of(acpi, apic_id());
    for (unsigned i = 0; i < acpi->nmi_count; i++) {
        const struct acpi_nmi *nmi = &acpi->nmis[i];
        if (nmi->uid != ACPI_ALL_PROCESSORS && nmi->uid != uid) {
            continue;
        }
        // An NMI on a LINT is edge-triggered whatever the table says (SDM Vol. 3A 11.5.1).
        write_register(nmi->lint == 0 ? APIC_LVT_LINT0 : APIC_LVT_LINT1,
                       APIC_LVT_NMI | (nmi->active_low ? (uint32_t)APIC_LVT_ACTIVE_LOW : 0));
    }
}

// An interrupt that firmware left in service would block all lower ones for ever.
static void end_leftovers(void)
{
    for (unsigned round = 0; round < VECTORS; round++) {
        uint32_t in_service = 0;
        for (uint32_t i = 0; i < ISR_REGISTERS; i++) {
            in_service |= read_register(APIC_ISR + i * APIC_REGISTER_STEP);
        }
        if (in_service == 0) {
            return;
        }
        apic_eoi();
    }
}

void apic_init_cpu(const struct acpi_info *acpi)
{
    enter_mode();
    write_register(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    if (!x2apic) {
        write_register(APIC_DFR, APIC_DFR_FLAT);
    }
    mask_local_sources();
    connect_nmis(acpi);
    write_register(APIC_TPR, 0);
    end_leftovers();
    write_register(APIC_ESR, 0);
    write_register(APIC_LVT_ERROR, VECTOR_ERROR);
}

static void wait_until_sent(void)
{
    for (unsigned i = 0; i < SEND_WAIT_READS; i++) {
        if ((read_register(APIC_ICR) & APIC_ICR_PENDING) == 0) {
            return;
        }
        pause();
    }
}

static void send(uint32_t target, uint32_t command)
{
    if (x2apic) {
        // A WRMSR to the x2APIC may be done before older stores (SDM Vol. 3A 11.12.3).
        __asm__ volatile("mfence\n\tlfence" : : : "memory");
        wrmsr(IA32_X2APIC_FIRST + APIC_NUMBER(APIC_ICR),
              (uint64_t)target << APIC_ICR_DESTINATION_SHIFT | command);
        return;
    }
    uint64_t flags = interrupts_save(); // the two halves belong together
    wait_until_sent();
    write_register(APIC_ICR_HIGH, target << APIC_ID_SHIFT);
    write_register(APIC_ICR, command);
    wait_until_sent();
    interrupts_restore(flags);
}

void apic_send_fixed(uint32_t target, uint8_t vector)
{
    send(target, APIC_ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t target)
{
    send(target, APIC_ICR_ASSERT | APIC_ICR_NMI);
}

void apic_send_init(uint32_t target)
{
    send(target, APIC_ICR_LEVEL | APIC_ICR_ASSERT | APIC_ICR_INIT);
}

void apic_send_init_deassert(uint32_t target)
{
    send(target, APIC_ICR_LEVEL | APIC_ICR_INIT);
}

void apic_send_startup(uint32_t target, uint64_t address)
{
    send(target, APIC_ICR_ASSERT | APIC_ICR_STARTUP | (uint32_t)(address / PAGE_SIZE));
}

void apic_timer_setup(enum apic_timer_mode mode, uint8_t vector)
{
    write_register(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    write_register(APIC_LVT_TIMER,
                   vector | (mode == APIC_TIMER_TSC_DEADLINE ? APIC_LVT_TSC_DEADLINE : 0));
    // The memory-mapped write must be complete before the deadline MSR is written (11.5.4.1).
    __asm__ volatile("mfence" : : : "memory");
}

void apic_timer_start(uint32_t count)
{
    write_register(APIC_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
    return read_register(APIC_TIMER_CURRENT);
}
