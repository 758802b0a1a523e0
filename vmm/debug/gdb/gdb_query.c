// SPDX-License-Identifier: MIT
// Answers what GDB asks.
#include "vmm/debug/gdb/gdb_query.h"

#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/gdb/gdb_threads.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define COMMAND_BYTES 256
#define ANSWER_PIECE 512
#define THREAD_TEXT_BYTES 12 // "p40.40" and a comma at most

// ---- How to talk ----

void gdb_packet_supported(struct gdb_server *server, struct gdb_reader *packet)
{
    packet->at = packet->end;
    gdb_write_format(&server->reply,
                     "PacketSize=%x;QStartNoAckMode+;multiprocess+;qXfer:features:read+;"
                     "qXfer:osdata:read+;vContSupported+",
                     RSP_PACKET_BYTES);
}

void gdb_packet_extended(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    server->extended = true;
    gdb_reply_ok(server);
}

void gdb_packet_no_acks(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    server->rsp.no_acks = true;
    gdb_reply_ok(server);
}

void gdb_packet_can_continue(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    gdb_write_text(&server->reply, "vCont;c;C;s;S");
}

// ---- VMs and vCPUs ----

void gdb_packet_choose(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_thread thread;
    if (!gdb_read_thread(packet, server, &thread)) {
        gdb_reply_error(server);
        return;
    }
    if (thread.vm == GDB_ANY) {
        thread = server->thread;
    } else if (thread.vcpu == GDB_ANY) {
        thread.vcpu = 0;
    }
    if (thread.vm >= server->target->vm_count(server->target) ||
        (server->attached != 0 && !gdb_thread_exists(server, thread))) {
        gdb_reply_error(server);
        return;
    }
    server->thread = thread;
    gdb_reply_ok(server);
}

// vCont names the threads itself.
void gdb_packet_any_choice(struct gdb_server *server, struct gdb_reader *packet)
{
    packet->at = packet->end;
    gdb_reply_ok(server);
}

void gdb_packet_is_alive(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_thread thread;
    if (gdb_read_thread(packet, server, &thread) && gdb_thread_exists(server, thread)) {
        gdb_reply_ok(server);
    } else {
        gdb_reply_error(server);
    }
}

void gdb_packet_current(struct gdb_server *server, struct gdb_reader *packet)
{
    if (gdb_left(packet) == 0 && gdb_thread_exists(server, server->thread)) {
        gdb_write_text(&server->reply, "QC");
        gdb_write_thread(server, server->thread);
    }
}

void gdb_packet_is_attached(struct gdb_server *server, struct gdb_reader *packet)
{
    packet->at = packet->end;
    gdb_write_text(&server->reply, "1"); // so it goes on when GDB goes
}

// Lists vCPUs from server->listed on, as many as a packet has room for.
static void list_threads(struct gdb_server *server)
{
    struct gdb_thread *next = &server->listed;
    char before = 'm';
    for (; next->vm < GDB_VMS_MAX; next->vm++, next->vcpu = 0) {
        for (; gdb_thread_exists(server, *next); next->vcpu++) {
            if (sizeof(server->reply_text) - server->reply.length < THREAD_TEXT_BYTES) {
                return;
            }
            gdb_write(&server->reply, &before, 1);
            gdb_write_thread(server, *next);
            before = ',';
        }
    }
    if (before == 'm') {
        gdb_write_text(&server->reply, "l");
    }
}

void gdb_packet_first_threads(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    server->listed = (struct gdb_thread){0};
    list_threads(server);
}

void gdb_packet_next_threads(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    list_threads(server);
}

void gdb_packet_thread_name(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_thread thread;
    char text[48];
    struct gdb_writer writer;
    if (!gdb_read_thread(packet, server, &thread) || !gdb_thread_exists(server, thread)) {
        gdb_reply_error(server);
        return;
    }
    gdb_writer_init(&writer, text, sizeof(text), 0);
    gdb_write_format(&writer, "%s vCPU %u", gdb_vm(server, thread.vm).name, thread.vcpu);
    gdb_write_hex(&server->reply, text, writer.length);
}

// ---- Documents ----

// Answers with a window of a document: "OFFSET,LENGTH".
static void send_window(struct gdb_server *server, struct gdb_reader *packet,
                        void (*describe)(struct gdb_server *server, struct gdb_writer *writer))
{
    struct gdb_writer window;
    uint64_t offset;
    uint64_t length;
    if (!gdb_read_number(packet, &offset) || !gdb_read_text(packet, ",") ||
        !gdb_read_number(packet, &length) || gdb_left(packet) > 0) {
        gdb_reply_error(server);
        return;
    }
    gdb_writer_init(&window, server->reply_text + 1, MIN(length, sizeof(server->reply_text) - 1),
                    offset);
    describe(server, &window);
    server->reply_text[0] = window.full ? 'm' : 'l';
    server->reply.length = 1 + window.length;
}

static void describe_registers(struct gdb_server *server, struct gdb_writer *writer)
{
    (void)server;
    gdb_registers_describe(writer);
}

void gdb_packet_features(struct gdb_server *server, struct gdb_reader *packet)
{
    send_window(server, packet, describe_registers);
}

static const char *state_name(const struct gdb_vm *vm)
{
    static const char *const names[] = {
        [GDB_VM_OFF] = "off",       [GDB_VM_BEGINS] = "starting",    [GDB_VM_RUNS] = "running",
        [GDB_VM_STANDS] = "paused", [GDB_VM_RESETS] = "to be reset", [GDB_VM_ENDED] = "ended"};
    return names[vm->state];
}

// GDB manual, appendix E, "Process list".
static void describe_vms(struct gdb_server *server, struct gdb_writer *writer)
{
    gdb_write_text(writer, "<?xml version=\"1.0\"?><!DOCTYPE osdata SYSTEM \"osdata.dtd\">"
                           "<osdata type=\"processes\">");
    for (unsigned i = 0; i < server->target->vm_count(server->target); i++) {
        struct gdb_vm vm = gdb_vm(server, i);
        gdb_write_format(writer, "<item><column name=\"pid\">%u</column>", i + 1);
        gdb_write_format(writer, "<column name=\"VM\">%s</column>", vm.name);
        gdb_write_format(writer, "<column name=\"state\">%s</column>", state_name(&vm));
        gdb_write_format(writer, "<column name=\"vCPUs\">%u</column></item>", vm.vcpus);
    }
    gdb_write_text(writer, "</osdata>");
}

void gdb_packet_processes(struct gdb_server *server, struct gdb_reader *packet)
{
    if (gdb_read_text(packet, "processes:")) {
        send_window(server, packet, describe_vms);
    } else {
        gdb_reply_error(server);
    }
}

// ---- Commands ----

static void set_physical(struct gdb_server *server, bool physical, struct gdb_writer *answer)
{
    server->physical = physical;
    gdb_write_format(answer, "addresses are %s\n", physical ? "guest-physical" : "linear");
}

void gdb_packet_command(struct gdb_server *server, struct gdb_reader *packet)
{
    char command[COMMAND_BYTES] = "";
    struct gdb_writer answer;
    size_t length = gdb_left(packet) / 2;
    if (length >= sizeof(command) || !gdb_read_hex(packet, command, length) ||
        gdb_left(packet) > 0) {
        gdb_reply_error(server);
        return;
    }
    gdb_writer_init(&answer, server->answer, sizeof(server->answer), 0);
    if (text_equal(command, "physical") || text_equal(command, "linear")) {
        set_physical(server, text_equal(command, "physical"), &answer);
    } else {
        server->target->command(server->target, command, &answer);
    }
    server->answering = true;
    server->silent = true;
    server->answer_length = answer.length;
    server->answer_sent = 0;
}

void gdb_query_answer(struct gdb_server *server)
{
    size_t length = MIN(server->answer_length - server->answer_sent, ANSWER_PIECE);
    if (!server->answering || !rsp_is_idle(&server->rsp)) {
        return;
    }
    gdb_writer_init(&server->reply, server->reply_text, sizeof(server->reply_text), 0);
    gdb_write_text(&server->reply, length > 0 ? "O" : "OK");
    gdb_write_hex(&server->reply, server->answer + server->answer_sent, length);
    rsp_send(&server->rsp, server->reply.text, server->reply.length);
    server->answer_sent += length;
    server->answering = length > 0;
}
