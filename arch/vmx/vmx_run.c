// SPDX-License-Identifier: MIT
// Enters a guest and stays with it, exit after exit, until the host has other work.
#include "arch/vmx/vmx_run.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_cpu.h"
#include "arch/vmx/vmx_enter.h"
#include "arch/vmx/vmx_host_event.h"
#include "arch/vmx/vmx_tlb.h"
#include "arch/x86/flight_note.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"

// Flushes the translations that may have become wrong since this vCPU ran last.
static void flush_stale(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (backend->flush) {
        vmx_flush_vpid(vmx_capability(), backend->vpid);
        backend->flush = false;
    }
    uint64_t generation = __atomic_load_n(&vcpu->nested->generation, __ATOMIC_ACQUIRE);
    if (backend->nested_generation != generation) {
        vmx_flush_nested(vmx_capability(), vcpu->nested->eptp);
        backend->nested_generation = generation;
    }
}

static void entry_failed(struct vcpu_core *vcpu)
{
    vcpu->backend->entry_error = vmcs_read32(VM_INSTRUCTION_ERROR);
    struct vm_exit exit = {.kind = EXIT_ENTRY_FAILED};
    flight_note(vcpu, exit.kind);
    vcpu_handle_exit(vcpu, &exit);
}

void vmx_run(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    vmx_load_vcpu(vcpu);
    flush_stale(vcpu);
    vmx_timer_set(vcpu);
    flight_renew(vcpu);
    if (vmx_enter(vcpu, backend->launched)) {
        backend->launched = true;
    } else {
        entry_failed(vcpu);
    }
}
