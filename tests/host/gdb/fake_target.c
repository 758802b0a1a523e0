// SPDX-License-Identifier: MIT
// The fake target of GDB's server.
#include "tests/host/gdb/fake_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"

#define POLLS_MAX 100000

struct fake_target fake_target;

static unsigned vm_count(struct gdb_target *target)
{
    (void)target;
    return FAKE_TARGET_VMS;
}

static void look(struct gdb_target *target, unsigned vm, struct gdb_vm *is)
{
    static const char *const names[] = {"web", "db", "spare"};
    (void)target;
    *is = (struct gdb_vm){.name = names[vm],
                          .state = fake_target.states[vm],
                          .vcpus = FAKE_TARGET_VCPUS,
                          .failed = fake_target.failed[vm],
                          .status = 42};
}

static bool change(unsigned vm, enum gdb_vm_state from, enum gdb_vm_state to)
{
    fake_target.changes++;
    if (fake_target.stuck || fake_target.states[vm] != from) {
        return false;
    }
    fake_target.states[vm] = to;
    return true;
}

static bool stop(struct gdb_target *target, unsigned vm)
{
    (void)target;
    return change(vm, GDB_VM_RUNS, GDB_VM_STANDS);
}

static bool resume(struct gdb_target *target, unsigned vm)
{
    (void)target;
    return change(vm, GDB_VM_STANDS, GDB_VM_RUNS);
}

static bool kill(struct gdb_target *target, unsigned vm)
{
    (void)target;
    return change(vm, fake_target.states[vm], GDB_VM_OFF);
}

static void set_caught(struct gdb_target *target, unsigned vm, bool caught)
{
    (void)target;
    fake_target.caught[vm] = caught;
}

static bool get_registers(struct gdb_target *target, struct gdb_thread thread,
                          struct gdb_registers *registers)
{
    (void)target;
    *registers = fake_target.registers[thread.vm][thread.vcpu];
    return fake_target.states[thread.vm] != GDB_VM_OFF;
}

static bool set_registers(struct gdb_target *target, struct gdb_thread thread,
                          const struct gdb_registers *registers)
{
    (void)target;
    if (fake_target.read_only) {
        return false;
    }
    fake_target.registers[thread.vm][thread.vcpu] = *registers;
    return true;
}

static size_t fits(struct gdb_place *place, size_t length)
{
    place->address -= place->physical ? FAKE_TARGET_PHYSICAL : 0;
    return place->address < FAKE_TARGET_MEMORY
               ? MIN(length, FAKE_TARGET_MEMORY - (size_t)place->address)
               : 0;
}

static size_t read(struct gdb_target *target, struct gdb_place place, void *bytes, size_t length)
{
    (void)target;
    length = fits(&place, length);
    if (length > 0) {
        memcpy(bytes, fake_target.memory + place.address, length);
    }
    return length;
}

static size_t write(struct gdb_target *target, struct gdb_place place, const void *bytes,
                    size_t length)
{
    (void)target;
    length = fits(&place, length);
    if (length > 0) {
        memcpy(fake_target.memory + place.address, bytes, length);
    }
    return length;
}

// An instruction of one byte.
static enum gdb_step step(struct gdb_target *target, struct gdb_thread thread)
{
    (void)target;
    if (thread.vm >= FAKE_TARGET_VMS || thread.vcpu >= FAKE_TARGET_VCPUS) {
        abort(); // the server has checked it
    }
    if (fake_target.states[thread.vm] != GDB_VM_STANDS) {
        return GDB_STEP_IMPOSSIBLE;
    }
    if (fake_target.step == GDB_STEP_DONE && fake_target.waits > 0) {
        fake_target.waits--;
        return GDB_STEP_WAITS;
    }
    if (fake_target.step == GDB_STEP_DONE) {
        fake_target.registers[thread.vm][thread.vcpu].general[GDB_RIP]++;
    }
    return fake_target.step;
}

static void command(struct gdb_target *target, const char *line, struct gdb_writer *answer)
{
    (void)target;
    text_copy(fake_target.commands, sizeof(fake_target.commands), line);
    if (strcmp(line, "much") == 0) {
        for (unsigned i = 0; i < GDB_ANSWER_BYTES; i++) {
            gdb_write_text(answer, "lines\n");
        }
    } else if (line[0] != '\0') {
        gdb_write_format(answer, "did %.20s\n", line);
    }
}

static int line_read(struct gdb_line *line)
{
    (void)line;
    if (fake_target.input_left == 0) {
        return -1;
    }
    fake_target.input_left--;
    return (uint8_t)*fake_target.input++;
}

static size_t line_write(struct gdb_line *line, const char *bytes, size_t length)
{
    size_t taken = MIN(length, fake_target.room);
    (void)line;
    if (fake_target.output_length + taken >= sizeof(fake_target.output)) {
        fake_target.output_length = 0;
    }
    memcpy(fake_target.output + fake_target.output_length, bytes, taken);
    fake_target.output_length += taken;
    return taken;
}

void fake_target_init(void)
{
    memset(&fake_target, 0, sizeof(fake_target));
    fake_target.target = (struct gdb_target){.vm_count = vm_count,
                                             .look = look,
                                             .stop = stop,
                                             .resume = resume,
                                             .kill = kill,
                                             .set_caught = set_caught,
                                             .get_registers = get_registers,
                                             .set_registers = set_registers,
                                             .read = read,
                                             .write = write,
                                             .step = step,
                                             .command = command};
    fake_target.line = (struct gdb_line){.read = line_read, .write = line_write};
    fake_target.states[0] = GDB_VM_RUNS;
    fake_target.states[1] = GDB_VM_RUNS;
    fake_target.room = SIZE_MAX;
    gdb_server_init(&fake_target.server, &fake_target.target, &fake_target.line);
}

const char *fake_target_say(const char *bytes, size_t length)
{
    fake_target.input = bytes;
    fake_target.input_left = length;
    fake_target.output_length = 0;
    for (unsigned i = 0; i < POLLS_MAX; i++) {
        if (gdb_server_poll(&fake_target.server) == NEVER_NS && fake_target.input_left == 0) {
            break;
        }
    }
    fake_target.output[fake_target.output_length] = '\0';
    return fake_target.output;
}

const char *fake_target_ask(const char *packet)
{
    static char framed[RSP_FRAME_BYTES];
    static char contents[sizeof(fake_target.output)];
    size_t length = 0;
    fake_target.server.rsp.no_acks = true;
    int bytes =
        snprintf(framed, sizeof(framed), "$%s#%02x", packet, bytes_sum(packet, strlen(packet)));
    const char *at = fake_target_say(framed, (size_t)bytes);
    while ((at = strchr(at, '$'))) {
        for (at++; *at != '#'; at++) {
            if (*at == '*') {
                for (int count = *++at - 29; count > 0; count--, length++) {
                    contents[length] = contents[length - 1];
                }
            } else {
                contents[length++] = *at == '}' ? (char)(*++at ^ 0x20) : *at;
            }
        }
        contents[length++] = '\n';
    }
    contents[length] = '\0';
    return contents;
}
