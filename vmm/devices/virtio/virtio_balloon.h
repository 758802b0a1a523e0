// SPDX-License-Identifier: MIT
// The model of a virtio memory balloon (virtio 1.2, 5.5): the guest gives pages of its RAM away, as
// many as its owner asks for, and tells how much of its RAM it could do without.
#pragma once

#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/types.h"

struct virtio_memory;

#define VIRTIO_BALLOON_PAGE_BYTES 4096

enum {
    VIRTIO_BALLOON_INFLATE,
    VIRTIO_BALLOON_DEFLATE,
    VIRTIO_BALLOON_STATISTICS,
    VIRTIO_BALLOON_QUEUES
};

// Tags of what the driver tells (5.5.6.3).
enum { BALLOON_STATISTIC_FREE = 4, BALLOON_STATISTIC_AVAILABLE = 6, BALLOON_STATISTICS = 10 };

// Who gets the pages. Page N begins at gpa N * VIRTIO_BALLOON_PAGE_BYTES; it may be no RAM, or come
// twice. The owner embeds this and finds itself with container_of.
struct balloon_owner {
    // The guest gives the page away, or wants it back. False: it is not there yet, and the owner
    // calls virtio_balloon_look later.
    bool (*move)(struct balloon_owner *owner, uint32_t page, bool away);
    // The driver forgets what it gave away.
    void (*reset)(struct balloon_owner *owner);
};

// struct virtio_balloon_config (5.5.4)
struct virtio_balloon_config {
    uint32_t wanted; // num_pages
    uint32_t actual; // as the device counts it: what the driver writes here does not matter
};

// A buffer with numbers of pages, some of which are done.
struct virtio_balloon_request {
    bool begun;
    uint16_t head;
    uint64_t done; // bytes
};

struct virtio_balloon {
    struct virtio_device device;
    struct balloon_owner *owner;
    struct virtio_balloon_config config;
    struct virtio_chain chain; // of the buffer at work
    struct virtio_balloon_request requests[VIRTIO_BALLOON_STATISTICS];

    // The driver's buffer for statistics is held until somebody wants new ones.
    bool holds;
    bool asked;
    uint16_t head;
    uint64_t statistics[BALLOON_STATISTICS]; // by tag; 0: not told
};

void virtio_balloon_init(struct virtio_balloon *balloon, struct virtio_memory *memory,
                         struct balloon_owner *owner);

// How many pages the guest is to give away altogether.
void virtio_balloon_set(struct virtio_balloon *balloon, uint32_t pages);
// Pages that the owner did not have are there now.
void virtio_balloon_look(struct virtio_balloon *balloon);
// Asks the driver for new statistics, which come later, if at all.
void virtio_balloon_ask(struct virtio_balloon *balloon);
