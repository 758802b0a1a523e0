// SPDX-License-Identifier: MIT
// The server of GDB's remote protocol (GDB manual, appendix E). Pure: it knows a line and a target.
#pragma once

#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/util/types.h"

// A command's answer that is longer is cut.
#define GDB_ANSWER_BYTES (16 * KIB)

// The line to GDB. Neither function waits. The owner embeds it.
struct gdb_line {
    int (*read)(struct gdb_line *line); // the next byte; -1: none
    // Takes as much as it can at once, and returns how much.
    size_t (*write)(struct gdb_line *line, const char *bytes, size_t length);
};

struct gdb_server {
    struct gdb_target *target;
    struct gdb_line *line;
    struct rsp rsp;
    struct gdb_writer reply; // to the packet at hand, in reply_text
    bool silent;             // the packet at hand gets no reply now

    bool extended;            // GDB's `target extended-remote`
    bool physical;            // memory is meant by guest-physical addresses
    struct gdb_thread thread; // whose registers and memory GDB means
    struct gdb_thread step;   // `steps`: the vCPU
    struct gdb_thread listed; // qsThreadInfo goes on with this one

    // Sets of VMs:
    uint64_t attached;
    uint64_t resumed; // those that GDB lets run
    uint64_t stood;   // those that were paused when GDB came: they stay so when it goes

    uint64_t ending; // those whose end or reset GDB knows of, and which goes on when GDB says so

    bool waits;     // GDB waits for a stop reply
    bool steps;     // a vCPU makes a step, and all else stands
    bool stepped;   // the stop is the end of a step
    bool stopping;  // all VMs are being stopped for it
    uint8_t signal; // that it is to tell
    uint64_t gone;  // the set of the VM that it tells the end of; 0: none
    bool left;      // all VMs are detached, or a person at a terminal wants the line back

    bool answering; // with the text of a command
    size_t answer_length;
    size_t answer_sent;
    char answer[GDB_ANSWER_BYTES];
    char reply_text[RSP_PACKET_BYTES];
};

// `line` may be NULL: it is set later.
void gdb_server_init(struct gdb_server *server, struct gdb_target *target, struct gdb_line *line);

// One turn: takes what has come, looks at the VMs that run, sends what there is room for. Its work
// is bounded. Returns after how many ns it wants the next turn if nothing comes until then;
// NEVER_NS: it need not have one.
uint64_t gdb_server_poll(struct gdb_server *server);

// Lets all VMs go on, and forgets GDB.
void gdb_server_detach_all(struct gdb_server *server);
