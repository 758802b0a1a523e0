// SPDX-License-Identifier: MIT
// Calls from CPU 0 to the CPUs of a VM, to change its state or to look into it.
#include "vmm/vm/vm_call.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_hold.h"

struct vm_request {
    struct vm *vm;
    unsigned index; // of the vCPU to inspect
    enum status (*carry_out)(struct vm *vm, struct reason *why);
    void (*inspect)(struct vm *vm, void *context);
    void *context;
    enum status status;
    struct reason *why;
};

static void carry_out(void *argument)
{
    struct vm_request *request = argument;
    request->status = request->carry_out(request->vm, request->why);
}

static void release_here(void *argument)
{
    vm_release_here(argument);
}

static enum status call_cpu(const struct vm *vm, unsigned cpu, void (*call)(void *), void *argument,
                            struct reason *why)
{
    if (vm->vmm->host->call(cpu, call, argument) == STATUS_OK) {
        return STATUS_OK;
    }
    return refuse(why, STATUS_BUSY, "%s is stuck: CPU %u does not answer", vm->config.name, cpu);
}

static enum status change_at_home(struct vm *vm,
                                  enum status (*operation)(struct vm *, struct reason *),
                                  struct reason *why)
{
    struct vm_request request = {.vm = vm, .carry_out = operation, .why = why};
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        enum status status = call_cpu(vm, vm->slots[i].cpu, release_here, vm, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = call_cpu(vm, vm_home_cpu(vm), carry_out, &request, why);
    return status != STATUS_OK ? status : request.status;
}

enum status vm_on_home_cpu(struct vm *vm, enum status (*operation)(struct vm *, struct reason *),
                           struct reason *why)
{
    __atomic_store_n(&vm->held_back, true, __ATOMIC_SEQ_CST);
    enum status status = change_at_home(vm, operation, why);
    __atomic_store_n(&vm->held_back, false, __ATOMIC_SEQ_CST);
    scheduler_look_at(vm);
    return status;
}

bool vm_is_stuck(const struct vm *vm)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (!vm->vmm->host->answers(vm->slots[i].cpu)) {
            return true;
        }
    }
    return false;
}

static void inspect(void *argument)
{
    struct vm_request *request = argument;
    struct vm *vm = request->vm;
    const struct host *host = vm->vmm->host;
    bool held = vm_hold(vm, request->index);
    // The memory of a VM in work may hold data of earlier owners, or may be gone: nobody may see
    // it.
    if (vm_is_in_work(vm) || (!held && request->index != 0)) {
        return;
    }
    host->space_enter(vm->space.cr3 ? &vm->space : NULL);
    if (held) {
        vm->vmm->ops->load_vcpu(&vm->vcpus[request->index]->core);
    }
    request->inspect(vm, request->context);
    host->space_enter(NULL);
    if (held && !vm_wants_to_run(vm)) {
        vm_release(vm, request->index);
    }
}

enum status vm_call(struct vm *vm, unsigned index, void (*call)(struct vm *vm, void *context),
                    void *context, struct reason *why)
{
    struct vm_request request = {.vm = vm, .index = index, .inspect = call, .context = context};
    return call_cpu(vm, vm->slots[index].cpu, inspect, &request, why);
}

struct vcpu_core *vm_vcpu_core(struct vm *vm, unsigned index)
{
    return vm->vcpus[index] ? &vm->vcpus[index]->core : NULL;
}

void vm_terminal_ready(struct vm *vm)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // who does not get the wake-up sees the input or room
    scheduler_wake(vm, 0, WAKE_ANEW);
}
