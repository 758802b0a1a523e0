// SPDX-License-Identifier: MIT
// The names of VMs, and of guests that can be started; lines and numbers behind them.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/vm_lines.h"

struct arguments;
struct monitor;
struct vm;
struct vmm;

// The name of VM `index`; NULL past the last.
const char *monitor_vm_name(const struct vmm *vmm, unsigned index);
// First the VMs, then the linked payloads without a VM of the same name; NULL past the last.
const char *monitor_startable_name(struct vmm *vmm, unsigned index);
// The startable name that is most like `word`; NULL: none is like it.
const char *monitor_startable_near_miss(struct vmm *vmm, const char *word);
// The VM of that name. NULL: there is none, and the user was told.
struct vm *monitor_find_vm(struct monitor *monitor, const char *name);
// The same for a VM that runs, which `command` needs.
struct vm *monitor_find_running(struct monitor *monitor, const char *command, const char *name);
// Reads argument `index` as a number. False: it is none, and the user was told.
MUST_CHECK bool monitor_find_number(struct monitor *monitor, const struct arguments *arguments,
                                    unsigned index, const char *what, uint64_t *value);
// Which line of the VM the second argument names: the UART if there is none. False: the VM has no
// such line, and the user was told.
MUST_CHECK bool monitor_find_line(struct monitor *monitor, const struct vm *vm,
                                  const struct arguments *arguments, enum vm_line *line);
