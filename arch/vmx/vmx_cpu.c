// SPDX-License-Identifier: MIT
// VT-x on this CPU: the feature control MSR, VMXON, and which vCPU the CPU holds.
#include "arch/vmx/vmx_cpu.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_read.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_host_state.h"
#include "arch/vmx/vmx_instructions.h"
#include "arch/vmx/vmx_tlb.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/firmware_switch.h"
#include "arch/x86/frames.h"
#include "arch/x86/instructions.h"
#include "arch/x86/live_state.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// Each CPU has one, and touches no other CPU's.
struct vmx_cpu {
    bool enabled;
    struct vmcs *vmxon_region;
    struct vcpu_core *loaded; // its VMCS is current, and its live state is in the CPU
};

static struct vmx_cpu vmx_cpus[CPUS_MAX];

static struct vmx_cpu *this_vmx(void)
{
    return &vmx_cpus[cpu_this()->index];
}

static const struct firmware_switch feature_control = {
    .technology = "VT-x",
    .msr = "IA32_FEATURE_CONTROL",
    .setting = "virtualization (VT-x)",
    .locked = FEATURE_CONTROL_LOCKED,
    .on = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE_SMX,
};

// The MSR may be absent (VMX not exposed), unlocked, or locked by the firmware with VMX off.
static enum status enable_feature_control(struct reason *why)
{
    uint64_t value;
    if (!rdmsr_safe(IA32_FEATURE_CONTROL, &value)) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "VT-x: IA32_FEATURE_CONTROL (0x3a) cannot be read; no guests");
    }
    uint64_t wanted;
    enum status status = firmware_switch_settle(&feature_control, value, &wanted, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (wanted != value && !wrmsr_safe(IA32_FEATURE_CONTROL, wanted)) {
        return refuse(why, STATUS_HARDWARE, "VT-x: IA32_FEATURE_CONTROL cannot be written");
    }
    return STATUS_OK;
}

// In VMX operation some bits of CR0 and CR4 are fixed (SDM Vol. 3D A.7, A.8).
static void apply_fixed_bits(const struct vmx_capability *c)
{
    write_cr0((read_cr0() | c->cr0_fixed0) & c->cr0_fixed1);
    write_cr4((read_cr4() | c->cr4_fixed0 | CR4_VMXE) & c->cr4_fixed1);
}

static enum status vmxon(struct vmx_cpu *vmx, uint32_t revision, struct reason *why)
{
    vmx->vmxon_region = frames_allocate(1);
    if (!vmx->vmxon_region) {
        return refuse(why, STATUS_NO_MEMORY, "no frame for the VMXON region");
    }
    vmx->vmxon_region->revision = revision;
    if (!vmx_vmxon(frames_physical(vmx->vmxon_region))) {
        frames_release(vmx->vmxon_region, 1);
        return refuse(why, STATUS_HARDWARE, "VMXON failed: CR0 0x%llx, CR4 0x%llx, revision 0x%x",
                      (unsigned long long)read_cr0(), (unsigned long long)read_cr4(), revision);
    }
    return STATUS_OK;
}

enum status vmx_enable_cpu(struct reason *why)
{
    struct vmx_cpu *vmx = this_vmx();
    if (!(cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_VMX)) {
        return refuse(why, STATUS_UNSUPPORTED, "this CPU has no VT-x (CPUID.1:ECX.VMX is 0)");
    }
    enum status status = enable_feature_control(why);
    if (status != STATUS_OK) {
        return status;
    }
    struct vmx_capability own;
    status = vmx_capability_read(&own, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = live_state_init_cpu(why);
    if (status != STATUS_OK) {
        return status;
    }
    status = vmx_capability_join(&own, why);
    if (status != STATUS_OK) {
        return status;
    }
    apply_fixed_bits(&own);
    status = vmxon(vmx, own.revision, why);
    if (status != STATUS_OK) {
        return status;
    }
    vmx->enabled = true;
    // Husk has cached nothing here yet, but an earlier hypervisor may have left something.
    vmx_flush_everything(&own);
    return STATUS_OK;
}

void vmx_disable_cpu(void)
{
    struct vmx_cpu *vmx = this_vmx();
    if (!vmx->enabled) {
        return;
    }
    if (vmx->loaded) {
        vmx_unload_vcpu(vmx->loaded);
    }
    vmx_vmxoff();
    write_cr4(read_cr4() & ~(uint64_t)CR4_VMXE);
    vmx->enabled = false;
}

void vmx_load_vcpu(struct vcpu_core *vcpu)
{
    struct vmx_cpu *vmx = this_vmx();
    if (vmx->loaded == vcpu) {
        return;
    }
    if (vmx->loaded) {
        live_state_save(&vmx->loaded->backend->live);
    }
    vmx->loaded = vcpu;
    vmx_vmptrld(frames_physical(vcpu->backend->vmcs));
    if (!vcpu->backend->placed) {
        vmx_place_vcpu(vcpu);
    }
    live_state_load(&vcpu->backend->live);
}

// VMCLEAR writes the VMCS back to memory. Only after that may its frame be used, by another CPU or
// for something else.
void vmx_unload_vcpu(struct vcpu_core *vcpu)
{
    struct vmx_cpu *vmx = this_vmx();
    if (vmx->loaded == vcpu) {
        live_state_save(&vcpu->backend->live);
        vmx->loaded = NULL;
    }
    vmx_vmclear(frames_physical(vcpu->backend->vmcs));
    vcpu->backend->launched = false;
    vcpu->backend->placed = false;
}

void vmx_get_vector(struct vcpu_core *vcpu, unsigned number, struct vector *value)
{
    live_state_get_vector(&vcpu->backend->live, number, value);
}

void vmx_set_vector(struct vcpu_core *vcpu, unsigned number, const struct vector *value)
{
    live_state_set_vector(&vcpu->backend->live, number, value);
}
