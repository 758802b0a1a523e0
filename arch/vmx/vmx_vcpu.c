// SPDX-License-Identifier: MIT
// A vCPU's VMCS: made, filled with the controls and the first guest state, and given back.
#include "arch/vmx/vmx_vcpu.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_apic.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/vmx/vmx_cpu.h"
#include "arch/vmx/vmx_instructions.h"
#include "arch/vmx/vmx_state.h"
#include "arch/x86/frames.h"
#include "arch/x86/live_state.h"
#include "arch/x86/registers.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define VPIDS 4096

// VPIDs in use, on all CPUs together: a vCPU keeps its VPID for life. 0 is the host's.
static uint64_t vpids_used[VPIDS / 64] = {1};
static struct spinlock vpids_lock;

static uint16_t vpid_allocate(void)
{
    uint16_t vpid = 0;
    uint64_t flags = spinlock_acquire(&vpids_lock);
    for (unsigned i = 0; i < ARRAY_SIZE(vpids_used) && vpid == 0; i++) {
        if (~vpids_used[i]) {
            unsigned bit = (unsigned)__builtin_ctzll(~vpids_used[i]);
            vpids_used[i] |= BIT(bit);
            vpid = (uint16_t)(i * 64 + bit);
        }
    }
    spinlock_release(&vpids_lock, flags);
    return vpid;
}

static void vpid_release(uint16_t vpid)
{
    uint64_t flags = spinlock_acquire(&vpids_lock);
    vpids_used[vpid / 64] &= ~BIT(vpid % 64);
    spinlock_release(&vpids_lock, flags);
}

// In ticks of the TSC (25.6.13). PAUSEs that are no farther apart than the gap belong to one loop.
// A loop that lasts longer than the window exits. Most locks are held for a shorter time.
#define PLE_GAP_TICKS 128
#define PLE_WINDOW_TICKS 8192

// Instructions that take longer exit, so that no loop inside the CPU keeps it from others. The CPU
// counts ticks of the TSC, or of a slower clock: this is between 0.05 and 11 ms, which no
// instruction needs. A repeated string instruction counts for each iteration.
#define INSTRUCTION_TIMEOUT_TICKS BIT(18)

static void write_controls(struct vcpu_core *vcpu, const struct vmx_capability *c)
{
    const struct nested_space *nested = vcpu->nested;
    vmx_controls_start(vcpu);
    if (vmx_serves_apic(c)) {
        vmx_apic_start(vcpu);
    }
    vmcs_write32(VM_EXIT_CONTROLS, c->exit);
    vmcs_write32(EXCEPTION_BITMAP, VMX_EXCEPTIONS);
    vmcs_write32(PAGE_FAULT_ERROR_CODE_MASK, 0);
    vmcs_write32(PAGE_FAULT_ERROR_CODE_MATCH, 0);
    vmcs_write32(CR3_TARGET_COUNT, 0);
    vmcs_write32(VM_EXIT_MSR_STORE_COUNT, 0);
    vmcs_write32(VM_EXIT_MSR_LOAD_COUNT, 0);
    vmcs_write32(VM_ENTRY_MSR_LOAD_COUNT, 0);
    vmcs_write64(IO_BITMAP_A, frames_physical(nested->io_bitmaps));
    vmcs_write64(IO_BITMAP_B, frames_physical(nested->io_bitmaps) + PAGE_SIZE);
    vmcs_write64(EPT_POINTER, nested->eptp);
    vmcs_write64(VMCS_LINK_POINTER, UINT64_MAX);
    if (c->secondary & SECONDARY_PAUSE_LOOP_EXITING) {
        vmcs_write32(PLE_GAP, PLE_GAP_TICKS);
        vmcs_write32(PLE_WINDOW, PLE_WINDOW_TICKS);
    }
    if (c->secondary & SECONDARY_INSTRUCTION_TIMEOUT) {
        vmcs_write32(INSTRUCTION_TIMEOUT, INSTRUCTION_TIMEOUT_TICKS);
    }
    if (c->secondary & SECONDARY_ENABLE_VPID) {
        vmcs_write16(VPID, vcpu->backend->vpid);
    }
}

// Guest state that a new VMCS needs. vmm/ writes the other registers before the vCPU runs.
static void write_guest_state(struct vcpu_core *vcpu)
{
    vmcs_write64(GUEST_IA32_DEBUGCTL, 0);
    vmcs_write32(GUEST_ACTIVITY_STATE, 0);
    vmx_set_register(vcpu, REG_INTERRUPT_SHADOW, 0);
    vmx_set_register(vcpu, REG_EVENT_WAITING, 0);
    vmx_set_register(vcpu, REG_TSC_OFFSET, 0);
    vmx_set_register(vcpu, REG_DR7, DR7_FIXED);
    vmx_write_guest_masks(vcpu);
}

static void free_backend(struct backend_vcpu *backend)
{
    if (backend->vpid) {
        vpid_release(backend->vpid);
    }
    if (backend->live.fpu) {
        live_state_destroy(&backend->live);
    }
    if (backend->vmcs) {
        frames_release(backend->vmcs, 1);
    }
    frames_release(backend, 1);
}

static_assert(sizeof(struct backend_vcpu) <= PAGE_SIZE, "it has a frame of its own");

enum status vmx_create_vcpu(struct vcpu_core *vcpu, struct reason *why)
{
    const struct vmx_capability *c = vmx_capability();
    struct backend_vcpu *backend = frames_allocate(1);
    if (!backend) {
        return refuse(why, STATUS_NO_MEMORY, "no frame for a vCPU");
    }
    backend->vmcs = frames_allocate(1);
    backend->vpid = vpid_allocate();
    if (!backend->vmcs || !backend->vpid || live_state_create(&backend->live) != STATUS_OK) {
        free_backend(backend);
        return refuse(why, STATUS_NO_MEMORY, "no frame or VPID for a vCPU");
    }
    backend->vmcs->revision = c->revision;
    vcpu->backend = backend;
    vmx_vmclear(frames_physical(backend->vmcs));
    vmx_load_vcpu(vcpu);
    write_controls(vcpu, c);
    write_guest_state(vcpu);
    return STATUS_OK;
}

void vmx_destroy_vcpu(struct vcpu_core *vcpu)
{
    vmx_unload_vcpu(vcpu);
    free_backend(vcpu->backend);
    vcpu->backend = NULL;
}
