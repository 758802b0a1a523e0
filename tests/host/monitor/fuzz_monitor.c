// SPDX-License-Identifier: MIT
// Fuzzes the monitor: what is typed and what guests send, in any order. Each byte of the input is
// typed, except those from 0xf0 on, which do something else with the byte after them.
#include <stdlib.h>
#include <string.h>

#include "tests/host/monitor/fake_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What the prompt's screen may get: text, and the few sequences of the line editor.
static void check_harmless(const char *text, size_t length)
{
    static const char *const sequences[] = {"\x1b[K", "\x1b[H", "\x1b[2J"};

    for (size_t i = 0; i < length; i++) {
        bool known = (text[i] >= ' ' && text[i] <= '~') || strchr("\r\n\b\t\a", text[i]) != NULL;

        for (unsigned j = 0; text[i] == '\x1b' && j < ARRAY_SIZE(sequences); j++) {
            known = known || strncmp(text + i, sequences[j], strlen(sequences[j])) == 0;
        }
        if (!known || text[i] == '\0') {
            abort();
        }
    }
}

static void act(uint8_t what, uint8_t value)
{
    struct vm *vm = world.vmm.vms[what % 2];

    switch (what & 0x0e) {
    case 0:
    case 2:
        (void)!terminal_put(&vm->terminal, value);
        break;
    case 4:
        vm->state = (enum vm_state)(value % (VM_ENDED + 1));
        break;
    case 6:
        world.now_ns += (uint64_t)value * 10000000;
        break;
    case 8:
        world.serial.room = 1 + value;
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
    fake_world_init();
    for (size_t i = 0; i < size; i++) {
        const struct vm *attached = world.monitor.attached;

        if (data[i] >= 0xf0 && i + 1 < size) {
            act(data[i], data[i + 1]);
            i++;
        } else {
            char typed[] = {(char)data[i], '\0'};

            fake_world_type(typed);
        }
        monitor_poll(&world.monitor);
        if (attached == NULL && world.monitor.attached == NULL) {
            check_harmless(world.serial.text, world.serial.length);
        }
        fake_output_clear(&world.serial);
    }
    monitor_flush(&world.monitor);
    return 0;
}
