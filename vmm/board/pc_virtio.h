// SPDX-License-Identifier: MIT
// The virtio devices of a VM's PC: their slots, and their turns to work.
#pragma once

#include "vmm/board/pci_bus.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_balloon.h"
#include "vmm/devices/virtio/virtio_block.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/devices/virtio/virtio_entropy.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/devices/virtio/virtio_pci.h"
#include "vmm/util/types.h"

struct block_backend;
struct pc;
struct virtio_device;

// The board's side of a virtio device. Embed it beside the device.
struct pc_virtio {
    struct pc *pc;
    struct pci_slot slot;
    struct virtio_pci pci;
    struct virtio_pci_output output;
};

// Puts a device that its kind has initialised, with &pc->virtio_memory, into the next free slot.
// Before the guest runs. False: there is no slot.
MUST_CHECK bool pc_virtio_attach(struct pc *pc, struct pc_virtio *part,
                                 struct virtio_device *device);

struct pc_entropy {
    struct pc_virtio part;
    struct entropy_source source;
    struct virtio_entropy entropy;
};

// The same for a device with random bytes from the board's output.
MUST_CHECK bool pc_entropy_attach(struct pc *pc, struct pc_entropy *part);

struct pc_block {
    struct pc_virtio part;
    struct virtio_block block;
};

// The same for a block device. The backend is called with the board's lock held.
MUST_CHECK bool pc_block_attach(struct pc *pc, struct pc_block *part, struct block_backend *backend,
                                unsigned queues);

struct pc_console {
    struct pc_virtio part;
    struct virtio_console console;
};

// The same for a console, at most one. The line is called with the board's lock held. Its other end
// calls for pc_advance once it has bytes for the guest, or room again.
MUST_CHECK bool pc_console_attach(struct pc *pc, struct pc_console *part,
                                  struct console_line *line);

struct pc_balloon {
    struct pc_virtio part;
    struct virtio_balloon balloon;
    // Whether the guest has not given any of those bytes away, of which all are RAM.
    bool (*has)(struct pc_balloon *part, uint64_t gpa, uint64_t bytes);
};

// The same for a balloon, at most one. Its owner is called with the board's lock held. The caller
// has set `has`: no device reaches memory that is not there.
MUST_CHECK bool pc_balloon_attach(struct pc *pc, struct pc_balloon *part,
                                  struct balloon_owner *owner);

struct pc_network {
    struct pc_virtio part;
    struct virtio_network network;
};

// The same for a network device with so many pairs of queues. The port is called with the board's
// lock held.
MUST_CHECK bool pc_network_attach(struct pc *pc, struct pc_network *part, struct net_port *port,
                                  const uint8_t mac[NET_MAC_BYTES], unsigned pairs);
// Plugs the cable in, as it is at first, or pulls it out.
void pc_network_set_link(struct pc_network *part, bool up);

// The device was told something from outside: the next pc_advance gives it a turn. With the board's
// lock held.
void pc_virtio_wake(struct pc_virtio *part);

// Something from outside waits for queue 0 of the device. On any CPU, without the board's lock: the
// next pc_advance or pc_virtio_turn serves the queue.
void pc_virtio_arrived(struct pc_virtio *part);

// Gives a turn to each device that has work. What is left is for the next pc_advance.
void pc_virtio_turn(struct pc *pc);

// Whether a device waits for a turn. On any CPU, without the board's lock.
bool pc_virtio_waits(const struct pc *pc);

// The rest is for the files of the board.

// The memory that virtio devices see: the RAM of the VM.
void pc_virtio_init(struct pc *pc);
// Gives a turn to all devices that have work left, with the board's lock held.
void pc_virtio_work(struct pc *pc);
// The same only for the console, if its line has room again or bytes for the guest.
void pc_virtio_look(struct pc *pc);
