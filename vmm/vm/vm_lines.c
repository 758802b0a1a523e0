// SPDX-License-Identifier: MIT
// What a VM prints, on its serial line and on its second console, on the way to its terminals.
#include "vmm/vm/vm_lines.h"

#include "vmm/board/pc_virtio.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"

struct terminal *vm_line_terminal(struct vm *vm, enum vm_line line)
{
    if (line == VM_LINE_UART) {
        return &vm->terminal;
    }
    return vm->hvc ? &vm->hvc->terminal : NULL;
}

// Tells CPU 0 that the VM has output. Only the first byte since CPU 0 looked wakes it, and not
// twice within TERMINAL_WAKE_INTERVAL_NS. Otherwise a guest that sends byte after byte would keep
// the guests of CPU 0 from running. In between, CPU 0 looks by itself (monitor_output_deadline).
// The fence: CPU 0 clears the bit before it empties the ring, so it finds the byte, or this CPU
// finds the bit clear.
static void tell_console(struct vm *vm)
{
    const struct host *host = vm->vmm->host;
    uint64_t *woke_ns = &vm->terminal.woke_ns;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&vm->vmm->talking, __ATOMIC_RELAXED) & BIT(vm->index)) {
        return;
    }
    uint64_t host_ns = host->now_ns();
    __atomic_fetch_or(&vm->vmm->talking, BIT(vm->index), __ATOMIC_SEQ_CST);
    if (host_ns - *woke_ns >= TERMINAL_WAKE_INTERVAL_NS) {
        *woke_ns = host_ns;
        host->kick(0);
    }
}

unsigned vm_line_put(struct vm *vm, struct terminal *terminal, const uint8_t *bytes, unsigned count)
{
    unsigned done = 0;
    while (done < count && terminal_put(terminal, bytes[done])) {
        done++;
    }
    if (done > 0) {
        tell_console(vm);
    }
    return done;
}

static unsigned put(struct console_line *line, const uint8_t *bytes, unsigned count)
{
    struct vm_hvc *hvc = container_of(line, struct vm_hvc, line);
    return vm_line_put(hvc->vm, &hvc->terminal, bytes, count);
}

static unsigned take(struct console_line *line, uint8_t *bytes, unsigned count)
{
    struct terminal *terminal = &container_of(line, struct vm_hvc, line)->terminal;
    unsigned done = 0;
    for (int byte; done < count && (byte = terminal_get(terminal)) >= 0; done++) {
        bytes[done] = (uint8_t)byte;
    }
    return done;
}

bool vm_hvc_create(struct vm *vm)
{
    struct vm_hvc *hvc = vm->vmm->host->allocate(sizeof(*hvc));
    vm->hvc = hvc;
    if (!hvc) {
        return false;
    }
    hvc->vm = vm;
    hvc->line = (struct console_line){put, take};
    terminal_init(&hvc->terminal);
    return true;
}

void vm_hvc_attach(struct vm *vm)
{
    if (vm->hvc) {
        (void)!pc_console_attach(vm->pc, &vm->hvc->device, &vm->hvc->line);
    }
}
