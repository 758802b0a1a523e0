// SPDX-License-Identifier: MIT
// Finds VMs by name, and creates them from a configuration or from a linked payload.
#include "vmm/vm/vm_create.h"

#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_disks.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_lines.h"
#include "vmm/vm/vm_nets.h"

struct vm *vm_find(struct vmm *vmm, const char *name)
{
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        if (text_equal(vmm->vms[i]->config.name, name)) {
            return vmm->vms[i];
        }
    }
    return NULL;
}

static bool is_pinned_to(const struct vm_config *config, unsigned cpu)
{
    return config->cpus[cpu / 64] & BIT(cpu % 64);
}

static enum status check_cpus(const struct vmm *vmm, const struct vm_config *config,
                              struct reason *why)
{
    unsigned count = vmm->host->cpu_count();
    for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++) {
        if (!is_pinned_to(config, cpu)) {
            continue;
        }
        if (cpu >= count) {
            return refuse(why, STATUS_RANGE, "vm=%s: cpu=%u: this machine runs CPUs 0 to %u",
                          config->name, cpu, count - 1);
        }
        if (vmm->ops && !vmm->runs_guests[cpu]) {
            return refuse(why, STATUS_UNSUPPORTED, "vm=%s: cpu=%u: that CPU runs no guests",
                          config->name, cpu);
        }
    }
    return STATUS_OK;
}

// The next CPU after `cpu` that the VM may run on.
static unsigned next_cpu(const struct vmm *vmm, const struct vm_config *config, unsigned cpu)
{
    unsigned count = vmm->host->cpu_count();
    for (unsigned i = 0; i < count; i++) {
        cpu = (cpu + 1) % count;
        if (config->pinned ? is_pinned_to(config, cpu) : vmm->runs_guests[cpu]) {
            break;
        }
    }
    return cpu;
}

// Without `cpu=`, CPUs are given out in turn to the vCPUs of all VMs. CPU 0 also serves the
// console, so the turn begins with another CPU, if there is one.
static void choose_cpus(struct vmm *vmm, struct vm *vm)
{
    unsigned cpu = vm->config.pinned ? vmm->host->cpu_count() - 1 : vmm->next_cpu;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        cpu = next_cpu(vmm, &vm->config, cpu);
        vm->slots[i].cpu = cpu;
    }
    if (!vm->config.pinned) {
        vmm->next_cpu = cpu;
    }
}

static enum status check_random(const struct vmm *vmm, const struct vm_config *config,
                                struct reason *why)
{
    uint64_t word;
    if (config->random && !vmm->host->random(&word, 1)) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "vm=%s: rng=yes: this CPU has neither RDSEED nor RDRAND", config->name);
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
    enum status status = check_cpus(vmm, config, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_random(vmm, config, why);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t machine = vmm->host->memory_use().guest_bytes;
    if (config->memory_bytes > machine) {
        return refuse(why, STATUS_RANGE, "vm=%s: mem=%lluM: this machine has %llu MiB for guests",
                      config->name, (unsigned long long)(config->memory_bytes / MIB),
                      (unsigned long long)(machine / MIB));
    }
    return STATUS_OK;
}

static enum status add_devices(struct vm *vm, struct reason *why)
{
    if (vm->config.hvc && !vm_hvc_create(vm)) {
        return refuse(why, STATUS_NO_MEMORY, "vm=%s: no frames for hvc0", vm->config.name);
    }
    if (vm->config.balloon && !vm_balloon_create(vm)) {
        return refuse(why, STATUS_NO_MEMORY, "vm=%s: no frames for the balloon", vm->config.name);
    }
    for (unsigned i = 0; i < vm->config.ram_disk_count; i++) {
        enum status status = vm_disks_add(vm, &vm->config.ram_disks[i], NULL, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return vm_nets_create(vm, why);
}

static void destroy(struct vm *vm)
{
    const struct host *host = vm->vmm->host;
    if (vm->disks) {
        host->release(vm->disks, sizeof(*vm->disks));
    }
    if (vm->hvc) {
        host->release(vm->hvc, sizeof(*vm->hvc));
    }
    if (vm->balloon) {
        host->release(vm->balloon, sizeof(*vm->balloon));
    }
    if (vm->nets) {
        host->release(vm->nets, sizeof(*vm->nets));
    }
    host->release(vm, sizeof(*vm));
}

enum status vm_create(struct vmm *vmm, const struct vm_config *config, struct vm **result,
                      struct reason *why)
{
    enum status status = check_config(vmm, config, why);
    if (status != STATUS_OK) {
        return status;
    }
    struct vm *vm = vmm->host->allocate(sizeof(*vm));
    if (!vm) {
        return refuse(why, STATUS_NO_MEMORY, "vm=%s: no frames for another VM", config->name);
    }
    vm->vmm = vmm;
    vm->index = vmm->vm_count;
    vm->config = *config;
    vm->config.share = config->share ? config->share : VM_SHARE_DEFAULT;
    status = add_devices(vm, why);
    if (status != STATUS_OK) {
        destroy(vm);
        return status;
    }
    choose_cpus(vmm, vm);
    vm->restart_at_ns = NEVER_NS;
    (void)!vm_seize(vm); // succeeds: the VM has no vCPUs yet
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
        struct vm_config config = {
            .memory_bytes = VM_MEMORY_DEFAULT, .vcpus = 1, .autostart = true, .command_line = ""};
        text_copy(config.name, sizeof(config.name), linked->name);
        enum status status = vm_create(vmm, &config, vm, why);
        if (status != STATUS_OK) {
            return status;
        }
        (void)!vm_add_payload(*vm, &(struct vm_payload){.linked = linked->start,
                                                        .size = linked->size,
                                                        .command_line = ""}); // it is the first
        return STATUS_OK;
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

void vm_refuse(struct vm *vm, const struct reason *why)
{
    if (vm->refused.text[0] == '\0') {
        vm->refused = *why;
    }
}
