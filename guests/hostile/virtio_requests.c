// SPDX-License-Identifier: MIT
// Requests to a virtio block device that ask for what there is not, with buffers that are not RAM.
#include "guests/hostile/disk.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"

#define ALL_BITS UINT64_MAX
#define HUGE 0xfffffe00U // nearly 4 GiB, whole sectors
#define NOTIFICATIONS 2000U
#define QUEUES 16U // more than there are

static enum outcome send_and_see(uint8_t wanted)
{
    (void)disk_send(0);
    return disk_answered(wanted);
}

// A buffer that is not RAM is an I/O error of its request.
static enum outcome buffer_at(unsigned descriptor, uint64_t address)
{
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[descriptor].address = address;
    return send_and_see(DISK_ERROR);
}

static enum outcome buffers_outside_ram(void)
{
    const uint64_t addresses[] = {
        machine_memory_end(), machine_memory_end() - 8, disk.common, 0xfee00000, 4 * GIB, BIT(52)};
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        for (unsigned descriptor = 0; descriptor < 2; descriptor++) {
            enum outcome outcome = buffer_at(descriptor, addresses[i]);
            if (outcome != OUTCOME_DONE) {
                return outcome;
            }
        }
    }
    return OUTCOME_DONE;
}

// Nobody could see the answer.
static enum outcome status_outside_ram(void)
{
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[2].address = disk.common + VIRTIO_STATUS;
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome no_place_for_the_status(void)
{
    disk_start();
    disk_describe(DISK_WRITE);
    disk_queue.descriptors[1].flags = 0;
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome four_gigabytes(void)
{
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[1].bytes = HUGE;
    enum outcome outcome = send_and_see(DISK_ERROR);
    if (outcome != OUTCOME_DONE) {
        return outcome;
    }
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[1].bytes = UINT32_MAX;
    disk_queue.descriptors[2].bytes = UINT32_MAX;
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome around_the_end_of_addresses(void)
{
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[1].address = ALL_BITS - 100;
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome wrong_order(void)
{
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[2].flags = 0; // the device reads behind what it writes
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome wrong_sectors(void)
{
    static const uint64_t sectors[] = {BIT(23), BIT(32), BIT(55), BIT(63), ALL_BITS};
    for (unsigned i = 0; i < ARRAY_SIZE(sectors); i++) {
        for (unsigned type = DISK_READ; type <= DISK_WRITE; type++) {
            disk_start();
            disk_describe(type);
            disk_request.header.sector = sectors[i];
            enum outcome outcome = send_and_see(DISK_ERROR);
            if (outcome != OUTCOME_DONE) {
                return outcome;
            }
        }
    }
    return OUTCOME_DONE;
}

static enum outcome wrong_lengths(void)
{
    static const uint32_t lengths[] = {1, 511, 513};
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        disk_start();
        disk_describe(DISK_READ);
        disk_queue.descriptors[1].bytes = lengths[i];
        enum outcome outcome = send_and_see(DISK_ERROR);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return OUTCOME_DONE;
}

static bool is_known(uint32_t type)
{
    return type <= DISK_WRITE || type == 4 || type == DISK_GET_ID || type == 11 || type == 13;
}

static enum outcome unknown_types(void)
{
    for (uint32_t bit = 0; bit < 64; bit++) {
        uint32_t type = bit < 32 ? bit : 1U << (bit - 32);
        if (is_known(type)) {
            continue;
        }
        disk_start();
        disk_describe(type);
        (void)disk_send(0);
        if (disk_request.status != DISK_UNSUPPORTED) {
            return attempt_wrong("status of type", (uint64_t)type << 8 | disk_request.status);
        }
    }
    return disk_works();
}

// To queues that there are and that there are not, with nothing to do, before the device runs and
// while it does.
static enum outcome notifications(void)
{
    for (unsigned runs = 0; runs < 2; runs++) {
        disk_prepare();
        if (runs) {
            disk_run();
        }
        for (unsigned i = 0; i < NOTIFICATIONS; i++) {
            virtio_notify(&disk, i % QUEUES);
            virtio_notify_memory(&disk, i % QUEUES);
        }
    }
    return disk_works();
}

static const struct attempt attempts[] = {
    {"buffers outside RAM, and over devices", buffers_outside_ram, DONE},
    {"an answer that goes to a device's register", status_outside_ram, DONE},
    {"no place for the answer", no_place_for_the_status, DONE},
    {"requests of 4 GiB and more", four_gigabytes, DONE},
    {"a buffer around the end of all addresses", around_the_end_of_addresses, DONE},
    {"buffers in the wrong order", wrong_order, DONE},
    {"sectors that the disk does not have", wrong_sectors, DONE},
    {"parts of sectors", wrong_lengths, DONE},
    {"requests of unknown types", unknown_types, DONE},
    {"a storm of notifications", notifications, DONE},
};

const struct attempt_group virtio_requests_group = {attempts, ARRAY_SIZE(attempts)};
