// SPDX-License-Identifier: MIT
// Packets that read and write registers and memory.
#pragma once

struct gdb_reader;
struct gdb_server;

void gdb_packet_read_registers(struct gdb_server *server, struct gdb_reader *packet);  // g
void gdb_packet_write_registers(struct gdb_server *server, struct gdb_reader *packet); // G
void gdb_packet_read_register(struct gdb_server *server, struct gdb_reader *packet);   // p
void gdb_packet_write_register(struct gdb_server *server, struct gdb_reader *packet);  // P
void gdb_packet_read_memory(struct gdb_server *server, struct gdb_reader *packet);     // m
void gdb_packet_write_memory(struct gdb_server *server, struct gdb_reader *packet);    // M
void gdb_packet_write_binary(struct gdb_server *server, struct gdb_reader *packet);    // X
