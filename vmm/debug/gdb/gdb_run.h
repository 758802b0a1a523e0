// SPDX-License-Identifier: MIT
// Packets that stop VMs and let them run, and the replies that tell of a stop.
#pragma once

#include "vmm/util/types.h"

struct gdb_reader;
struct gdb_server;

// GDB's numbers of signals.
#define SIGNAL_HANG_UP 1 // the guest asks for its reset
#define SIGNAL_INTERRUPT 2
#define SIGNAL_TRAP 5
#define SIGNAL_ABORT 6 // the VM ends by an error
#define SIGNAL_KILL 9
#define SIGNAL_TERMINATE 15 // it ends by its own wish

#define FOR_EACH_VM(vm, left, set)                                                                 \
    for (uint64_t left = (set), vm = 0; left != 0 && (vm = (uint64_t)__builtin_ctzll(left), true); \
         left &= left - 1)

void gdb_packet_why(struct gdb_server *server, struct gdb_reader *packet);      // ?
void gdb_packet_attach(struct gdb_server *server, struct gdb_reader *packet);   // vAttach
void gdb_packet_detach(struct gdb_server *server, struct gdb_reader *packet);   // D
void gdb_packet_kill(struct gdb_server *server, struct gdb_reader *packet);     // vKill
void gdb_packet_kill_all(struct gdb_server *server, struct gdb_reader *packet); // k

// Stops all VMs. The reply comes when they stand (gdb_run_poll).
void gdb_stop_all(struct gdb_server *server, uint8_t signal);
// Lets a VM run for GDB. False: it stands.
bool gdb_resume(struct gdb_server *server, unsigned vm);
// Stops all VMs if one of those that run for GDB has come to its end.
void gdb_look_for_ends(struct gdb_server *server);

// Ctrl-C
void gdb_run_interrupt(struct gdb_server *server);
// Looks at the VMs that GDB lets run, goes on with stopping them, and tells when all stand.
void gdb_run_poll(struct gdb_server *server);
