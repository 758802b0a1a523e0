// SPDX-License-Identifier: MIT
// What an access to an unknown MSR does.
#include "vmm/vcpu/msr_unknown.h"

#include "arch/x86/registers.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

// Notes that the MSR was seen. False: it was seen before, or there is no room for it. Several CPUs
// may come here at once.
static bool is_new(struct vm *vm, uint32_t msr)
{
    for (unsigned i = 0; i < VM_LOGGED_MSRS; i++) {
        uint64_t before = 0;
        uint64_t noted = BIT(32) | msr;
        if (__atomic_compare_exchange_n(&vm->logged_msrs[i], &before, noted, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            return true;
        }
        if (before == noted) {
            return false;
        }
    }
    return false;
}

enum exit_action msr_unknown(struct vcpu *vcpu, uint32_t msr, bool ignorable)
{
    struct vm *vm = vcpu->vm;
    __atomic_add_fetch(&vm->unknown_msr_accesses, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&vm->last_unknown_msr, msr, __ATOMIC_RELAXED);
    if (!ignorable || !vm->config.ignore_msrs) {
        return vcpu_fault_code(vcpu, VECTOR_GP, 0);
    }
    if (is_new(vm, msr)) {
        host_log(vcpu->host, "[%s] unknown MSR %#x: it reads 0, writes are ignored",
                 vm->config.name, msr);
    }
    return ADVANCE;
}
