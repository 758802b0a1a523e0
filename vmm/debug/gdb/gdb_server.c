// SPDX-License-Identifier: MIT
// From the bytes of the line to the packets' handlers, and back.
#include "vmm/debug/gdb/gdb_server.h"

#include "vmm/debug/gdb/gdb_continue.h"
#include "vmm/debug/gdb/gdb_data.h"
#include "vmm/debug/gdb/gdb_query.h"
#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_run.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"

#define TURN_BYTES 512        // that one turn takes
#define TURN_PACKETS 4        // that one turn answers
#define SEND_AGAIN_NS 1400000 // 16 bytes, which fill a UART, take so long at 115200 baud
#define GO_ON_NS NS_PER_MS

// The first name that fits counts.
static const struct {
    const char *name;
    void (*handle)(struct gdb_server *server, struct gdb_reader *packet);
} packets[] = {
    {"qSupported", gdb_packet_supported},
    {"QStartNoAckMode", gdb_packet_no_acks},
    {"!", gdb_packet_extended},
    {"?", gdb_packet_why},
    {"Hg", gdb_packet_choose},
    {"Hc", gdb_packet_any_choice},
    {"T", gdb_packet_is_alive},
    {"qC", gdb_packet_current},
    {"qAttached", gdb_packet_is_attached},
    {"qfThreadInfo", gdb_packet_first_threads},
    {"qsThreadInfo", gdb_packet_next_threads},
    {"qThreadExtraInfo,", gdb_packet_thread_name},
    {"qXfer:features:read:target.xml:", gdb_packet_features},
    {"qXfer:osdata:read:", gdb_packet_processes},
    {"qRcmd,", gdb_packet_command},
    {"g", gdb_packet_read_registers},
    {"G", gdb_packet_write_registers},
    {"p", gdb_packet_read_register},
    {"P", gdb_packet_write_register},
    {"m", gdb_packet_read_memory},
    {"M", gdb_packet_write_memory},
    {"X", gdb_packet_write_binary},
    {"vCont?", gdb_packet_can_continue},
    {"vCont", gdb_packet_continue},
    {"vAttach;", gdb_packet_attach},
    {"vKill;", gdb_packet_kill},
    {"D", gdb_packet_detach},
    {"k", gdb_packet_kill_all},
};

void gdb_server_init(struct gdb_server *server, struct gdb_target *target, struct gdb_line *line)
{
    memset(server, 0, sizeof(*server));
    server->target = target;
    server->line = line;
    rsp_init(&server->rsp);
}

// Each GDB begins with qSupported, and with acknowledgements.
static void begin_session(struct gdb_server *server)
{
    server->rsp.no_acks = false;
    server->rsp.ack = '+';
    server->extended = false;
    server->physical = false;
    server->waits = false;
    server->steps = false;
    server->stopping = false;
    server->gone = 0;
}

static void handle(struct gdb_server *server)
{
    const struct rsp *rsp = &server->rsp;
    struct gdb_reader packet = gdb_reader(rsp->packet, rsp->length);
    gdb_writer_init(&server->reply, server->reply_text, sizeof(server->reply_text), 0);
    server->silent = false;
    server->answering = false;
    if (gdb_read_text(&packet, "qSupported")) {
        begin_session(server);
    }
    packet.at = rsp->packet;
    for (unsigned i = 0; i < ARRAY_SIZE(packets); i++) {
        if (gdb_read_text(&packet, packets[i].name)) {
            packets[i].handle(server, &packet);
            break;
        }
    }
    if (!server->silent) { // an unknown packet gets an empty reply
        rsp_send(&server->rsp, server->reply.text, server->reply.length);
    }
}

static void send_pending(struct gdb_server *server)
{
    size_t length;
    const char *bytes = rsp_pending(&server->rsp, &length);
    while (length > 0) {
        size_t sent = server->line->write(server->line, bytes, length);
        if (sent == 0) {
            return;
        }
        rsp_sent(&server->rsp, sent);
        bytes = rsp_pending(&server->rsp, &length);
    }
}

// Takes what has come. A packet waits until the reply before it is out. Returns whether there may
// be more.
static bool take_input(struct gdb_server *server)
{
    unsigned handled = 0;
    for (unsigned i = 0; i < TURN_BYTES && handled < TURN_PACKETS; i++) {
        if (!rsp_is_sent(&server->rsp)) {
            return false;
        }
        int byte = server->line->read(server->line);
        if (byte < 0) {
            return false;
        }
        switch (rsp_byte(&server->rsp, (uint8_t)byte)) {
        case RSP_PACKET:
            handle(server);
            handled++;
            break;
        case RSP_INTERRUPT:
            gdb_run_interrupt(server);
            break;
        case RSP_LEAVE: // a person acknowledges nothing
            server->left = true;
            server->rsp.unanswered = false;
            break;
        case RSP_NOTHING:
            break;
        }
        send_pending(server);
    }
    return true;
}

uint64_t gdb_server_poll(struct gdb_server *server)
{
    send_pending(server);
    bool more = take_input(server);
    gdb_run_poll(server);
    gdb_query_answer(server);
    send_pending(server);
    if (more) {
        return 0;
    }
    if (!rsp_is_sent(&server->rsp)) {
        return SEND_AGAIN_NS;
    }
    // What waits for an acknowledgement is woken by it.
    bool goes_on =
        (server->answering || server->stopping || server->steps) && rsp_is_idle(&server->rsp);
    return goes_on ? GO_ON_NS : NEVER_NS;
}
