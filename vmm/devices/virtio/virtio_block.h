// SPDX-License-Identifier: MIT
// The model of a virtio block device (virtio 1.2, 5.2): a disk.
#pragma once

#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/types.h"

struct block_backend;
struct virtio_memory;

#define VIRTIO_BLOCK_QUEUES_MAX 8

// struct virtio_blk_config (5.2.4), as far as there are features for it.
struct virtio_block_config {
    uint64_t capacity; // in sectors
    uint32_t size_max;
    uint32_t seg_max;
    uint32_t geometry;
    uint32_t blk_size;
    uint8_t physical_block_exp;
    uint8_t alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback;
    uint8_t unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
};

// A request that was begun. What it does was checked when it began. Where its bytes lie in the VM's
// memory is read anew in each exit.
struct virtio_block_request {
    bool begun;
    bool unmap;
    uint16_t head;
    uint32_t type;
    uint64_t at;   // the next byte on the disk
    uint64_t left; // bytes of the disk that remain, or of the present range
    uint64_t done; // bytes of the request's data that are handled
    uint64_t data; // all bytes of its data
};

struct virtio_block {
    struct virtio_device device;
    struct block_backend *backend;
    struct virtio_block_config config;
    struct virtio_block_request requests[VIRTIO_BLOCK_QUEUES_MAX]; // one for each queue
    struct virtio_chain chain;                                     // of the request at work
};

// `queues` from 1 to VIRTIO_BLOCK_QUEUES_MAX. What the backend can do must not change.
void virtio_block_init(struct virtio_block *block, struct virtio_memory *memory,
                       struct block_backend *backend, unsigned queues);
