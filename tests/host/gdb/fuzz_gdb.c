// SPDX-License-Identifier: MIT
// Fuzzes the server of GDB's protocol. The input is a list of packets with newlines between them,
// which get their frames here; a line that begins with '~' goes onto the line as it is. VMs change
// their states by the input too.
#include <stdlib.h>
#include <string.h>

#include "tests/host/gdb/fake_target.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/util/string.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void live(uint8_t byte)
{
    unsigned vm = byte % FAKE_TARGET_VMS;
    fake_target.states[vm] = (enum gdb_vm_state)(byte / 4 % (GDB_VM_ENDED + 1));
    fake_target.stuck = byte & BIT(6);
    fake_target.step = (enum gdb_step)(byte / 32 % 3);
}

static void check(void)
{
    const struct gdb_server *server = &fake_target.server;
    uint64_t known = BIT(FAKE_TARGET_VMS) - 1;
    if ((server->attached & ~known) || (server->gone & ~known) ||
        server->rsp.frame_sent > server->rsp.frame_length || server->thread.vm >= FAKE_TARGET_VMS) {
        abort();
    }
}

static void say_packet(const char *line, size_t length)
{
    static char framed[RSP_FRAME_BYTES];
    static const char digits[] = "0123456789abcdef";
    uint8_t sum = bytes_sum(line, length);
    framed[0] = '$';
    memcpy(framed + 1, line, length);
    framed[length + 1] = '#';
    framed[length + 2] = digits[sum >> 4];
    framed[length + 3] = digits[sum & 0xf];
    framed[length + 4] = '+';
    (void)fake_target_say(framed, length + 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *end = at + size;
    fake_target_init();
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        if (length > 0 && at[0] == '~') {
            (void)fake_target_say(at + 1, length - 1);
        } else if (length == 2 && at[0] == '%') {
            live((uint8_t)at[1]);
        } else if (length <= RSP_PACKET_BYTES) {
            say_packet(at, length);
        }
        check();
        at += length + (newline ? 1 : 0);
    }
    return 0;
}
