// SPDX-License-Identifier: MIT
// Fuzzes the monitor: what is typed and what guests send, in any order. Each byte of the input is
// typed, except those from 0xf0 on, which do something else with the byte after them.
#include <stdlib.h>
#include <string.h>

#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/console/console.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/vm/vm_life.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What the prompt's screen may get: text, and the few sequences of the line editor.
static void check_harmless(const char *text, size_t length)
{
    static const char *const sequences[] = {"\x1b[K", "\x1b[H", "\x1b[2J"};
    for (size_t i = 0; i < length; i++) {
        bool known = (text[i] >= ' ' && text[i] <= '~') || strchr("\r\n\b\t\a", text[i]);
        for (unsigned j = 0; text[i] == '\x1b' && j < ARRAY_SIZE(sequences); j++) {
            known = known || strncmp(text + i, sequences[j], strlen(sequences[j])) == 0;
        }
        if (!known || text[i] == '\0') {
            abort();
        }
    }
}

// What happens to a VM while the user looks on.
static void live(struct vm *vm, uint8_t value)
{
    struct reason why;
    bool runs = vm->state == VM_RUNNING;
    switch (value % 5) {
    case 0:
        fake_machine_finish(vm);
        break;
    case 1:
        (void)fake_machine_step(vm_home_cpu(vm), NULL);
        break;
    case 2:
        (void)!(runs ? vm_pause(vm, &why) : vm_resume(vm, &why));
        break;
    case 3:
        if (runs) {
            fixture_fail(vm, "triple fault");
        }
        break;
    default:
        if (runs) {
            fixture_end(vm, "done");
        }
        break;
    }
}

static void act(uint8_t what, uint8_t value)
{
    struct vm *vm = fake_machine.vmm.vms[what % 2];
    switch (what & 0x0e) {
    case 0:
    case 2:
        (void)!vm->pc_output.put_byte(&vm->pc_output, value);
        break;
    case 4:
        live(vm, value);
        break;
    case 6:
        fake_host.now_ns += (uint64_t)value * 10000000;
        break;
    case 8:
        fixture.serial.room = 1 + value;
        break;
    case 10:
        (void)terminal_get(&vm->terminal);
        break;
    default:
        for (unsigned i = 0; i < TERMINAL_INPUT_BYTES; i++) {
            (void)!terminal_type(&vm->terminal, value);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fixture_init();
    for (size_t i = 0; i < size; i++) {
        const struct vm *attached = fixture.monitor.attached;
        if (data[i] >= 0xf0 && i + 1 < size) {
            act(data[i], data[i + 1]);
            i++;
        } else {
            char typed[] = {(char)data[i], '\0'};
            fixture_type(typed);
        }
        monitor_poll(&fixture.monitor);
        console_flush(&fixture.console); // a slow output would show a part of a sequence
        if (!attached && !fixture.monitor.attached) {
            check_harmless(fixture.serial.text, fixture.serial.length);
        }
        fake_output_clear(&fixture.serial);
    }
    monitor_flush(&fixture.monitor);
    fixture_free();
    return 0;
}
