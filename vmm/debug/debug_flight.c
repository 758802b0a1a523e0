// SPDX-License-Identifier: MIT
// Copies what a vCPU's back end has noted on the vCPU's CPU, then shows it on CPU 0.
#include "vmm/debug/debug_flight.h"

#include "vmm/backend.h"
#include "vmm/debug/flight_text.h"
#include "vmm/host.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

#define NAME_BYTES 48

struct copy {
    unsigned index; // of the vCPU
    bool valid;
    unsigned newest;
    uint64_t tsc;
    struct flight flight;
};

static void take_flight(struct vm *vm, void *context)
{
    struct copy *copy = context;
    const struct vcpu_core *core = vm_vcpu_core(vm, copy->index);
    if (core) {
        copy->flight = core->flight;
        copy->newest = (flight_place(core) + 1) % FLIGHT_EXITS;
        copy->tsc = vm->vmm->host->tsc();
        copy->valid = true;
    }
}

static enum status show_copy(struct vm *vm, struct copy *copy, struct line_sink *sink,
                             struct reason *why)
{
    if (vm->state != VM_OFF) {
        enum status status = vm_call(vm, copy->index, take_flight, copy, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!copy->valid) {
        return refuse(why, STATUS_BUSY, "%s is %s: it has no CPU", vm->config.name,
                      vm_state_name(vm->state));
    }
    flight_show(&copy->flight, copy->newest, FLIGHT_EXITS, copy->tsc, vm->vmm->host->tsc_hz(),
                sink);
    return STATUS_OK;
}

enum status debug_flight(struct vm *vm, unsigned index, struct line_sink *sink, struct reason *why)
{
    const struct host *host = vm->vmm->host;
    if (index >= vm->config.vcpus) {
        return refuse(why, STATUS_RANGE, "%s has vCPUs 0 to %u", vm->config.name,
                      vm->config.vcpus - 1);
    }
    struct copy *copy = host->allocate(sizeof(*copy));
    if (!copy) {
        return refuse(why, STATUS_NO_MEMORY, "no memory for a copy of the exits");
    }
    copy->index = index;
    enum status status = show_copy(vm, copy, sink, why);
    host->release(copy, sizeof(*copy));
    return status;
}

void debug_flight_last(const struct scheduler *scheduler, void (*line)(const char *text))
{
    uint32_t id = scheduler ? __atomic_load_n(&scheduler->current, __ATOMIC_RELAXED) : 0;
    const struct vm *vm = id != 0 ? scheduler_vm_of(scheduler, id) : NULL;
    struct vcpu *vcpu = vm ? vm->vcpus[scheduler_index_of(id)] : NULL;
    char text[NAME_BYTES];
    if (vcpu) {
        format_text(text, sizeof(text), "vCPU %u of %s:", vcpu->index, vm->config.name);
        line(text);
        flight_log(&vcpu->core, vcpu->ops, vcpu->host, line);
    }
}
