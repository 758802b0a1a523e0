// SPDX-License-Identifier: MIT
// Makes VMs out of GRUB's lines.
#include "boot/guests.h"

#include "arch/x86/log.h"
#include "boot/boot_info.h"
#include "vmm/config/config_disk.h"
#include "vmm/config/config_vm.h"
#include "vmm/load/load.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_disks.h"
#include "vmm/vm/vm_life.h"

// The disk comes to each VM that its line names. A VM that lacks it does not start.
static void add_disk(struct vmm *vmm, const struct boot_module *module, unsigned number)
{
    struct config_disk_line line;
    struct vm_payload image = {.start = {module->start}, .size = module->bytes};
    struct reason parse_why = {""};
    enum status parsed = config_parse_disk(module->command_line, &line, &parse_why);
    if (parsed != STATUS_OK) {
        log_line("module %u \"%s\": %s", number, module->command_line, parse_why.text);
    }
    for (unsigned i = 0; i < line.vm_count; i++) {
        struct vm *vm = vm_find(vmm, line.vms[i]);
        struct reason why = parse_why;
        if (!vm) {
            log_line("module %u \"%s\": no line before it is of VM %s", number,
                     module->command_line, line.vms[i]);
            continue;
        }
        if (parsed != STATUS_OK || vm_disks_add(vm, &line.disk, &image, &why) != STATUS_OK) {
            vm_refuse(vm, &why);
        }
    }
}

// There is no such VM. If a line before was to define it, that line had a mistake.
static bool was_refused(const struct boot_info *info, unsigned number, const char *name)
{
    for (unsigned i = 0; i < number; i++) {
        const char *line = info->modules[i].command_line;
        if (!config_is_disk(line) && config_names_vm(line, name)) {
            return true;
        }
    }
    return false;
}

static enum status add_module(struct vmm *vmm, const struct boot_info *info, unsigned number,
                              struct reason *why)
{
    const struct boot_module *module = &info->modules[number];
    struct vm_config config;
    enum status status = config_parse_vm(module->command_line, &config, why);
    if (status != STATUS_OK) {
        return status;
    }
    struct vm *vm = vm_find(vmm, config.name);
    if (!vm && was_refused(info, number, config.name)) {
        return refuse(why, STATUS_INVALID, "vm=%s: the first line of this VM was refused",
                      config.name);
    }
    status = vm ? config_check_module(&config, why) : vm_create(vmm, &config, &vm, why);
    if (status != STATUS_OK) {
        return status;
    }
    struct vm_payload payload = {
        .start = {module->start}, .size = module->bytes, .command_line = config.command_line};
    if (!vm_add_payload(vm, &payload)) {
        return refuse(why, STATUS_RANGE, "vm=%s: more than %u modules", config.name,
                      LOAD_MODULES_MAX);
    }
    return STATUS_OK;
}

void guests_create(struct vmm *vmm, const struct boot_info *info, const struct husk_config *config)
{
    struct reason why;
    for (unsigned i = 0; i < config->guest_count; i++) {
        struct vm *vm;
        if (vm_create_linked(vmm, config->guests[i], &vm, &why) != STATUS_OK) {
            log_line("guests=%s: %s", config->guests[i], why.text);
        }
    }
    for (unsigned i = 0; i < info->module_count; i++) {
        if (config_is_disk(info->modules[i].command_line)) {
            add_disk(vmm, &info->modules[i], i + 1);
        } else if (add_module(vmm, info, i, &why) != STATUS_OK) {
            log_line("module %u \"%s\": %s", i + 1, info->modules[i].command_line, why.text);
        }
    }
}

void guests_start(struct vmm *vmm)
{
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        struct vm *vm = vmm->vms[i];
        struct reason why = vm->refused; // is said now, even if the VM waits for `start`
        bool wrong = vm->config.autostart ? vm_start(vm, &why) != STATUS_OK : why.text[0] != '\0';
        if (wrong) {
            log_line("[%s] not started: %s", vm->config.name, why.text);
        }
    }
}

bool guests_all_ended(const struct vmm *vmm)
{
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        const struct vm *vm = vmm->vms[i];
        enum vm_state state = __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
        bool over = state == VM_OFF || state == VM_ENDED;
        bool caught = __atomic_load_n(&vm->caught, __ATOMIC_ACQUIRE);
        if (!over || vm->restart_at_ns != NEVER_NS || caught) {
            return false;
        }
    }
    return true;
}
