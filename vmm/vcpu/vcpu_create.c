// SPDX-License-Identifier: MIT
// Makes a vCPU and gives it back.
#include "vmm/vcpu/vcpu_create.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/cpuid_build.h"
#include "vmm/vcpu/msr.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_apic_ram.h"
#include "vmm/vm/vm.h"

static void build_cpuid(struct vcpu *vcpu)
{
    const struct vm_config *config = &vcpu->vm->config;
    struct cpuid_identity identity = {.apic_id = vcpu->index,
                                      .vcpus = config->vcpus,
                                      .features = vcpu->features,
                                      .paravirt = !config->no_paravirt};
    cpuid_table_build(&vcpu->cpuid, vcpu->host, &identity);
    vcpu->core.cr4_allowed = cpuid_table_cr4_allowed(&vcpu->cpuid);
    vcpu->core.cr4_watched = CR4_OSXSAVE | CR4_PKE; // CPUID shows them
}

enum status vcpu_create(struct vm *vm, unsigned index, struct vcpu **result, struct reason *why)
{
    const struct host *host = vm->vmm->host;
    struct vcpu *vcpu = host->allocate(sizeof(*vcpu));
    if (!vcpu) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for a vCPU");
    }
    vcpu->vm = vm;
    vcpu->ops = vm->vmm->ops;
    vcpu->host = host;
    vcpu->index = index;
    vcpu->features = vcpu->ops->features();
    vcpu->apic_ram = NO_APIC_RAM;
    vcpu->memory = &vm->memory;
    vcpu->uses_breakpoints = true;
    vcpu->core.nested = vm->nested;
    vcpu->core.host_cr3 = vm->space.cr3;
    build_cpuid(vcpu);
    vcpu_apic_init(vcpu);
    msr_reset(&vcpu->msrs);
    enum status status = vcpu->ops->create_vcpu(&vcpu->core, why);
    if (status != STATUS_OK) {
        host->release(vcpu, sizeof(*vcpu));
        return status;
    }
    *result = vcpu;
    return STATUS_OK;
}

void vcpu_destroy(struct vcpu *vcpu)
{
    vcpu->ops->destroy_vcpu(&vcpu->core);
    vcpu->host->release(vcpu, sizeof(*vcpu));
}
