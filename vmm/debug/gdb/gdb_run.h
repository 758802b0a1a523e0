// SPDX-License-Identifier: MIT
// Packets that stop VMs and let them run, and the replies that tell of a stop.
#pragma once

struct gdb_reader;
struct gdb_server;

void gdb_packet_why(struct gdb_server *server, struct gdb_reader *packet);      // ?
void gdb_packet_attach(struct gdb_server *server, struct gdb_reader *packet);   // vAttach
void gdb_packet_detach(struct gdb_server *server, struct gdb_reader *packet);   // D
void gdb_packet_kill(struct gdb_server *server, struct gdb_reader *packet);     // vKill
void gdb_packet_kill_all(struct gdb_server *server, struct gdb_reader *packet); // k
void gdb_packet_continue(struct gdb_server *server, struct gdb_reader *packet); // vCont

// Ctrl-C
void gdb_run_interrupt(struct gdb_server *server);
// Looks at the VMs that GDB lets run, goes on with stopping them, and tells when all stand.
void gdb_run_poll(struct gdb_server *server);
