// SPDX-License-Identifier: MIT
// Commands that do what a person in front of a PC does: screen, keyboard, power button.
#include "vmm/monitor/monitor_commands_input.h"

#include "vmm/board/pc_front.h"
#include "vmm/console/console.h"
#include "vmm/monitor/inspect_screen.h"
#include "vmm/monitor/key_text.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_names.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

void command_screen(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    struct reason why = {""};
    if (vm && inspect_screen(vm, monitor->scratch, &monitor->sink, &why) != STATUS_OK) {
        console_format(monitor->console, "screen: %s\n", why.text);
    }
}

// What is to be done on the VM's CPU, and its result.
struct input {
    const char *text;
    unsigned keys; // typed so far
    bool heard;    // the guest listens to its power button
};

// The VM may have ended since the look-up, or be in the middle of a reset.
static bool is_there(const struct vm *vm)
{
    return vm->state == VM_RUNNING && vm->pc;
}

static void type_keys(struct vm *vm, void *context)
{
    struct input *input = context;
    struct key_codes codes;
    if (!is_there(vm)) {
        return;
    }
    while (*input->text != '\0' && key_text_next(&input->text, &codes, NULL) == STATUS_OK &&
           pc_type(vm->pc, codes.bytes, codes.count)) {
        input->keys++;
    }
}

// The number of keys in the text. 0: the text is wrong, and the user was told why.
static unsigned count_keys(struct monitor *monitor, const char *text)
{
    struct key_codes codes;
    struct reason why = {""};
    unsigned keys = 0;
    for (; *text != '\0'; keys++) {
        if (key_text_next(&text, &codes, &why) != STATUS_OK) {
            console_format(monitor->console, "type: %s\n", why.text);
            return 0;
        }
    }
    return keys;
}

void command_type(struct monitor *monitor, const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    struct vm *vm = monitor_find_running(monitor, "type", name);
    struct input input = {.text = arguments->words[1]};
    struct reason why = {""};
    if (!vm) {
        return;
    }
    unsigned keys = count_keys(monitor, input.text);
    if (keys == 0) {
        return;
    }
    if (vm_call(vm, 0, type_keys, &input, &why) != STATUS_OK) {
        console_format(monitor->console, "type: %s\n", why.text);
        return;
    }
    if (input.keys < keys) {
        console_format(monitor->console,
                       "type: %u of %u keys typed: %s does not read its keyboard\n", input.keys,
                       keys, name);
    } else {
        console_format(monitor->console, "%u keys typed\n", keys);
    }
}

static void press_power_button(struct vm *vm, void *context)
{
    struct input *input = context;
    input->heard = is_there(vm) && pc_press_power_button(vm->pc);
}

void command_powerbutton(struct monitor *monitor, const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    struct vm *vm = monitor_find_running(monitor, "powerbutton", name);
    struct input input = {0};
    struct reason why = {""};
    if (!vm) {
        return;
    }
    if (vm_call(vm, 0, press_power_button, &input, &why) != STATUS_OK) {
        console_format(monitor->console, "powerbutton: %s\n", why.text);
    } else if (input.heard) {
        console_format(monitor->console, "%s was told\n", name);
    } else {
        console_format(monitor->console,
                       "powerbutton: %s does not listen to it; 'stop %s' switches it off\n", name,
                       name);
    }
}
