// SPDX-License-Identifier: MIT
// Reads and writes registers and memory for GDB.
#include "vmm/debug/gdb/gdb_data.h"

#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/gdb/gdb_threads.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/util/types.h"

#define DATA_BYTES (RSP_PACKET_BYTES / 2) // a byte is two digits

// ---- Registers ----

static bool get_registers(struct gdb_server *server, struct gdb_registers *registers)
{
    return gdb_thread_exists(server, server->thread) &&
           server->target->get_registers(server->target, server->thread, registers);
}

static void set_registers(struct gdb_server *server, const struct gdb_registers *registers)
{
    if (server->target->set_registers(server->target, server->thread, registers)) {
        gdb_reply_ok(server);
    } else {
        gdb_reply_error(server);
    }
}

void gdb_packet_read_registers(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_registers registers;
    unsigned bytes;
    (void)packet;
    if (!get_registers(server, &registers)) {
        gdb_reply_error(server);
        return;
    }
    const uint8_t *at;
    for (unsigned i = 0; (at = gdb_register_at(&registers, i, &bytes)); i++) {
        gdb_write_hex(&server->reply, at, bytes);
    }
}

// GDB may send fewer registers than there are.
void gdb_packet_write_registers(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_registers registers;
    unsigned bytes;
    uint8_t *at;
    if (!get_registers(server, &registers)) {
        gdb_reply_error(server);
        return;
    }
    for (unsigned i = 0; (at = gdb_register_at(&registers, i, &bytes)); i++) {
        if (!gdb_read_hex(packet, at, bytes)) {
            break;
        }
    }
    if (gdb_left(packet) > 0) {
        gdb_reply_error(server);
    } else {
        set_registers(server, &registers);
    }
}

// Reads the number of a register, and finds it.
static uint8_t *find_register(struct gdb_reader *packet, struct gdb_registers *registers,
                              unsigned *bytes)
{
    uint64_t number;
    return gdb_read_number(packet, &number)
               ? gdb_register_at(registers, (unsigned)MIN(number, UINT32_MAX), bytes)
               : NULL;
}

void gdb_packet_read_register(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_registers registers;
    unsigned bytes;
    const uint8_t *at = find_register(packet, &registers, &bytes);
    if (at && get_registers(server, &registers)) {
        gdb_write_hex(&server->reply, at, bytes);
    } else {
        gdb_reply_error(server);
    }
}

void gdb_packet_write_register(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_registers registers;
    unsigned bytes;
    uint8_t *at = find_register(packet, &registers, &bytes);
    if (at && get_registers(server, &registers) && gdb_read_text(packet, "=") &&
        gdb_read_hex(packet, at, bytes) && gdb_left(packet) == 0) {
        set_registers(server, &registers);
    } else {
        gdb_reply_error(server);
    }
}

// ---- Memory ----

// "ADDRESS,LENGTH"
static bool read_place(struct gdb_server *server, struct gdb_reader *packet,
                       struct gdb_place *place, uint64_t *length)
{
    *place = (struct gdb_place){.thread = server->thread, .physical = server->physical};
    return gdb_read_number(packet, &place->address) && gdb_read_text(packet, ",") &&
           gdb_read_number(packet, length) && gdb_thread_exists(server, server->thread);
}

void gdb_packet_read_memory(struct gdb_server *server, struct gdb_reader *packet)
{
    uint8_t bytes[DATA_BYTES];
    struct gdb_place place;
    uint64_t length;
    size_t count = 0;
    if (read_place(server, packet, &place, &length) && gdb_left(packet) == 0) {
        count = server->target->read(server->target, place, bytes, MIN(length, sizeof(bytes)));
    }
    if (count > 0) {
        gdb_write_hex(&server->reply, bytes, count);
    } else {
        gdb_reply_error(server);
    }
}

static void write_bytes(struct gdb_server *server, struct gdb_place place, const void *bytes,
                        size_t length)
{
    if (server->target->write(server->target, place, bytes, length) == length) {
        gdb_reply_ok(server);
    } else {
        gdb_reply_error(server);
    }
}

void gdb_packet_write_memory(struct gdb_server *server, struct gdb_reader *packet)
{
    uint8_t bytes[DATA_BYTES];
    struct gdb_place place;
    uint64_t length;
    if (read_place(server, packet, &place, &length) && gdb_read_text(packet, ":") &&
        length <= sizeof(bytes) && gdb_read_hex(packet, bytes, length) && gdb_left(packet) == 0) {
        write_bytes(server, place, bytes, length);
    } else {
        gdb_reply_error(server);
    }
}

// GDB tries it with no bytes to find out whether it is known.
void gdb_packet_write_binary(struct gdb_server *server, struct gdb_reader *packet)
{
    struct gdb_place place;
    uint64_t length;
    if (read_place(server, packet, &place, &length) && gdb_read_text(packet, ":") &&
        length == gdb_left(packet)) {
        write_bytes(server, place, packet->at, length);
    } else {
        gdb_reply_error(server);
    }
}
