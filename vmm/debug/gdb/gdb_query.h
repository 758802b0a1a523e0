// SPDX-License-Identifier: MIT
// Packets that ask what there is, and that agree on how to talk.
#pragma once

struct gdb_reader;
struct gdb_server;

void gdb_packet_supported(struct gdb_server *server, struct gdb_reader *packet);     // qSupported
void gdb_packet_extended(struct gdb_server *server, struct gdb_reader *packet);      // !
void gdb_packet_no_acks(struct gdb_server *server, struct gdb_reader *packet);       // QStartNo...
void gdb_packet_choose(struct gdb_server *server, struct gdb_reader *packet);        // Hg
void gdb_packet_any_choice(struct gdb_server *server, struct gdb_reader *packet);    // Hc
void gdb_packet_is_alive(struct gdb_server *server, struct gdb_reader *packet);      // T
void gdb_packet_current(struct gdb_server *server, struct gdb_reader *packet);       // qC
void gdb_packet_is_attached(struct gdb_server *server, struct gdb_reader *packet);   // qAttached
void gdb_packet_first_threads(struct gdb_server *server, struct gdb_reader *packet); // qfThreadInfo
void gdb_packet_next_threads(struct gdb_server *server, struct gdb_reader *packet);  // qsThreadInfo
void gdb_packet_thread_name(struct gdb_server *server,
                            struct gdb_reader *packet);                          // qThreadExtra...
void gdb_packet_features(struct gdb_server *server, struct gdb_reader *packet);  // qXfer:features
void gdb_packet_processes(struct gdb_server *server, struct gdb_reader *packet); // qXfer:osdata
void gdb_packet_command(struct gdb_server *server, struct gdb_reader *packet);   // qRcmd
void gdb_packet_can_continue(struct gdb_server *server, struct gdb_reader *packet); // vCont?

// Sends the next piece of a command's answer, and "OK" behind the last.
void gdb_query_answer(struct gdb_server *server);
