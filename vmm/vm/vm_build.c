// SPDX-License-Identifier: MIT
// Gives a VM all that it needs when it starts, and takes it back when the VM stops. On the VM's
// home CPU.
#include "vmm/vm/vm_build.h"

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/board/acpi_tables.h"
#include "vmm/board/firmware.h"
#include "vmm/board/mp_tables.h"
#include "vmm/board/pc.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/msr.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_create.h"
#include "vmm/vcpu/vcpu_start.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_board.h"

// How many bytes are zeroed between two looks at the clock.
#define PIECE_BYTES (256 * KIB)

// Allocates RAM for the guest and maps it for the host, in the VM's address space.
static enum status build_memory(struct vm *vm, struct reason *why)
{
    struct guest_extent extents[GUEST_EXTENTS];
    unsigned count = guest_memory_layout(vm->config.memory_bytes, extents);
    enum status status = vm->vmm->host->space_create(&vm->space, extents, count, why);
    if (status != STATUS_OK) {
        vm->space = (struct host_space){0};
        return status;
    }
    vm->memory = (struct guest_memory){.base = (uint8_t *)vm->space.window,
                                       .extent_count = vm->space.extent_count};
    for (unsigned i = 0; i < vm->space.extent_count; i++) {
        vm->memory.extents[i] = vm->space.extents[i];
    }
    __atomic_store_n(&vm->zeroed_bytes, 0, __ATOMIC_RELAXED);
    return STATUS_OK;
}

static enum status map_extent(struct vm *vm, struct guest_extent extent)
{
    enum status status = STATUS_OK;
    while (extent.bytes > 0 && status == STATUS_OK) {
        uint64_t contiguous;
        hpa_t frame = vm->vmm->host->space_frame(&vm->space, extent.gpa, &contiguous);
        uint64_t bytes = MIN(contiguous, extent.bytes);
        status = vm->vmm->ops->space->map(vm->nested, extent.gpa, frame, bytes, ACCESS_ALL);
        extent.gpa.value += bytes;
        extent.bytes -= bytes;
    }
    return status;
}

// Maps the same RAM for the guest.
static enum status build_nested(struct vm *vm, struct reason *why)
{
    const struct space_ops *ops = vm->vmm->ops->space;
    vm->apics_elsewhere = 0;
    enum status status = ops->create(&vm->nested);
    for (unsigned i = 0; i < vm->space.extent_count && status == STATUS_OK; i++) {
        status = map_extent(vm, vm->space.extents[i]);
    }
    if (status != STATUS_OK) {
        return refuse(why, status, "no frames for the nested page table");
    }
    msr_set_intercepts(ops, vm->nested);
    return STATUS_OK;
}

static enum status build_devices(struct vm *vm, struct reason *why)
{
    const struct host *host = vm->vmm->host;
    vm->clock_base_ns = host->now_ns();
    vm->tsc_offset = -host->tsc();
    vm->pc = host->allocate(sizeof(*vm->pc));
    if (!vm->pc) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for the devices");
    }
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        enum status status = vcpu_create(vm, i, &vm->vcpus[i], why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    vm_board_init(vm);
    return STATUS_OK;
}

static enum status map_payload(struct vm *vm, unsigned index, struct payload *payload,
                               struct reason *why)
{
    const struct vm_payload *source = &vm->payloads[index];
    const struct host *host = vm->vmm->host;
    payload->bytes = source->linked
                         ? source->linked
                         : host->space_map_module(&vm->space, source->start, source->size);
    payload->size = source->size;
    payload->command_line = source->command_line;
    return payload->bytes ? STATUS_OK
                          : refuse(why, STATUS_NO_MEMORY, "no frames to map module %u", index);
}

// Writes what a PC's firmware leaves in the first megabyte. A payload that is loaded there
// afterwards overwrites it.
static enum status install_firmware(struct vm *vm, struct reason *why)
{
    const struct cpuid_registers *processor = cpuid_table_find(&vm->vcpus[0]->cpuid, 1, 0);
    const struct mp_tables_cpu cpus = {
        .count = vm->config.vcpus, .signature = processor->eax, .features = processor->edx};
    const struct linked_payload *firmware = vm->vmm->firmware;
    enum status status = acpi_tables_install(&vm->memory, vm->config.vcpus, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = mp_tables_install(&vm->memory, &cpus, why);
    if (status != STATUS_OK || !firmware) {
        return status;
    }
    return firmware_install(firmware->start, firmware->size, &vm->memory, why);
}

static enum status load(struct vm *vm, struct load_result *start, struct reason *why)
{
    struct load_request request = {.kind = vm->config.kind};
    for (unsigned i = 0; i < vm->payload_count; i++) {
        struct payload *payload = i == 0 ? &request.payload : &request.modules[i - 1];
        enum status status = map_payload(vm, i, payload, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    request.module_count = vm->payload_count - 1;
    vm->vmm->host->space_enter(&vm->space);
    enum status status = install_firmware(vm, why);
    if (status != STATUS_OK) {
        return status;
    }
    return payload_load(&request, &vm->memory, start, why);
}

// The first vCPU starts as the loader asks. The others wait until it sends them an INIT and a SIPI.
static void start_vcpus(struct vm *vm, const struct load_result *start)
{
    const struct vcpu_ops *ops = vm->vmm->ops;
    for (unsigned i = vm->config.vcpus; i-- > 0;) {
        ops->load_vcpu(&vm->vcpus[i]->core);
        if (i > 0) {
            vcpu_start_waiting(vm->vcpus[i]);
        } else {
            vcpu_start_at(vm->vcpus[i], start);
        }
        ops->unload_vcpu(&vm->vcpus[i]->core);
    }
}

static enum status build_spaces(struct vm *vm, struct reason *why)
{
    enum status status = build_memory(vm, why);
    if (status != STATUS_OK) {
        return status;
    }
    return build_nested(vm, why);
}

enum status vm_build(struct vm *vm, struct reason *why)
{
    enum status status = build_spaces(vm, why);
    if (status != STATUS_OK) {
        vm_tear_down(vm);
    }
    return status;
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

bool vm_build_zero(struct vm *vm, uint64_t end_ns)
{
    const struct host *host = vm->vmm->host;
    struct guest_extent piece = next_piece(vm);
    while (piece.bytes > 0 && host->now_ns() < end_ns) {
        host->space_zero(&vm->space, piece.gpa, piece.bytes);
        __atomic_store_n(&vm->zeroed_bytes, vm->zeroed_bytes + piece.bytes, __ATOMIC_RELAXED);
        piece = next_piece(vm);
    }
    return piece.bytes == 0;
}

static enum status build_devices_and_load(struct vm *vm, struct load_result *start,
                                          struct reason *why)
{
    enum status status = build_devices(vm, why);
    if (status != STATUS_OK) {
        return status;
    }
    return load(vm, start, why);
}

enum status vm_build_end(struct vm *vm, struct reason *why)
{
    struct load_result start;
    enum status status = build_devices_and_load(vm, &start, why);
    if (status != STATUS_OK) {
        vm_tear_down(vm);
        return status;
    }
    start_vcpus(vm, &start);
    vm->vmm->host->space_enter(NULL);
    return STATUS_OK;
}

void vm_tear_down(struct vm *vm)
{
    const struct host *host = vm->vmm->host;
    host->space_enter(NULL);
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->vcpus[i]) {
            vcpu_destroy(vm->vcpus[i]);
            vm->vcpus[i] = NULL;
        }
    }
    if (vm->pc) {
        host->release(vm->pc, sizeof(*vm->pc));
        vm->pc = NULL;
    }
    if (vm->nested) {
        vm->vmm->ops->space->destroy(vm->nested);
        vm->nested = NULL;
    }
    if (vm->space.cr3) {
        host->space_destroy(&vm->space);
        vm->space = (struct host_space){0};
    }
    vm->memory = (struct guest_memory){0};
}
