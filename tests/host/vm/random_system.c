// SPDX-License-Identifier: MIT
// An orderly system in the random guest: its start, and its driver of the serial line.
#include "tests/host/vm/random_system.h"

#include "tests/host/fake_backend.h"
#include "tests/host/vm/random_apic.h"
#include "tests/host/vm/random_guest.h"

#define COM1 0x3f8
#define LSR_ROOM 0x20

// Ports, or registers of the I/O APIC.
static const struct {
    uint32_t where;
    uint32_t value;
} set_up[] = {
    {0x20, 0x11},
    {0x21, 0x20},
    {0x21, 4},
    {0x21, 1},
    {0xa0, 0x11},
    {0xa1, 0x28},
    {0xa1, 2},
    {0xa1, 1},
    {0x21, 0xe8},
    {0xa1, 0xfe},
    {0x43, 0x34},
    {0x40, 0x00},
    {0x40, 0x20},
    {0x70, 0x0b},
    {0x71, 0x42},
    {0x64, 0x60},
    {0x60, 0x03},
    {0xfec00000, 0x14},
    {0xfec00010, 0x31},
    {0xfec00000, 0x18},
    {0xfec00010, 0x34},
    {0xfec00000, 0x12},
    {0xfec00010, 0x8033},
    {0xfec00000, 0x13},
    {0xfec00010, 1U << 24},
    {0xfee000f0, 0x1ff},
    {0xfee00300, 0xc4500},
    {0xfee00300, 0xc4610},
    {0xfee000f0, 0x1ff},
    {0xfee00300, 0xc4051},
    {0xfee00320, 0x20040},
    {0xfee003e0, 3},
    {0xfee00380, 1U << 20},
};

void random_system_set_up(struct vcpu_core *core, struct random_guest *guest)
{
    unsigned at = guest->set_up++ % ARRAY_SIZE(set_up);
    struct exit_io io = {.port = (uint16_t)set_up[at].where, .width = 1};
    struct vm_exit exit = {.kind = EXIT_IO, .io = io};
    core->registers.gpr[GPR_RAX] = set_up[at].value;
    if (set_up[at].where > UINT16_MAX) {
        exit = random_guest_store(core, set_up[at].where, set_up[at].value);
    }
    fake_backend_exit(core, exit);
}

bool random_system_say(struct vcpu_core *core, struct random_guest *guest, uint8_t *byte)
{
    uint64_t *rax = &core->registers.gpr[GPR_RAX];
    struct exit_io io = {.port = COM1 + 5, .width = 1, .in = true};
    if (!guest->may_say) {
        fake_backend_exit(core, (struct vm_exit){.kind = EXIT_IO, .io = io});
        guest->may_say = *rax & LSR_ROOM;
        return false;
    }
    io = (struct exit_io){.port = COM1, .width = 1};
    guest->may_say = false;
    *byte = guest->next_said++;
    *rax = *byte;
    fake_backend_exit(core, (struct vm_exit){.kind = EXIT_IO, .io = io});
    return true;
}
