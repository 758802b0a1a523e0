// SPDX-License-Identifier: MIT
// A driver of the block device that can be led astray at every step.
#include "guests/hostile/disk.h"

#include "arch/x86/pci_registers.h"
#include "guests/lib/memory.h"
#include "guests/lib/pci.h"

#define PATIENCE 20000 // reads of a register, each an exit
#define OLD_BYTE 0xa5

struct virtio disk;
struct virtio_queue disk_queue;
struct disk_request disk_request;
uint8_t disk_data[DISK_SECTOR_BYTES];

bool disk_find(void)
{
    return virtio_find(&disk, VIRTIO_BLOCK, 0) && disk.common != 0 && disk.notify_port != 0;
}

void disk_prepare(void)
{
    (void)virtio_begin(&disk, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT);
    memset(&disk_queue, 0, sizeof(disk_queue));
    disk_queue.entries = DISK_ENTRIES;
    *virtio_reg16(&disk, VIRTIO_QUEUE_SELECT) = 0;
    *virtio_reg16(&disk, VIRTIO_QUEUE_SIZE) = DISK_ENTRIES;
    virtio_set_place(&disk, VIRTIO_QUEUE_DESCRIPTORS, (uintptr_t)disk_queue.descriptors);
    virtio_set_place(&disk, VIRTIO_QUEUE_AVAILABLE, (uintptr_t)&disk_queue.available);
    virtio_set_place(&disk, VIRTIO_QUEUE_USED, (uintptr_t)&disk_queue.used);
}

void disk_run(void)
{
    *virtio_reg16(&disk, VIRTIO_QUEUE_ENABLE) = 1;
    virtio_run(&disk);
}

void disk_start(void)
{
    disk_prepare();
    disk_run();
}

void disk_describe(uint32_t type)
{
    uint16_t to_guest = type == DISK_WRITE ? 0 : VIRTIO_WRITE;
    disk_request.header.type = type;
    disk_request.header.reserved = 0;
    disk_request.header.sector = 0;
    disk_request.status = DISK_UNKNOWN;
    disk_queue.descriptors[0] = (struct virtio_descriptor){(uintptr_t)&disk_request.header,
                                                           DISK_HEADER_BYTES, VIRTIO_NEXT, 1};
    disk_queue.descriptors[1] = (struct virtio_descriptor){(uintptr_t)disk_data, DISK_SECTOR_BYTES,
                                                           (uint16_t)(VIRTIO_NEXT | to_guest), 2};
    disk_queue.descriptors[2] =
        (struct virtio_descriptor){(uintptr_t)&disk_request.status, 1, VIRTIO_WRITE, 0};
}

uint8_t disk_send(uint16_t head)
{
    const volatile uint16_t *used = &disk_queue.used.index;
    uint16_t before = *used;
    uint8_t status = 0;
    virtio_offer(&disk_queue, head);
    virtio_notify(&disk, 0);
    for (unsigned i = 0; i < PATIENCE && *used == before && !(status & VIRTIO_NEEDS_RESET); i++) {
        status = *virtio_reg8(&disk, VIRTIO_STATUS);
    }
    return *virtio_reg8(&disk, VIRTIO_STATUS);
}

enum outcome disk_works(void)
{
    if (!disk_find()) {
        return attempt_wrong("no disk in slot", disk.slot);
    }
    disk_start();
    memset(disk_data, OLD_BYTE, sizeof(disk_data));
    disk_describe(DISK_READ);
    uint8_t status = disk_send(0);
    if (disk_request.status != DISK_OK || status & VIRTIO_NEEDS_RESET) {
        return attempt_wrong("a read afterwards", (uint64_t)status << 8 | disk_request.status);
    }
    for (unsigned i = 0; i < sizeof(disk_data); i++) {
        if (disk_data[i] != 0) {
            return attempt_wrong("a byte of the disk", disk_data[i]);
        }
    }
    return OUTCOME_DONE;
}

enum outcome disk_broke(void)
{
    uint8_t status = *virtio_reg8(&disk, VIRTIO_STATUS);
    if (!(status & VIRTIO_NEEDS_RESET)) {
        return attempt_wrong("device status", status);
    }
    return disk_works();
}

enum outcome disk_answered(uint8_t status)
{
    if (disk_request.status != status) {
        return attempt_wrong("status of the request", disk_request.status);
    }
    return disk_works();
}
