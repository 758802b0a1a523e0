// SPDX-License-Identifier: MIT
// What a VM prints, on its serial line and on its second console, on the way to its terminals.
#pragma once

#include "vmm/board/pc_virtio.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"

// The second console of a VM: hvc0 in Linux. Made with the VM.
struct vm_hvc {
    struct vm *vm;
    struct terminal terminal;
    struct console_line line;
    struct pc_console device;
};

// What the user can connect to.
enum vm_line { VM_LINE_UART, VM_LINE_HVC, VM_LINES };

// The terminal behind a line of the VM. NULL: it has no such line.
struct terminal *vm_line_terminal(struct vm *vm, enum vm_line line);

// On CPU 0: whether CPU 0 has not taken yet all that the VM has printed.
static inline bool vm_has_output(const struct vm *vm)
{
    return terminal_has_output(&vm->terminal) ||
           (vm->hvc && terminal_has_output(&vm->hvc->terminal));
}

// For one of the VM's CPUs at a time: puts what the guest prints into a terminal of the VM, and
// tells CPU 0. Returns how many bytes had room (see terminal_put).
unsigned vm_line_put(struct vm *vm, struct terminal *terminal, const uint8_t *bytes,
                     unsigned count);

// On CPU 0: makes the second console of a new VM. False: there is no memory.
MUST_CHECK bool vm_hvc_create(struct vm *vm);
// On the home CPU: connects it, if there is one, to the board, which is new.
void vm_hvc_attach(struct vm *vm);
