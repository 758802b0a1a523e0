// SPDX-License-Identifier: MIT
// The names of VMs and of startable guests, and the numbers, which commands take.
#include "vmm/monitor/monitor_names.h"

#include "vmm/console/console.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/near_miss.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_lines.h"

const char *monitor_vm_name(const struct vmm *vmm, unsigned index)
{
    return index < vmm->vm_count ? vmm->vms[index]->config.name : NULL;
}

const char *monitor_startable_name(struct vmm *vmm, unsigned index)
{
    if (index < vmm->vm_count) {
        return monitor_vm_name(vmm, index);
    }
    index -= vmm->vm_count;
    for (unsigned i = 0; i < vmm->linked_count; i++) {
        if (!vm_find(vmm, vmm->linked[i].name) && index-- == 0) {
            return vmm->linked[i].name;
        }
    }
    return NULL;
}

const char *monitor_startable_near_miss(struct vmm *vmm, const char *word)
{
    struct near_miss miss;
    const char *name;
    near_miss_begin(&miss, word);
    for (unsigned i = 0; (name = monitor_startable_name(vmm, i)); i++) {
        near_miss_offer(&miss, name);
    }
    return miss.best;
}

static const char *vm_near_miss(const struct vmm *vmm, const char *word)
{
    struct near_miss miss;
    const char *name;
    near_miss_begin(&miss, word);
    for (unsigned i = 0; (name = monitor_vm_name(vmm, i)); i++) {
        near_miss_offer(&miss, name);
    }
    return miss.best;
}

struct vm *monitor_find_vm(struct monitor *monitor, const char *name)
{
    struct vm *vm = vm_find(monitor->vmm, name);
    const char *guess;
    if (vm) {
        return vm;
    }
    guess = vm_near_miss(monitor->vmm, name);
    if (guess) {
        console_format(monitor->console, "no VM '%s'; did you mean '%s'? 'vms' lists them\n", name,
                       guess);
    } else {
        console_format(monitor->console, "no VM '%s'; 'vms' lists them\n", name);
    }
    return NULL;
}

struct vm *monitor_find_running(struct monitor *monitor, const char *command, const char *name)
{
    struct vm *vm = monitor_find_vm(monitor, name);
    if (vm && vm->state != VM_RUNNING) {
        console_format(monitor->console, "%s: %s is %s, not running\n", command, name,
                       vm_state_name(vm->state));
        return NULL;
    }
    return vm;
}

bool monitor_find_number(struct monitor *monitor, const struct arguments *arguments, unsigned index,
                         const char *what, uint64_t *value)
{
    const char *text = arguments->words[index];
    if (text_parse_size(text, strlen(text), value)) {
        return true;
    }
    console_format(monitor->console,
                   "'%s' is no %s; expected a number such as 4096, 4K or 0x1000\n", text, what);
    return false;
}

bool monitor_find_line(struct monitor *monitor, const struct vm *vm,
                       const struct arguments *arguments, enum vm_line *line)
{
    *line = arguments->count < 2 ? VM_LINE_UART : VM_LINE_HVC;
    if (*line == VM_LINE_UART) {
        return true;
    }
    if (!text_equal(arguments->words[1], "hvc0")) {
        console_format(monitor->console, "'%s' is no console; expected hvc0\n",
                       arguments->words[1]);
        return false;
    }
    if (!vm->hvc) {
        console_format(monitor->console, "%s has no hvc0; hvc=yes on its line gives it one\n",
                       vm->config.name);
    }
    return vm->hvc;
}
