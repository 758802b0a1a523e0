// SPDX-License-Identifier: MIT
// The virtio block device that attempts aim at, and whether it still works. It has one sector at
// least that is zero.
#pragma once

#include "guests/hostile/attempt.h"
#include "guests/lib/virtio.h"
#include "vmm/util/types.h"

#define DISK_ENTRIES 128
#define DISK_HEADER_BYTES 16
#define DISK_SECTOR_BYTES 512

enum { DISK_READ = 0, DISK_WRITE = 1, DISK_GET_ID = 8 };
enum { DISK_OK = 0, DISK_ERROR = 1, DISK_UNSUPPORTED = 2, DISK_UNKNOWN = 0xff };

// What an attempt makes of a request. It is for sector 0 before, and has three descriptors: header,
// one sector of data, status.
struct disk_request {
    alignas(16) struct {
        uint32_t type;
        uint32_t reserved;
        uint64_t sector;
    } header;
    volatile uint8_t status;
};

extern struct virtio disk;
extern struct virtio_queue disk_queue;
extern struct disk_request disk_request;
extern uint8_t disk_data[DISK_SECTOR_BYTES];

// Finds the device, whatever was done to its configuration space before. False: there is none.
bool disk_find(void);

// Resets the device and tells it the size and the places of an empty queue.
void disk_prepare(void);
// Enables the queue and the device.
void disk_run(void);
// Both.
void disk_start(void);

// Fills the descriptors 0 to 2 with the request.
void disk_describe(uint32_t type);
// Makes the buffer with that head available, and notifies the device. Returns its status register
// once the buffer is used or the device needs a reset, or after some time.
uint8_t disk_send(uint16_t head);

// OUTCOME_DONE if the device says that it needs a reset, and works after one.
enum outcome disk_broke(void);
// OUTCOME_DONE if the last request's status is as wanted, and the device works after a reset.
enum outcome disk_answered(uint8_t status);
// OUTCOME_DONE if the device works after a reset: it is found, and reads a sector.
enum outcome disk_works(void);
