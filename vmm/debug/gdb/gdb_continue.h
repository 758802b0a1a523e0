// SPDX-License-Identifier: MIT
// The packet vCont.
#pragma once

struct gdb_reader;
struct gdb_server;

void gdb_packet_continue(struct gdb_server *server, struct gdb_reader *packet);
// Goes on with a step.
void gdb_step_poll(struct gdb_server *server);
