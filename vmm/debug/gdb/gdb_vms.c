// SPDX-License-Identifier: MIT
// Stops VMs for a debugger, lets them make steps, and looks into them.
#include "vmm/debug/gdb/gdb_vms.h"

#include "vmm/debug/gdb/gdb_memory.h"
#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/debug/gdb/gdb_step.h"
#include "vmm/debug/gdb/gdb_vcpu.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_life.h"

static_assert(GDB_VMS_MAX == VMS_MAX, "a bit for each");

static struct vmm *vmm_of(struct gdb_target *target)
{
    return container_of(target, struct gdb_vms, target)->vmm;
}

static struct vm *vm_of(struct gdb_target *target, unsigned index)
{
    return vmm_of(target)->vms[index];
}

// ---- States ----

static unsigned vm_count(struct gdb_target *target)
{
    return vmm_of(target)->vm_count;
}

static bool waits_for_reset(const struct vm *vm)
{
    return __atomic_load_n(&vm->caught, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&vm->reset_requested, __ATOMIC_ACQUIRE);
}

static enum gdb_vm_state state_of(const struct vm *vm)
{
    switch (vm_get_state(vm)) {
    case VM_STARTING:
        return GDB_VM_BEGINS;
    case VM_RUNNING:
        return waits_for_reset(vm) ? GDB_VM_RESETS : GDB_VM_RUNS;
    case VM_PAUSED:
        return GDB_VM_STANDS;
    case VM_ENDED:
        return GDB_VM_ENDED;
    default:
        return GDB_VM_OFF;
    }
}

static void look(struct gdb_target *target, unsigned index, struct gdb_vm *is)
{
    const struct vm *vm = vm_of(target, index);
    *is = (struct gdb_vm){.name = vm->config.name,
                          .state = state_of(vm),
                          .vcpus = vm->config.vcpus,
                          .failed = vm->failed,
                          .status = (uint8_t)vm->exit_status};
}

static bool stop(struct gdb_target *target, unsigned index)
{
    return vm_pause(vm_of(target, index), NULL) == STATUS_OK;
}

static bool resume(struct gdb_target *target, unsigned index)
{
    return vm_resume(vm_of(target, index), NULL) == STATUS_OK;
}

static bool kill(struct gdb_target *target, unsigned index)
{
    return vm_stop(vm_of(target, index), NULL) == STATUS_OK;
}

static void set_caught(struct gdb_target *target, unsigned index, bool caught)
{
    struct vm *vm = vm_of(target, index);
    __atomic_store_n(&vm->caught, caught, __ATOMIC_RELEASE);
    if (!caught) {
        scheduler_look_at_home(vm);
    }
}

// ---- Registers ----

struct register_call {
    unsigned vcpu;
    struct gdb_registers *get;
    const struct gdb_registers *set;
    bool done;
};

static void call_registers(struct vm *vm, void *context)
{
    struct register_call *call = context;
    struct vcpu *vcpu = vm->vcpus[call->vcpu];
    if (!vcpu) {
        return;
    }
    call->done = true;
    if (call->set) {
        call->done = gdb_vcpu_set(vcpu, call->set);
    } else {
        gdb_vcpu_get(vcpu, call->get);
    }
}

static bool registers(struct gdb_target *target, struct gdb_thread thread,
                      struct register_call *call)
{
    struct vm *vm = vm_of(target, thread.vm);
    call->vcpu = thread.vcpu;
    return vm_call(vm, thread.vcpu, call_registers, call, NULL) == STATUS_OK && call->done;
}

static bool get_registers(struct gdb_target *target, struct gdb_thread thread,
                          struct gdb_registers *to)
{
    struct register_call call = {.get = to};
    return registers(target, thread, &call);
}

static bool set_registers(struct gdb_target *target, struct gdb_thread thread,
                          const struct gdb_registers *from)
{
    struct register_call call = {.set = from};
    return registers(target, thread, &call);
}

// ---- Memory ----

struct memory_call {
    struct gdb_place place;
    uint8_t *read;        // NULL: write
    const uint8_t *write; // NULL: read
    size_t length;
    size_t done;
};

static void call_memory(struct vm *vm, void *context)
{
    struct memory_call *call = context;
    call->done = call->read ? gdb_memory_read(vm, call->place, call->read, call->length)
                            : gdb_memory_write(vm, call->place, call->write, call->length);
}

static size_t memory(struct gdb_target *target, struct memory_call *call)
{
    unsigned vcpu = call->place.thread.vcpu;
    if (vm_call(vm_of(target, call->place.thread.vm), vcpu, call_memory, call, NULL) != STATUS_OK) {
        return 0;
    }
    return call->done;
}

static size_t read(struct gdb_target *target, struct gdb_place place, void *bytes, size_t length)
{
    struct memory_call call = {.place = place, .read = bytes, .length = length};
    return memory(target, &call);
}

static size_t write(struct gdb_target *target, struct gdb_place place, const void *bytes,
                    size_t length)
{
    struct memory_call call = {.place = place, .write = bytes, .length = length};
    return memory(target, &call);
}

// ---- Steps ----

struct step_call {
    unsigned vcpu;
    enum gdb_step step;
};

static void call_step(struct vm *vm, void *context)
{
    struct step_call *call = context;
    struct vcpu *vcpu = vm->vcpus[call->vcpu];
    if (vcpu && vm_get_state(vm) == VM_PAUSED) {
        call->step = gdb_step(vcpu);
    }
}

static enum gdb_step step(struct gdb_target *target, struct gdb_thread thread)
{
    struct step_call call = {.vcpu = thread.vcpu, .step = GDB_STEP_IMPOSSIBLE};
    struct vm *vm = vm_of(target, thread.vm);
    return vm_call(vm, thread.vcpu, call_step, &call, NULL) == STATUS_OK ? call.step
                                                                         : GDB_STEP_IMPOSSIBLE;
}

static void command(struct gdb_target *target, const char *line, struct gdb_writer *answer)
{
    container_of(target, struct gdb_vms, target)->command(line, answer);
}

void gdb_vms_init(struct gdb_vms *vms, struct vmm *vmm,
                  void (*run)(const char *line, struct gdb_writer *answer))
{
    *vms = (struct gdb_vms){.target = {.vm_count = vm_count,
                                       .look = look,
                                       .stop = stop,
                                       .resume = resume,
                                       .kill = kill,
                                       .set_caught = set_caught,
                                       .get_registers = get_registers,
                                       .set_registers = set_registers,
                                       .read = read,
                                       .write = write,
                                       .step = step,
                                       .command = command},
                            .vmm = vmm,
                            .command = run};
}
