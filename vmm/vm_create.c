// SPDX-License-Identifier: MIT
// The set of VMs: found by name, made from a configuration or a linked payload.
#include "vmm/devices/device.h"
#include "vmm/util/string.h"
#include "vmm/vm.h"

struct vm *vm_find(struct vmm *vmm, const char *name)
{
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        if (text_equal(vmm->vms[i]->config.name, name)) {
            return vmm->vms[i];
        }
    }
    return NULL;
}

// CPU 0 also serves the console: with others there, VMs that are not pinned start on those.
static unsigned next_cpu(struct vmm *vmm, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        vmm->next_cpu = (vmm->next_cpu + 1) % count;
        if (vmm->runs_guests[vmm->next_cpu]) {
            break;
        }
    }
    return vmm->next_cpu;
}

static enum status choose_cpu(struct vmm *vmm, const struct vm_config *config, unsigned *cpu,
                              struct reason *why)
{
    unsigned count = vmm->host->cpu_count();
    if (config->cpu < 0) {
        *cpu = next_cpu(vmm, count);
        return STATUS_OK;
    }
    *cpu = (unsigned)config->cpu;
    if (*cpu >= count) {
        return refuse(why, STATUS_RANGE, "vm=%s: cpu=%u: this machine runs CPUs 0 to %u",
                      config->name, *cpu, count - 1);
    }
    if (vmm->ops && !vmm->runs_guests[*cpu]) {
        return refuse(why, STATUS_UNSUPPORTED, "vm=%s: cpu=%u: that CPU runs no guests",
                      config->name, *cpu);
    }
    return STATUS_OK;
}

static enum status check_config(struct vmm *vmm, const struct vm_config *config, struct reason *why)
{
    if (vmm->vm_count == VMS_MAX) {
        return refuse(why, STATUS_NO_MEMORY, "vm=%s: at most %u VMs", config->name, VMS_MAX);
    }
    if (vm_find(vmm, config->name)) {
        return refuse(why, STATUS_BUSY, "vm=%s: there is a VM of that name", config->name);
    }
    if (config->vcpus > VM_VCPUS_MAX) {
        return refuse(why, STATUS_UNSUPPORTED, "vm=%s: cpus=%u: a VM has one virtual CPU",
                      config->name, config->vcpus);
    }
    uint64_t machine = vmm->host->memory_use().guest_bytes;
    if (config->memory_bytes > machine) {
        return refuse(why, STATUS_RANGE, "vm=%s: mem=%lluM: this machine has %llu MiB for guests",
                      config->name, (unsigned long long)(config->memory_bytes / MIB),
                      (unsigned long long)(machine / MIB));
    }
    return STATUS_OK;
}

enum status vm_create(struct vmm *vmm, const struct vm_config *config, struct vm **result,
                      struct reason *why)
{
    unsigned cpu = 0;
    enum status status = check_config(vmm, config, why);
    if (status == STATUS_OK) {
        status = choose_cpu(vmm, config, &cpu, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct vm *vm = vmm->host->allocate(sizeof(*vm));
    if (!vm) {
        return refuse(why, STATUS_NO_MEMORY, "vm=%s: no frames for another VM", config->name);
    }
    vm->vmm = vmm;
    vm->config = *config;
    vm->cpu = cpu;
    vm->restart_at_ns = NEVER_NS;
    terminal_init(&vm->terminal);
    vmm->vms[vmm->vm_count] = vm;
    __atomic_store_n(&vmm->vm_count, vmm->vm_count + 1, __ATOMIC_RELEASE);
    *result = vm;
    return STATUS_OK;
}

enum status vm_create_linked(struct vmm *vmm, const char *payload, struct vm **vm,
                             struct reason *why)
{
    for (unsigned i = 0; i < vmm->linked_count; i++) {
        const struct linked_payload *linked = &vmm->linked[i];
        if (!text_equal(linked->name, payload)) {
            continue;
        }
        struct vm_config config = {.memory_bytes = VM_MEMORY_DEFAULT,
                                   .vcpus = 1,
                                   .cpu = -1,
                                   .autostart = true,
                                   .command_line = ""};
        text_copy(config.name, sizeof(config.name), linked->name);
        enum status status = vm_create(vmm, &config, vm, why);
        if (status == STATUS_OK) {
            (void)!vm_add_payload(*vm, &(struct vm_payload){.linked = linked->start,
                                                            .size = linked->size,
                                                            .command_line = ""});
        }
        return status;
    }
    return refuse(why, STATUS_NOT_FOUND, "no guest '%s' is linked into Husk", payload);
}

bool vm_add_payload(struct vm *vm, const struct vm_payload *payload)
{
    if (vm->payload_count == ARRAY_SIZE(vm->payloads)) {
        return false;
    }
    vm->payloads[vm->payload_count++] = *payload;
    return true;
}
