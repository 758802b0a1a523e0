// SPDX-License-Identifier: MIT
// A vCPU: its creation and release, its registers, and the faults that it gets.
#include "vmm/vcpu/vcpu.h"

#include "arch/x86/registers.h"
#include "vmm/host.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/vm.h"

// ---- Creation ----

static void build_cpuid(struct vcpu *vcpu)
{
    struct cpuid_identity identity = {
        .apic_id = vcpu->index, .vcpus = vcpu->vm->config.vcpus, .features = vcpu->features};
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

// ---- Registers ----

uint64_t vcpu_gpr(const struct vcpu *vcpu, unsigned gpr)
{
    return gpr == GPR_RSP ? vcpu_register(vcpu, REG_RSP) : vcpu->core.registers.gpr[gpr];
}

void vcpu_set_gpr(struct vcpu *vcpu, unsigned gpr, uint64_t value)
{
    if (gpr == GPR_RSP) {
        vcpu_set_register(vcpu, REG_RSP, value);
    } else {
        vcpu->core.registers.gpr[gpr] = value;
    }
}

// ---- Faults ----

enum exit_action vcpu_inject(struct vcpu *vcpu, const struct event *event)
{
    if (vcpu->ops->inject(&vcpu->core, event)) {
        return RETRY;
    }
    vm_fail(vcpu->vm, "exception %u while another event was being delivered, RIP 0x%llx",
            event->vector, (unsigned long long)vcpu_register(vcpu, REG_RIP));
    return STOP;
}

enum exit_action vcpu_fault(struct vcpu *vcpu, uint8_t vector)
{
    struct event event = {.type = EVENT_EXCEPTION, .vector = vector};
    return vcpu_inject(vcpu, &event);
}

enum exit_action vcpu_fault_code(struct vcpu *vcpu, uint8_t vector, uint32_t error_code)
{
    struct event event = {.type = EVENT_EXCEPTION,
                          .vector = vector,
                          .has_error_code = true,
                          .error_code = error_code};
    return vcpu_inject(vcpu, &event);
}

enum exit_action vcpu_page_fault(struct vcpu *vcpu, uint64_t address, uint32_t error_code)
{
    vcpu_set_register(vcpu, REG_CR2, address);
    return vcpu_fault_code(vcpu, VECTOR_PF, error_code);
}
