// SPDX-License-Identifier: MIT
// AMD-V on this CPU: VM_CR, EFER.SVME, the host's save areas, and which vCPU the CPU holds.
#include "arch/svm/svm_cpu.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_enter.h"
#include "arch/svm/svm_instructions.h"
#include "arch/svm/svm_tlb.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/exceptions.h"
#include "arch/x86/firmware_switch.h"
#include "arch/x86/frames.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/live_state.h"
#include "arch/x86/log.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// Each CPU has one, and no other CPU touches it.
struct svm_cpu {
    bool enabled;
    void *save_area;          // the hardware's own, between VMRUN and #VMEXIT
    struct vmcb *host;        // what VMRUN does not save: FS, GS, TR, the SYSCALL MSRs
    uint64_t host_physical;   // its physical address
    struct vcpu_core *loaded; // the vCPU whose live state is in the CPU
};

static struct svm_cpu svm_cpus[CPUS_MAX];

static struct svm_cpu *this_svm(void)
{
    return &svm_cpus[cpu_this()->index];
}

static const struct firmware_switch vm_cr = {.technology = "AMD-V",
                                             .msr = "VM_CR",
                                             .setting = "SVM Mode",
                                             .locked = VM_CR_LOCK,
                                             .off = VM_CR_SVMDIS};

// With VM_CR.SVMDIS, EFER.SVME cannot be set; with LOCK, SVMDIS cannot be cleared (APM Vol. 2
// 15.30.1). Emulators may lack the MSR.
static enum status enable_vm_cr(struct reason *why)
{
    uint64_t value, wanted;
    if (!rdmsr_safe(AMD_VM_CR, &value)) {
        return STATUS_OK;
    }
    enum status status = firmware_switch_settle(&vm_cr, value, &wanted, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (wanted != value && !wrmsr_safe(AMD_VM_CR, wanted)) {
        return refuse(why, STATUS_HARDWARE, "AMD-V: VM_CR cannot be written");
    }
    return STATUS_OK;
}

static void free_frames(const struct svm_cpu *svm)
{
    frames_release(svm->save_area, 1);
    frames_release(svm->host, 1);
}

static enum status allocate(struct svm_cpu *svm, struct reason *why)
{
    svm->save_area = frames_allocate(1);
    svm->host = frames_allocate(1);
    if (svm->save_area && svm->host) {
        return STATUS_OK;
    }
    if (svm->save_area) {
        frames_release(svm->save_area, 1);
    }
    return refuse(why, STATUS_NO_MEMORY, "no frames for AMD-V's host state");
}

// If an instruction of the guest exits in a single step, Bochs takes the trap in the host, after
// the #VMEXIT. There the trap means nothing: svm_exit.c gives the guest its own. Bochs' VT-x is
// right.
static void debug_trap(struct interrupt_frame *frame)
{
    if (frame->rip != (uintptr_t)svm_exited) {
        exception_handle(frame);
    }
}

// Guests read that LFENCE waits for all instructions before it (vmm/vcpu/msr_model.c), and rely on
// it against speculation. Families 0Fh and 11h lack the MSR: there LFENCE always waits.
static void make_lfence_wait(void)
{
    uint64_t value;
    if (rdmsr_safe(AMD_DE_CFG, &value) && !(value & DE_CFG_LFENCE) &&
        !wrmsr_safe(AMD_DE_CFG, value | DE_CFG_LFENCE)) {
        log_line("AMD-V: LFENCE does not wait for the instructions before it");
    }
}

static enum status switch_on(struct svm_cpu *svm, struct reason *why)
{
    uint64_t efer = rdmsr(IA32_EFER);
    if (!wrmsr_safe(IA32_EFER, efer | EFER_SVME)) {
        return refuse(why, STATUS_HARDWARE, "AMD-V: EFER.SVME cannot be set (EFER = 0x%llx)",
                      (unsigned long long)efer);
    }
    wrmsr(AMD_VM_HSAVE_PA, frames_physical(svm->save_area));
    make_lfence_wait();
    interrupt_set_handler(VECTOR_DB, debug_trap);
    svm->host_physical = frames_physical(svm->host);
    svm_vmsave(svm->host_physical); // none of this changes in the host from now on
    return STATUS_OK;
}

enum status svm_enable_cpu(struct reason *why)
{
    struct svm_cpu *svm = this_svm();
    if (!(cpuid_checked(CPUID_EXTENDED_FEATURES, 0).ecx & CPUID_80000001_ECX_SVM)) {
        return refuse(why, STATUS_UNSUPPORTED, "this CPU has no AMD-V (CPUID 80000001H)");
    }
    struct svm_capability own;
    enum status status = svm_capability_read(&own, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = enable_vm_cr(why);
    if (status != STATUS_OK) {
        return status;
    }
    status = live_state_init_cpu(why);
    if (status != STATUS_OK) {
        return status;
    }
    status = allocate(svm, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = switch_on(svm, why);
    if (status != STATUS_OK) {
        free_frames(svm);
        return status;
    }
    svm_capability_join(&own);
    svm_tlb_begin(cpu_this()->index);
    svm->enabled = true;
    return STATUS_OK;
}

void svm_disable_cpu(void)
{
    struct svm_cpu *svm = this_svm();
    if (!svm->enabled) {
        return;
    }
    if (svm->loaded) {
        svm_unload_vcpu(svm->loaded);
    }
    wrmsr(AMD_VM_HSAVE_PA, 0);
    wrmsr(IA32_EFER, rdmsr(IA32_EFER) & ~(uint64_t)EFER_SVME);
    free_frames(svm);
    svm->enabled = false;
}

void svm_load_vcpu(struct vcpu_core *vcpu)
{
    struct svm_cpu *svm = this_svm();
    if (svm->loaded == vcpu) {
        return;
    }
    if (svm->loaded) {
        live_state_save_common(&svm->loaded->backend->live);
    }
    svm->loaded = vcpu;
    vcpu->backend->host_physical = svm->host_physical;
    svm_tlb_move(vcpu, cpu_this()->index);
    live_state_load_common(&vcpu->backend->live);
}

// The next CPU may have cached the VMCB (APM Vol. 2 15.15.1), and translations under its ASID, long
// ago. So it starts with a new ASID and no clean bits.
void svm_unload_vcpu(struct vcpu_core *vcpu)
{
    struct svm_cpu *svm = this_svm();
    if (svm->loaded == vcpu) {
        live_state_save_common(&svm->loaded->backend->live);
        svm->loaded = NULL;
    }
    svm_mark_dirty(vcpu, CLEAN_ALL);
    vcpu->backend->asid_generation = 0;
}

void svm_get_vector(struct vcpu_core *vcpu, unsigned number, struct vector *value)
{
    live_state_get_vector(&vcpu->backend->live, number, value);
}

void svm_set_vector(struct vcpu_core *vcpu, unsigned number, const struct vector *value)
{
    live_state_set_vector(&vcpu->backend->live, number, value);
}
