// SPDX-License-Identifier: MIT
// How a guest begins and ends.
#include "guests/lib/start.h"

#include "guests/lib/cpu.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"
#include "guests/lib/traps.h"

#define END_PORT 0xf4

_Noreturn void guest_end(uint8_t status)
{
    print_flush();
    out8(END_PORT, status);
    for (;;) {
        cpu_halt();
    }
}

_Noreturn void guest_start(const char *command_line, uint64_t memory_bytes)
{
    const struct guest guest = {.command_line = command_line, .memory_bytes = memory_bytes};
    print_init();
    traps_init();
    guest_end(guest_main(&guest));
}
