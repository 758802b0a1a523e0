// SPDX-License-Identifier: MIT
// Sizes, durations and reasons of a VM's end, as text for the user.
#include "vmm/monitor/monitor_text.h"

#include "vmm/monitor/monitor_output.h"

#include "vmm/util/format.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

struct monitor_text monitor_size_text(uint64_t bytes)
{
    struct monitor_text text;
    if (bytes >= 10 * MIB || (bytes >= MIB && bytes % MIB == 0)) {
        format_text(text.text, sizeof(text.text), "%llu MiB", (unsigned long long)(bytes / MIB));
    } else {
        format_text(text.text, sizeof(text.text), "%llu KiB", (unsigned long long)(bytes / KIB));
    }
    return text;
}

struct monitor_text monitor_duration_text(uint64_t ns)
{
    unsigned long long s = ns / NS_PER_S;
    struct monitor_text text;
    format_text(text.text, sizeof(text.text), "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
    return text;
}

struct monitor_text monitor_end_text(const struct vm *vm)
{
    struct monitor_text text;
    if (vm->refused.text[0] != '\0') {
        format_text(text.text, sizeof(text.text), "%s", vm->refused.text);
    } else if (vm->state != VM_ENDED) {
        format_text(text.text, sizeof(text.text), "%s",
                    vm->starts == 0 ? "was not started" : "was stopped");
    } else {
        format_text(text.text, sizeof(text.text), "%s: %s", vm->failed ? "stopped" : "ended",
                    vm->ended.text);
    }
    return text;
}

const char *monitor_state_name(const struct vm *vm)
{
    bool has_work = !monitor_is_over(vm) || vm->state == VM_STOPPING;
    return has_work && vm_is_stuck(vm) ? "stuck" : vm_state_name(vm->state);
}
