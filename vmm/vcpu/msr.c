// SPDX-License-Identifier: MIT
// RDMSR and WRMSR of a guest.
#include "vmm/vcpu/msr.h"

#include "arch/x86/msr_numbers.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/host.h"
#include "vmm/util/pat.h"
#include "vmm/vcpu/control_registers.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/msr_model.h"
#include "vmm/vcpu/msr_unknown.h"
#include "vmm/vcpu/paravirt.h"
#include "vmm/vcpu/paravirt_clock.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/vm.h"

#define MTRRCAP_FIXED BIT(8)
#define MTRRCAP_WRITE_COMBINING BIT(10)
#define MTRR_DEF_TYPE_BITS (BIT(11) | BIT(10) | 0x7)
#define MTRR_TYPE_WRITE_BACK 6

void msr_reset(struct msr_state *state)
{
    *state = (struct msr_state){
        .misc_enable = MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS,
        .mtrr_def_type = BIT(11) | MTRR_TYPE_WRITE_BACK, // as firmware leaves it
    };
}

void msr_set_intercepts(const struct space_ops *ops, struct nested_space *nested)
{
    // Each is in the VMCS or VMCB, or is live in the CPU while the vCPU is (struct live_state).
    static const uint32_t own[] = {IA32_SYSENTER_CS, IA32_SYSENTER_ESP,   IA32_SYSENTER_EIP,
                                   IA32_STAR,        IA32_LSTAR,          IA32_CSTAR,
                                   IA32_FMASK,       IA32_FS_BASE,        IA32_GS_BASE,
                                   IA32_PAT,         IA32_KERNEL_GS_BASE, IA32_TSC_AUX};
    for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
        ops->intercept_msr(nested, own[i], false, false);
    }
    // Reads are harmless. Writes must be checked.
    ops->intercept_msr(nested, IA32_EFER, false, true);
    ops->intercept_msr(nested, IA32_TSC, false, true);
}

// The fixed-range MTRRs have scattered numbers (SDM Vol. 3A 12.11.2.2).
static int fixed_mtrr(uint32_t msr)
{
    static const uint16_t numbers[MTRR_FIXED] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                                 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
    for (int i = 0; i < MTRR_FIXED; i++) {
        if (numbers[i] == msr) {
            return i;
        }
    }
    return -1;
}

// Where the value is kept of an MSR that reads as it was written; NULL: `msr` is not one of these.
static inline __attribute__((always_inline)) uint64_t *stored(struct msr_state *state, uint32_t msr)
{
    if (msr - IA32_MTRR_PHYSBASE0 < 2 * MTRR_VARIABLE) {
        return &state->mtrr_variable[msr - IA32_MTRR_PHYSBASE0];
    }
    switch (msr) {
    case IA32_MISC_ENABLE:
        return &state->misc_enable;
    case IA32_BIOS_SIGN_ID:
        return &state->bios_sign_id;
    case IA32_MCG_STATUS:
        return &state->mcg_status;
    case IA32_MTRR_DEF_TYPE:
        return &state->mtrr_def_type;
    default: {
        int fixed = fixed_mtrr(msr);
        return fixed >= 0 ? &state->mtrr_fixed[fixed] : NULL;
    }
    }
}

static NOT_INLINE bool read_x2apic(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    if (lapic_mode(&vcpu->lapic) != LAPIC_X2APIC) {
        return false;
    }
    return vcpu_read_lapic(vcpu, msr - IA32_X2APIC_FIRST, value);
}

static NOT_INLINE bool read_other(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case IA32_EFER: // reads of EFER and PAT exit only on AMD
        *value = vcpu_register(vcpu, REG_EFER);
        return true;
    case IA32_PAT:
        *value = vcpu_register(vcpu, REG_PAT);
        return true;
    case IA32_XSS:
        *value = 0;
        return cpuid_table_has_xss(&vcpu->cpuid);
    default: {
        const uint64_t *kept = stored(&vcpu->msrs, msr);
        if (!kept) {
            return paravirt_read_msr(vcpu, msr, value) || msr_model_read(vcpu, msr, value);
        }
        *value = *kept;
        return true;
    }
    }
}

static bool is_x2apic(uint32_t msr)
{
    return msr - IA32_X2APIC_FIRST <= IA32_X2APIC_LAST - IA32_X2APIC_FIRST;
}

static NOT_INLINE uint64_t read_tsc_deadline(struct vcpu *vcpu)
{
    return lapic_tsc_deadline(&vcpu->lapic, vm_now_ns(vcpu->vm));
}

static inline __attribute__((always_inline)) bool read_msr(struct vcpu *vcpu, uint32_t msr,
                                                           uint64_t *value)
{
    if (is_x2apic(msr)) {
        return read_x2apic(vcpu, msr, value);
    }
    switch (msr) {
    case IA32_APIC_BASE:
        *value = lapic_base(&vcpu->lapic);
        return true;
    case IA32_TSC_DEADLINE:
        *value = read_tsc_deadline(vcpu);
        return true;
    case IA32_MTRRCAP:
        *value = MTRR_VARIABLE | MTRRCAP_FIXED | MTRRCAP_WRITE_COMBINING;
        return true;
    case IA32_FEATURE_CONTROL: // locked, with VMX off
        *value = FEATURE_CONTROL_LOCKED;
        return true;
    case IA32_PLATFORM_ID:
    case IA32_MCG_CAP: // no error-reporting banks
    case IA32_DEBUGCTL:
        *value = 0;
        return true;
    default:
        return read_other(vcpu, msr, value);
    }
}

// The time on the VM's clock at which the guest's TSC reaches `deadline`, rounded up. 0 if the
// deadline has passed: then nobody needs the exact time.
static uint64_t deadline_to_ns(const struct vcpu *vcpu, uint64_t deadline)
{
    const struct host *host = vcpu->host;
    uint64_t host_tsc = host->tsc();
    uint64_t guest_tsc = host_tsc + vcpu->vm->tsc_offset + vcpu->tsc_adjust;
    if (deadline <= guest_tsc) {
        return 0;
    }
    uint64_t left = MIN(deadline - guest_tsc, BIT(60)); // years; more could overflow in ns
    return host->ns_at_tsc(host_tsc + left) - vcpu->vm->clock_base_ns + 1;
}

// This does not ask whether the timer is masked, because that would make it slower. If it is,
// vcpu_run looks once and finds nothing due.
static void set_tsc_deadline(struct vcpu *vcpu, uint64_t value)
{
    lapic_set_tsc_deadline(&vcpu->lapic, value, deadline_to_ns(vcpu, value));
    vcpu_timer_set(vcpu, vcpu->lapic.timer_due_ns);
}

static NOT_INLINE bool write_tsc(struct vcpu *vcpu, uint64_t value)
{
    uint64_t offset = value - vcpu->host->tsc();
    __atomic_store_n(&vcpu->tsc_adjust, offset - vcpu->vm->tsc_offset, __ATOMIC_RELAXED);
    paravirt_clock_adjust(vcpu);
    vcpu_set_register(vcpu, REG_TSC_OFFSET, offset);
    uint64_t deadline = read_tsc_deadline(vcpu);
    if (deadline != 0) {
        set_tsc_deadline(vcpu, deadline); // the deadline has come nearer or gone farther
    }
    return true;
}

static NOT_INLINE bool write_pat(struct vcpu *vcpu, uint64_t value)
{
    if (!pat_is_valid(value)) {
        return false;
    }
    vcpu_set_register(vcpu, REG_PAT, value);
    return true;
}

static bool write_stored(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    uint64_t *kept = stored(&vcpu->msrs, msr);
    if (!kept) {
        return paravirt_write_msr(vcpu, msr, value) || msr_model_write(vcpu, msr, value);
    }
    if (msr == IA32_MTRR_DEF_TYPE && (value & ~(uint64_t)MTRR_DEF_TYPE_BITS)) {
        return false;
    }
    // Software writes 0 to IA32_BIOS_SIGN_ID before a CPUID that fills it in; ours fills in
    // nothing.
    *kept = msr == IA32_BIOS_SIGN_ID ? 0 : value;
    return true;
}

static bool write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case IA32_APIC_BASE:
        return vcpu_set_apic_base(vcpu, value);
    case IA32_EFER:
        return vcpu_write_efer(vcpu, value);
    case IA32_PAT:
        return write_pat(vcpu, value);
    case IA32_TSC:
        return write_tsc(vcpu, value);
    case IA32_XSS: // no supervisor components
        return value == 0 && cpuid_table_has_xss(&vcpu->cpuid);
    case IA32_DEBUGCTL: // a debugger's kernel sets these bits unasked; they do nothing here
        return (value & ~(uint64_t)(DEBUGCTL_LBR | DEBUGCTL_BTF)) == 0;
    default:
        return write_stored(vcpu, msr, value);
    }
}

static uint32_t msr_number(const struct vcpu *vcpu)
{
    return (uint32_t)vcpu->core.registers.gpr[GPR_RCX];
}

static enum exit_action give(struct vcpu *vcpu, uint64_t value)
{
    uint64_t *gpr = vcpu->core.registers.gpr;
    gpr[GPR_RAX] = (uint32_t)value;
    gpr[GPR_RDX] = value >> 32;
    return ADVANCE;
}

static NOT_INLINE enum exit_action read_unknown(struct vcpu *vcpu)
{
    uint32_t msr = msr_number(vcpu);
    enum exit_action action = msr_unknown(vcpu, msr, !is_x2apic(msr));
    return action == ADVANCE ? give(vcpu, 0) : action;
}

// The MSR does not exist, or it refuses the value. What can be read exists.
static NOT_INLINE enum exit_action refuse_write(struct vcpu *vcpu)
{
    uint32_t msr = msr_number(vcpu);
    uint64_t value;
    return msr_unknown(vcpu, msr, !is_x2apic(msr) && !read_msr(vcpu, msr, &value));
}

enum exit_action msr_read_exit(struct vcpu *vcpu)
{
    uint64_t value;
    return read_msr(vcpu, msr_number(vcpu), &value) ? give(vcpu, value) : read_unknown(vcpu);
}

static uint64_t written_value(const struct vcpu *vcpu)
{
    const uint64_t *gpr = vcpu->core.registers.gpr;
    return (uint32_t)gpr[GPR_RAX] | gpr[GPR_RDX] << 32;
}

// ---- The most frequent writes have functions of their own ----

static NOT_INLINE enum exit_action write_x2apic_eoi(struct vcpu *vcpu)
{
    const uint64_t *gpr = vcpu->core.registers.gpr;
    struct lapic *lapic = &vcpu->lapic;
    if (lapic_mode(lapic) != LAPIC_X2APIC || (uint32_t)(gpr[GPR_RAX] | gpr[GPR_RDX]) != 0) {
        return refuse_write(vcpu);
    }
    lapic_eoi(lapic);
    if (lapic_has_requests(lapic)) {
        vcpu_post_work(vcpu, WORK_EVENTS);
    }
    return ADVANCE;
}

static NOT_INLINE enum exit_action write_tsc_deadline(struct vcpu *vcpu)
{
    set_tsc_deadline(vcpu, written_value(vcpu));
    return ADVANCE;
}

static NOT_INLINE enum exit_action write_x2apic(struct vcpu *vcpu)
{
    unsigned reg = msr_number(vcpu) - IA32_X2APIC_FIRST;
    bool legal = lapic_mode(&vcpu->lapic) == LAPIC_X2APIC &&
                 vcpu_write_lapic(vcpu, reg, written_value(vcpu));
    return legal ? ADVANCE : refuse_write(vcpu);
}

static NOT_INLINE enum exit_action write_other(struct vcpu *vcpu)
{
    return write_msr(vcpu, msr_number(vcpu), written_value(vcpu)) ? ADVANCE : refuse_write(vcpu);
}

static NOT_INLINE enum exit_action write_no_eoi(struct vcpu *vcpu)
{
    uint32_t msr = msr_number(vcpu);
    if (msr == IA32_TSC_DEADLINE) {
        return write_tsc_deadline(vcpu);
    }
    return is_x2apic(msr) ? write_x2apic(vcpu) : write_other(vcpu);
}

// The choice is made in functions without a stack frame, so that no kind of write pays for the
// registers that another one saves.
enum exit_action msr_write_exit(struct vcpu *vcpu)
{
    return msr_number(vcpu) == IA32_X2APIC_EOI ? write_x2apic_eoi(vcpu) : write_no_eoi(vcpu);
}
