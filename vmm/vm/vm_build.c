// SPDX-License-Identifier: MIT
// Gives a VM all that it needs when it starts, and takes it back when the VM stops. On the VM's
// home CPU.
#include "vmm/vm/vm_build.h"

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/msr.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_create.h"
#include "vmm/vcpu/vcpu_start.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_board.h"
#include "vmm/vm/vm_disks.h"
#include "vmm/vm/vm_load.h"
#include "vmm/vm/vm_nets.h"

// How many bytes are zeroed between two looks at the clock.
#define PIECE_BYTES (256 * KIB)

// Gives back a part of what the VM has besides its memory. True: there was nothing left.
static bool clear(struct vm *vm)
{
    if (!vm_nets_detach(vm)) { // others may wake the vCPUs before
        return false;
    }
    for (unsigned i = vm->config.vcpus; i-- > 0;) {
        if (vm->vcpus[i]) {
            vcpu_destroy(vm->vcpus[i]);
            vm->vcpus[i] = NULL;
            return false;
        }
    }
    vm_balloon_clear(vm);
    if (vm->entropy) {
        vm->vmm->host->release(vm->entropy, sizeof(*vm->entropy));
        vm->entropy = NULL;
    }
    if (vm->pc) {
        vm->vmm->host->release(vm->pc, sizeof(*vm->pc));
        vm->pc = NULL;
        return false;
    }
    if (!vm->nested) {
        return true;
    }
    if (vm->vmm->ops->space->destroy(vm->nested)) {
        vm->nested = NULL;
    }
    return false;
}

static enum status build_nested(struct vm *vm, struct reason *why)
{
    const struct space_ops *ops = vm->vmm->ops->space;
    vm->apics_elsewhere = 0;
    if (ops->create(&vm->nested) != STATUS_OK) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for the nested page table");
    }
    msr_set_intercepts(ops, vm->nested);
    return STATUS_OK;
}

// Maps a part of the VM's RAM for the guest. It is there and mapped for Husk, or it is now.
static enum status build_memory(struct vm *vm, bool *done, struct reason *why)
{
    struct host_run *run = &vm->start.run;
    if (run->bytes == 0 && vm->vmm->host->space_ram(&vm->space, run->gpa, run) != STATUS_OK) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for the page tables of its memory");
    }
    *done = run->bytes == 0;
    if (*done) {
        return STATUS_OK;
    }
    uint64_t bytes =
        vm->vmm->ops->space->map(vm->nested, run->gpa, run->hpa, run->bytes, ACCESS_ALL);
    if (bytes == 0) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for the nested page table");
    }
    run->gpa.value += bytes;
    run->hpa.value += bytes;
    run->bytes -= bytes;
    return STATUS_OK;
}

static enum status build_devices(struct vm *vm, struct reason *why)
{
    const struct host *host = vm->vmm->host;
    vm->pc = host->allocate(sizeof(*vm->pc));
    if (vm->config.random) {
        vm->entropy = host->allocate(sizeof(*vm->entropy));
    }
    bool balloon = !vm->balloon || vm_balloon_build(vm);
    return vm->pc && balloon && (vm->entropy || !vm->config.random)
               ? vm_nets_build(vm, why)
               : refuse(why, STATUS_NO_MEMORY, "no frames for the devices");
}

// The first vCPU starts as the loader asks. The others wait until it sends them an INIT and a SIPI.
static void set_registers(struct vm *vm, unsigned index)
{
    const struct vcpu_ops *ops = vm->vmm->ops;
    struct vcpu *vcpu = vm->vcpus[index];
    ops->load_vcpu(&vcpu->core);
    if (index > 0) {
        vcpu_start_waiting(vcpu);
    } else {
        vcpu_start_at(vcpu, &vm->start.result);
    }
    ops->unload_vcpu(&vcpu->core);
}

// The last stage: the VM's clock and its TSC begin with it, at the same moment.
static void build_board(struct vm *vm)
{
    uint64_t tsc = vm->vmm->host->tsc();
    vm->clock_base_ns = vm->vmm->host->ns_at_tsc(tsc);
    vm->tsc_offset = -tsc;
    vm_board_init(vm);
}

enum status vm_build(struct vm *vm, struct reason *why)
{
    struct guest_extent extents[GUEST_EXTENTS];
    unsigned count = guest_memory_layout(vm->config.memory_bytes, extents);
    enum status status = vm->vmm->host->space_reserve(&vm->space, extents, count, why);
    if (status != STATUS_OK) {
        return status;
    }
    vm->memory = (struct guest_memory){.base = (uint8_t *)vm->space.window, .extent_count = count};
    memcpy(vm->memory.extents, extents, count * sizeof(*extents));
    vm->space.in_units = vm->balloon;
    __atomic_store_n(&vm->zeroed_bytes, 0, __ATOMIC_RELAXED);
    memset(&vm->start, 0, sizeof(vm->start));
    vm_disks_begin(vm);
    return STATUS_OK;
}

// The piece of memory to zero next. It has 0 bytes if all memory is zero.
static struct guest_extent next_piece(const struct vm *vm)
{
    uint64_t offset = vm->zeroed_bytes;
    for (unsigned i = 0; i < vm->memory.extent_count; i++) {
        struct guest_extent extent = vm->memory.extents[i];
        if (offset < extent.bytes) {
            return (struct guest_extent){.gpa = gpa(extent.gpa.value + offset),
                                         .bytes = MIN(extent.bytes - offset, PIECE_BYTES)};
        }
        offset -= extent.bytes;
    }
    return (struct guest_extent){.bytes = 0};
}

// Zeroes a piece. Returns true once all memory is zero.
static bool zero_piece(struct vm *vm)
{
    struct guest_extent piece = next_piece(vm);
    vm->vmm->host->space_zero(&vm->space, piece.gpa, piece.bytes);
    __atomic_store_n(&vm->zeroed_bytes, vm->zeroed_bytes + piece.bytes, __ATOMIC_RELAXED);
    return next_piece(vm).bytes == 0;
}

// Whether that was the last vCPU of the stage.
static bool is_last_vcpu(struct vm *vm)
{
    vm->start.vcpu = (vm->start.vcpu + 1) % vm->config.vcpus;
    return vm->start.vcpu == 0;
}

// Builds one piece. `*done`: it was the last one of its stage.
static enum status build_piece(struct vm *vm, bool *done, struct reason *why)
{
    unsigned vcpu = vm->start.vcpu;
    enum status status = STATUS_OK;
    *done = true;
    switch (vm->start.stage) {
    case BUILD_CLEAR:
        *done = clear(vm);
        return STATUS_OK;
    case BUILD_NESTED:
        return build_nested(vm, why);
    case BUILD_MEMORY:
        return build_memory(vm, done, why);
    case BUILD_ZERO:
        *done = zero_piece(vm);
        return STATUS_OK;
    case BUILD_DISKS:
        return vm_disks_prepare(vm, done, why);
    case BUILD_DEVICES:
        return build_devices(vm, why);
    case BUILD_VCPUS:
        status = vcpu_create(vm, vcpu, &vm->vcpus[vcpu], why);
        *done = is_last_vcpu(vm);
        return status;
    case BUILD_MAP:
        return vm_load_map(vm, done, why);
    case BUILD_LOAD:
        return vm_load_plan(vm, why);
    case BUILD_COPY:
        *done = vm_load_copy(vm);
        return STATUS_OK;
    case BUILD_REGISTERS:
        set_registers(vm, vcpu);
        *done = is_last_vcpu(vm);
        return STATUS_OK;
    case BUILD_BOARD:
        build_board(vm);
        return STATUS_OK;
    case BUILD_DONE:
        break;
    }
    return STATUS_OK;
}

enum status vm_build_continue(struct vm *vm, uint64_t end_ns, bool *done, struct reason *why)
{
    const struct host *host = vm->vmm->host;
    enum status status = STATUS_OK;
    host->space_enter(&vm->space);
    do {
        bool stage_done;
        status = build_piece(vm, &stage_done, why);
        vm->start.stage += stage_done;
    } while (status == STATUS_OK && vm->start.stage != BUILD_DONE && host->now_ns() < end_ns);
    host->space_enter(NULL);
    *done = vm->start.stage == BUILD_DONE;
    return status;
}

bool vm_tear_down(struct vm *vm, uint64_t end_ns)
{
    const struct host *host = vm->vmm->host;
    bool keep = vm_disks_keep(vm);
    do {
        if (clear(vm) && (keep ? host->space_empty(&vm->space) : host->space_destroy(&vm->space))) {
            vm->memory = (struct guest_memory){0};
            return true;
        }
    } while (host->now_ns() < end_ns);
    return false;
}
