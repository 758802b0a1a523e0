// SPDX-License-Identifier: MIT
// Counts the vCPUs of a VM that are held, so that the VM is changed only while none is held.
#include "vmm/vm/vm_hold.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

#define SEIZED (-1)

bool vm_hold(struct vm *vm, unsigned index)
{
    struct vm_slot *slot = &vm->slots[index];
    int32_t holders = __atomic_load_n(&vm->holders, __ATOMIC_RELAXED);
    if (!slot->held) {
        __atomic_store_n(&slot->ready_ns, NEVER_NS, __ATOMIC_RELAXED); // of the hold before
    }
    while (!slot->held && holders != SEIZED) {
        slot->held = __atomic_compare_exchange_n(&vm->holders, &holders, holders + 1, false,
                                                 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }
    return slot->held;
}

void vm_release(struct vm *vm, unsigned index)
{
    const struct host *host = vm->vmm->host;
    struct vm_slot *slot = &vm->slots[index];
    host->space_enter(NULL);
    vm->vmm->ops->unload_vcpu(&vm->vcpus[index]->core);
    slot->held = false;
    __atomic_store_n(&slot->sleep, 0, __ATOMIC_SEQ_CST);
    bool last = __atomic_sub_fetch(&vm->holders, 1, __ATOMIC_RELEASE) == 0;
    if (last && vm_home_cpu(vm) != host->this_cpu()) {
        scheduler_look_at_home(vm);
    }
}

void vm_release_here(struct vm *vm)
{
    unsigned here = vm->vmm->host->this_cpu();
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->slots[i].cpu == here && vm->slots[i].held) {
            vm_release(vm, i);
        }
    }
}

bool vm_seize(struct vm *vm)
{
    int32_t holders = 0;
    return __atomic_compare_exchange_n(&vm->holders, &holders, SEIZED, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED) ||
           holders == SEIZED;
}

void vm_unseize(struct vm *vm)
{
    __atomic_store_n(&vm->holders, 0, __ATOMIC_RELEASE);
}
