// SPDX-License-Identifier: MIT
// Writes to CR0, CR4, CR8, XCR0 and EFER that exit to Husk (SDM Vol. 3A 2.5).
#include "vmm/vcpu/control_registers.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

#define PDPTE_PRESENT BIT(0)
#define PDPTE_RESERVED 0x1e6ULL // bits 1, 2, 5 to 8 (SDM Vol. 3A table 4-8)

// Loads the four PDPTEs that MOV to CR3 would load in PAE paging. The hardware loads them itself
// only for instructions that do not exit. Returns false for #GP: a reserved bit is set.
static bool load_pdptes(struct vcpu *vcpu)
{
    if (!vcpu->ops->loads_pdptes) {
        return true;
    }
    uint64_t cr3 = vcpu_register(vcpu, REG_CR3);
    uint64_t entries[4] = {0};
    // If the table is not in RAM, its entries read as all ones: reserved bits are set.
    const void *table = guest_memory_at(&vcpu->vm->memory, gpa(cr3 & 0xffffffe0U), sizeof(entries));
    if (!table) {
        return false;
    }
    __builtin_memcpy(entries, table, sizeof(entries));
    uint64_t above = ~(BIT(cpuid_table_physical_bits(&vcpu->cpuid)) - 1);
    for (unsigned i = 0; i < 4; i++) {
        if ((entries[i] & PDPTE_PRESENT) && (entries[i] & (PDPTE_RESERVED | above))) {
            return false;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        vcpu_set_register(vcpu, REG_PDPTE0 + i, entries[i]);
    }
    return true;
}

static bool pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

// Computes EFER for a change of CR0.PG to its value in `cr0`. Returns false for #GP.
static bool efer_after_cr0(struct vcpu *vcpu, uint64_t cr0, uint64_t *efer)
{
    uint64_t cr4 = vcpu_register(vcpu, REG_CR4);
    struct segment cs;
    vcpu->ops->get_segment(&vcpu->core, SEGMENT_CS, &cs);
    if (!(cr0 & CR0_PG)) {
        bool forbidden = vcpu_in_64bit_mode(vcpu) || (cr4 & CR4_PCIDE);
        *efer &= ~(uint64_t)EFER_LMA;
        return !forbidden;
    }
    if (*efer & EFER_LME) {
        *efer |= EFER_LMA;
        return (cr4 & CR4_PAE) && !(cs.attributes & SEGMENT_L);
    }
    return true;
}

static bool write_cr0(struct vcpu *vcpu, uint64_t value)
{
    uint64_t old = vcpu_register(vcpu, REG_CR0);
    uint64_t efer = vcpu_register(vcpu, REG_EFER);
    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
        ((value & CR0_NW) && !(value & CR0_CD))) {
        return false;
    }
    value = (value & CR0_DEFINED) | CR0_ET;
    bool paging_changes = (old ^ value) & CR0_PG;
    if (paging_changes && !efer_after_cr0(vcpu, value, &efer)) {
        return false;
    }
    if (((old ^ value) & (CR0_CD | CR0_NW | CR0_PG)) &&
        pae_paging(value, vcpu_register(vcpu, REG_CR4), efer) && !load_pdptes(vcpu)) {
        return false;
    }
    if (paging_changes) {
        vcpu_set_register(vcpu, REG_EFER, efer);
    }
    vcpu_set_register(vcpu, REG_CR0, value);
    return true;
}

#define CR4_LOADS_PDPTES (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

static bool write_cr4(struct vcpu *vcpu, uint64_t value)
{
    uint64_t old = vcpu_register(vcpu, REG_CR4);
    uint64_t cr0 = vcpu_register(vcpu, REG_CR0);
    uint64_t efer = vcpu_register(vcpu, REG_EFER);
    if (value & ~vcpu->core.cr4_allowed) {
        return false;
    }
    if (!(value & CR4_PAE) && (efer & EFER_LMA)) {
        return false;
    }
    bool pcid_on = (value & CR4_PCIDE) && !(old & CR4_PCIDE);
    if (pcid_on && (!(efer & EFER_LMA) || (vcpu_register(vcpu, REG_CR3) & 0xfff))) {
        return false;
    }
    if (((old ^ value) & CR4_LOADS_PDPTES) && pae_paging(cr0, value, efer) && !load_pdptes(vcpu)) {
        return false;
    }
    vcpu_set_register(vcpu, REG_CR4, value);
    cpuid_table_set_cr4(&vcpu->cpuid, value);
    return true;
}

static bool write_cr8(struct vcpu *vcpu, uint64_t value)
{
    if (value > 15) {
        return false;
    }
    lapic_set_cr8(&vcpu->lapic, value);
    vcpu_post_work(vcpu, WORK_EVENTS);
    return true;
}

static bool write_register(struct vcpu *vcpu, unsigned number, uint64_t value)
{
    switch (number) {
    case 0:
        return write_cr0(vcpu, value);
    case 4:
        return write_cr4(vcpu, value);
    default:
        return write_cr8(vcpu, value);
    }
}

static uint64_t read_register(const struct vcpu *vcpu, unsigned number)
{
    switch (number) {
    case 0:
        return vcpu_register(vcpu, REG_CR0);
    case 4:
        return vcpu_register(vcpu, REG_CR4);
    default:
        return lapic_cr8(&vcpu->lapic);
    }
}

enum exit_action vcpu_control_register_exit(struct vcpu *vcpu,
                                            const struct exit_control_register *access)
{
    if (!access->write) {
        vcpu_set_gpr(vcpu, access->gpr, read_register(vcpu, access->number));
        return ADVANCE;
    }
    uint64_t value = access->immediate ? access->value : vcpu_gpr(vcpu, access->gpr);
    if (!vcpu_in_64bit_mode(vcpu)) {
        value = (uint32_t)value;
    }
    return write_register(vcpu, access->number, value) ? ADVANCE
                                                       : vcpu_fault_code(vcpu, VECTOR_GP, 0);
}

// SDM Vol. 1 13.3: x87 must be set, AVX needs SSE, and AVX-512 is three components and needs AVX.
static bool xcr0_valid(uint64_t value, uint64_t allowed)
{
    uint64_t avx512 = value & XCR0_AVX512;
    return !(value & ~allowed) && (value & XCR0_X87) &&
           (!(value & XCR0_AVX) || (value & XCR0_SSE)) &&
           (avx512 == 0 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX)));
}

// On Intel, the faults for CR4.OSXSAVE and for the CPL come before the exit (SDM Vol. 3C 26.1.1).
// On AMD the exit comes before the check of the CPL, so the CPL is checked here.
enum exit_action vcpu_xsetbv_exit(struct vcpu *vcpu)
{
    const uint64_t *gpr = vcpu->core.registers.gpr;
    uint64_t value = (uint32_t)gpr[GPR_RAX] | gpr[GPR_RDX] << 32;
    if ((uint32_t)gpr[GPR_RCX] != 0 || vcpu_register(vcpu, REG_CPL) != 0 ||
        !xcr0_valid(value, vcpu->cpuid.xcr0_mask)) {
        return vcpu_fault_code(vcpu, VECTOR_GP, 0);
    }
    vcpu_set_register(vcpu, REG_XCR0, value);
    cpuid_table_set_xcr0(&vcpu->cpuid, value);
    return ADVANCE;
}

bool vcpu_write_efer(struct vcpu *vcpu, uint64_t value)
{
    uint64_t old = vcpu_register(vcpu, REG_EFER);
    if (value & ~cpuid_table_efer_allowed(&vcpu->cpuid)) {
        return false;
    }
    if (((old ^ value) & EFER_LME) && (vcpu_register(vcpu, REG_CR0) & CR0_PG)) {
        return false;
    }
    if ((old ^ value) & EFER_LME) {
        emulator_forget(&vcpu->emulator_cache);
    }
    // Only the CPU changes LMA: a write to it is ignored.
    vcpu_set_register(vcpu, REG_EFER, (value & ~(uint64_t)EFER_LMA) | (old & EFER_LMA));
    return true;
}
