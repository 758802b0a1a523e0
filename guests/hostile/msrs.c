// SPDX-License-Identifier: MIT
// Attempts on the model-specific registers.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"

#define RANDOM_NUMBERS 2000
#define HYPERVISOR_HALF 0xffff800000000000ULL
#define IA32_BIOS_UPDT_TRIG 0x79
#define MSR_VM_CR 0xc0010114U
#define MSR_VM_HSAVE_PA 0xc0010117U
#define EFER_RESERVED_BIT BIT(1)
#define EFER_HIGH_BIT BIT(40)

struct msr_range {
    uint32_t first;
    uint32_t count;
};

static const struct msr_range ranges[] = {
    {0x00000000, 0x2000}, {0x40000000, 0x400}, {0xc0000000, 0x2000}, {0xc0010000, 0x2000}};

static bool fault_is_gp(enum outcome outcome)
{
    return outcome == OUTCOME_DONE || outcome == (enum outcome)VECTOR_GP;
}

// A read must give #GP or a value. The value must not look like an address of a kernel.
static enum outcome read_checked(uint32_t msr)
{
    uint64_t value;
    const enum outcome outcome = attempt_read_msr(msr, &value);
    if (!fault_is_gp(outcome)) {
        return attempt_wrong("MSR", msr);
    }
    if (outcome == OUTCOME_DONE && value >= HYPERVISOR_HALF && value != UINT64_MAX) {
        return attempt_wrong("an address is told by MSR", msr);
    }
    return OUTCOME_DONE;
}

static enum outcome read_ranges(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        for (uint32_t at = 0; at < ranges[i].count; at++) {
            if (read_checked(ranges[i].first + at) == OUTCOME_WRONG) {
                return OUTCOME_WRONG;
            }
        }
    }
    return OUTCOME_DONE;
}

static enum outcome read_random(void)
{
    uint32_t number = 12345;
    for (unsigned i = 0; i < RANDOM_NUMBERS; i++) {
        number = number * 1664525U + 1013904223U; // Numerical Recipes' generator
        if (read_checked(number) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

// MSRs that a guest may change, but whose change would break the guest itself.
static bool own_risk(uint32_t msr)
{
    return msr == IA32_EFER || msr == IA32_APIC_BASE || msr == IA32_BIOS_UPDT_TRIG;
}

// Writes zero and all ones, then the old value.
static enum outcome write_checked(uint32_t msr)
{
    uint64_t before;
    const bool readable = attempt_read_msr(msr, &before) == OUTCOME_DONE;
    if (!fault_is_gp(attempt_write_msr(msr, UINT64_MAX)) ||
        !fault_is_gp(attempt_write_msr(msr, 0)) ||
        (readable && !fault_is_gp(attempt_write_msr(msr, before)))) {
        return attempt_wrong("MSR", msr);
    }
    return OUTCOME_DONE;
}

static enum outcome write_ranges(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        for (uint32_t at = 0; at < ranges[i].count; at++) {
            const uint32_t msr = ranges[i].first + at;
            if (!own_risk(msr) && write_checked(msr) == OUTCOME_WRONG) {
                return OUTCOME_WRONG;
            }
        }
    }
    return OUTCOME_DONE;
}

// The VMX MSRs of the machine must not show through if CPUID says that there is no VMX.
static enum outcome read_vmx(void)
{
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_VMX) != 0) {
        return OUTCOME_DONE;
    }
    for (uint32_t msr = IA32_VMX_BASIC; msr <= IA32_VMX_TRUE_ENTRY_CTLS + 1; msr++) {
        uint64_t value;
        if (attempt_read_msr(msr, &value) == OUTCOME_DONE) {
            return attempt_wrong("can be read: MSR", msr);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome enable_vmx(void)
{
    return attempt_write_msr(IA32_FEATURE_CONTROL,
                             FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE_SMX);
}

static enum outcome write_hsave(void)
{
    return attempt_write_msr(MSR_VM_HSAVE_PA, 0x100000);
}

static enum outcome write_vm_cr(void)
{
    return attempt_write_msr(MSR_VM_CR, 0);
}

static enum outcome write_efer(uint64_t value)
{
    return attempt_write_msr(IA32_EFER, value);
}

static enum outcome efer_svme(void)
{
    return write_efer(msr_read(IA32_EFER) | EFER_SVME);
}

static enum outcome efer_reserved(void)
{
    return write_efer(msr_read(IA32_EFER) | EFER_RESERVED_BIT);
}

static enum outcome efer_high(void)
{
    return write_efer(msr_read(IA32_EFER) | EFER_HIGH_BIT);
}

static enum outcome efer_without_lme(void)
{
    return write_efer(msr_read(IA32_EFER) & ~EFER_LME);
}

static enum outcome lstar_noncanonical(void)
{
    return attempt_write_msr(IA32_LSTAR, NONCANONICAL_ADDRESS);
}

static enum outcome apic_base(uint64_t value)
{
    return attempt_write_msr(IA32_APIC_BASE, value);
}

static enum outcome apic_base_reserved(void)
{
    return apic_base(msr_read(IA32_APIC_BASE) | 1);
}

static enum outcome apic_base_high(void)
{
    return apic_base(msr_read(IA32_APIC_BASE) | BIT(machine_physical_bits()));
}

static enum outcome apic_base_x2apic_alone(void)
{
    apic_set_mode(APIC_MODE_OFF);
    return apic_base(msr_read(IA32_APIC_BASE) | APIC_BASE_X2APIC);
}

static enum outcome apic_base_back_from_x2apic(void)
{
    if (!apic_has_x2apic()) {
        return (enum outcome)VECTOR_GP;
    }
    apic_set_mode(APIC_MODE_X2APIC);
    return apic_base(msr_read(IA32_APIC_BASE) & ~APIC_BASE_X2APIC);
}

// Moves the page of the APIC over the guest's own RAM. Whatever that does, the machine must go on.
static enum outcome apic_base_in_ram(void)
{
    const uint64_t base = msr_read(IA32_APIC_BASE);
    volatile uint32_t *memory = (volatile uint32_t *)probe_spare_table();
    const enum outcome outcome =
        apic_base((uint64_t)(uintptr_t)memory | (base & (APIC_BASE_BSP | APIC_BASE_ENABLE)));
    memory[0x80 / 4] = 0;
    (void)memory[0x20 / 4];
    msr_write(IA32_APIC_BASE, base);
    return outcome;
}

static const struct attempt attempts[] = {
    {"read 25600 MSRs", read_ranges, DONE},
    {"read 2000 MSRs at random", read_random, DONE},
    {"write 25600 MSRs", write_ranges, DONE},
    {"read the VMX capabilities", read_vmx, DONE},
    {"switch VMX on in IA32_FEATURE_CONTROL", enable_vmx, FAULT(GP)},
    {"write VM_HSAVE_PA", write_hsave, FAULT(GP)},
    {"write VM_CR", write_vm_cr, FAULT(GP) | DONE},
    {"EFER.SVME on", efer_svme, FAULT(GP)},
    {"a reserved bit of EFER", efer_reserved, FAULT(GP)},
    {"a high bit of EFER", efer_high, FAULT(GP)},
    {"EFER.LME off in long mode", efer_without_lme, FAULT(GP)},
    {"a non-canonical LSTAR", lstar_noncanonical, FAULT(GP)},
    {"a reserved bit of IA32_APIC_BASE", apic_base_reserved, FAULT(GP)},
    {"IA32_APIC_BASE beyond physical memory", apic_base_high, FAULT(GP)},
    {"x2APIC mode without the APIC", apic_base_x2apic_alone, FAULT(GP)},
    {"from x2APIC to xAPIC mode at once", apic_base_back_from_x2apic, FAULT(GP)},
    {"the APIC's page over RAM", apic_base_in_ram, FAULT(GP) | DONE},
};

const struct attempt_group msrs_group = {attempts, ARRAY_SIZE(attempts)};
