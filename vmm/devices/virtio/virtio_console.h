// SPDX-License-Identifier: MIT
// The model of a virtio console with one port (virtio 1.2, 5.3): what the guest prints goes to a
// line, and what comes in on the line goes to the guest.
#pragma once

#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/types.h"

struct virtio_memory;

#define VIRTIO_CONSOLE_INPUT_BYTES 64

enum { VIRTIO_CONSOLE_RECEIVE, VIRTIO_CONSOLE_TRANSMIT, VIRTIO_CONSOLE_QUEUES };

// The other end of the line. The owner embeds this and finds itself with container_of.
struct console_line {
    // Takes the first of `count` bytes that the guest prints, and returns how many. If there is no
    // room for all, the owner calls virtio_console_look once there is.
    unsigned (*put)(struct console_line *line, const uint8_t *bytes, unsigned count);
    // Moves up to `count` bytes for the guest to `bytes`, and returns how many.
    unsigned (*take)(struct console_line *line, uint8_t *bytes, unsigned count);
};

// struct virtio_console_config (5.3.4)
struct virtio_console_config {
    uint16_t columns;
    uint16_t rows;
    uint32_t max_ports;
    uint32_t emergency_write;
};

struct virtio_console {
    struct virtio_device device;
    struct console_line *line;
    struct virtio_console_config config;
    struct virtio_chain chain; // of the buffer at work

    // The buffer that the guest prints, of which the line has not taken all bytes yet.
    bool holds;
    bool blocked; // the line has no room for more
    uint16_t head;
    uint64_t sent; // bytes of it

    // What came in and has no buffer of the guest yet: the bytes from `input_read` on.
    uint8_t input[VIRTIO_CONSOLE_INPUT_BYTES];
    unsigned input_read;
    unsigned input_count;
    bool told; // the driver was told to read the size
};

void virtio_console_init(struct virtio_console *console, struct virtio_memory *memory,
                         struct console_line *line, uint16_t columns, uint16_t rows);

// The line may have room again, or bytes for the guest. Returns whether virtio_device_work has
// something to do.
bool virtio_console_look(struct virtio_console *console);
