// SPDX-License-Identifier: MIT
// Loads the payload and the modules of a VM that starts, piece by piece.
#include "vmm/vm/vm_load.h"

#include "vmm/address.h"
#include "vmm/board/acpi_tables.h"
#include "vmm/board/bios_data.h"
#include "vmm/board/firmware.h"
#include "vmm/board/mp_tables.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

#define COPY_PIECE_BYTES (256 * KIB) // of a payload, that one step copies

// A piece ends at a multiple of 2 MiB in the machine's memory. So whole ones are a large page each.
const uint8_t *vm_map_module(struct vm *vm, hpa_t start, uint64_t bytes, uint64_t *mapped)
{
    uint64_t at = start.value + *mapped;
    uint64_t piece = MIN(bytes - *mapped, PAGE_SIZE_2M - at % PAGE_SIZE_2M);
    *mapped += piece;
    return vm->vmm->host->space_map_module(&vm->space, hpa(at), piece);
}

enum status vm_load_map(struct vm *vm, bool *done, struct reason *why)
{
    struct vm_start *start = &vm->start;
    const struct vm_payload *source = &vm->payloads[start->payload];
    struct load_request *request = &start->request;
    struct payload *payload =
        start->payload == 0 ? &request->payload : &request->modules[start->payload - 1];
    const uint8_t *bytes = source->linked;
    bool first = start->mapped_bytes == 0;
    if (bytes) {
        start->mapped_bytes = source->size;
    } else {
        bytes = vm_map_module(vm, source->start, source->size, &start->mapped_bytes);
    }
    if (!bytes) {
        return refuse(why, STATUS_NO_MEMORY, "no frames to map module %u", start->payload);
    }
    if (first) {
        *payload = (struct payload){
            .bytes = bytes, .size = source->size, .command_line = source->command_line};
    }
    if (start->mapped_bytes == source->size) {
        start->mapped_bytes = 0;
        start->payload++;
    }
    *done = start->payload == vm->payload_count;
    return STATUS_OK;
}

// Writes what a PC's firmware leaves in the first megabyte. A payload that is loaded there
// afterwards overwrites it.
static enum status install_firmware(struct vm *vm, struct reason *why)
{
    struct cpuid_registers processor = cpuid_table_find(&vm->vcpus[0]->cpuid, 1, 0);
    const struct mp_tables_cpu cpus = {
        .count = vm->config.vcpus, .signature = processor.eax, .features = processor.edx};
    const struct linked_payload *firmware = vm->vmm->firmware;
    enum status status = acpi_tables_install(&vm->memory, vm->config.vcpus, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = bios_data_install(&vm->memory, vm->vmm->host->wall_clock_s(), why);
    if (status != STATUS_OK) {
        return status;
    }
    status = mp_tables_install(&vm->memory, &cpus, why);
    if (status != STATUS_OK || !firmware) {
        return status;
    }
    return firmware_install(firmware->start, firmware->size, &vm->memory, why);
}

enum status vm_load_plan(struct vm *vm, struct reason *why)
{
    struct load_request *request = &vm->start.request;
    enum status status = install_firmware(vm, why);
    if (status != STATUS_OK) {
        return status;
    }
    request->kind = vm->config.kind;
    request->module_count = vm->payload_count - 1;
    request->plan = &vm->start.plan;
    status = payload_load(request, &vm->memory, &vm->start.result, why);
    if (!vm->vmm->firmware) {
        vm->start.result.interrupts_on = false; // nothing would handle them
    }
    return status;
}

bool vm_load_copy(struct vm *vm)
{
    return load_plan_step(&vm->start.plan, &vm->memory, COPY_PIECE_BYTES);
}
