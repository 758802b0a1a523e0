// SPDX-License-Identifier: MIT
// Takes the way of a guest-linear address on the vCPU's CPU, then shows it on CPU 0.
#include "vmm/debug/debug_walk.h"

#include "arch/x86/cpuid_bits.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/debug/device_name.h"
#include "vmm/debug/memory_type.h"
#include "vmm/debug/ram_reader.h"
#include "vmm/debug/table_walk.h"
#include "vmm/debug/walk_text.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_paging.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

struct request {
    unsigned index; // of the vCPU
    gva_t address;
    bool valid; // the view is there
    struct walk_view view;
};

// Where the guest's own way ends: at the address itself, or at an entry that is not in RAM.
static void take_end(struct vcpu *vcpu, struct walk_view *view)
{
    const struct table_walk *walk = &view->walk;
    if (walk->end == TABLE_MAPPED) {
        vcpu->ops->space->find(vcpu->vm->nested, walk->gpa, &view->ways[walk->step_count]);
        device_name(vcpu, walk->gpa, view->device);
        view->pat = vcpu_register(vcpu, REG_PAT);
        view->mtrr_type = memory_type_of_mtrrs(&vcpu->msrs, walk->gpa);
    } else if (walk->end == TABLE_OUTSIDE) {
        device_name(vcpu, walk->steps[walk->step_count - 1].at, view->device);
    }
}

static void take_walk(struct vm *vm, void *context)
{
    struct request *request = context;
    struct walk_view *view = &request->view;
    struct vcpu *vcpu = vm->vcpus[request->index];
    struct ram_reader reader;
    if (!vcpu || !vm->nested) {
        return;
    }
    struct table_cpu cpu = {.physical_bits = cpuid_table_physical_bits(&vcpu->cpuid),
                            .pages_1g =
                                cpuid_table_find(&vcpu->cpuid, CPUID_EXTENDED_FEATURES, 0).edx &
                                CPUID_80000001_EDX_PAGE_1G};
    ram_reader_init(&reader, &vm->memory);
    view->paging = vcpu_paging(vcpu);
    table_walk(&reader.reader, &view->paging, &cpu, request->address, &view->walk);
    for (unsigned i = 0; i < view->walk.step_count; i++) {
        if (!view->walk.steps[i].in_register) {
            vcpu->ops->space->find(vm->nested, view->walk.steps[i].at, &view->ways[i]);
        }
    }
    take_end(vcpu, view);
    request->valid = true;
}

enum status debug_walk(struct vm *vm, unsigned index, gva_t address, struct line_sink *sink,
                       struct reason *why)
{
    struct request request = {.index = index, .address = address};
    if (index >= vm->config.vcpus) {
        return refuse(why, STATUS_RANGE, "%s has vCPUs 0 to %u", vm->config.name,
                      vm->config.vcpus - 1);
    }
    if (vm->state != VM_OFF) {
        enum status status = vm_call(vm, index, take_walk, &request, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!request.valid) {
        return refuse(why, STATUS_BUSY, "%s is %s: it has no memory", vm->config.name,
                      vm_state_name(vm->state));
    }
    if (vm->state == VM_RUNNING) {
        line_sink_format(sink, "%s is running: this is a view of one moment", vm->config.name);
    }
    walk_text(&request.view, sink);
    return STATUS_OK;
}
