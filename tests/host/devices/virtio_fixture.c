// SPDX-License-Identifier: MIT
// The driver's side of virtio for tests.
#include "tests/host/devices/virtio_fixture.h"

#include <string.h>

struct driver driver;
alignas(4096) uint8_t driver_ram[DRIVER_RAM_BYTES];

static void *translate(struct virtio_memory *memory, uint64_t gpa, uint64_t bytes)
{
    (void)memory;
    return gpa < DRIVER_RAM_BYTES && bytes <= DRIVER_RAM_BYTES - gpa ? driver_ram + gpa : NULL;
}

static void interrupt(struct virtio_output *output, enum virtio_cause cause, uint16_t vector)
{
    (void)output;
    driver.queue_interrupts += cause == VIRTIO_CAUSE_QUEUE;
    driver.config_interrupts += cause == VIRTIO_CAUSE_CONFIG;
    driver.vector = vector;
}

static void work_wanted(struct virtio_output *output)
{
    (void)output;
    driver.wanted++;
}

void driver_set_up(void)
{
    driver = (struct driver){
        .memory = {.bytes = DRIVER_RAM_BYTES / 2, .at = driver_ram, .translate = translate},
        .output = {interrupt, work_wanted}};
    memset(driver_ram, 0, sizeof(driver_ram));
}

uint64_t driver_read(unsigned offset, unsigned width)
{
    return virtio_device_read(driver.device, offset, width);
}

void driver_write(unsigned offset, unsigned width, uint64_t value)
{
    virtio_device_write(driver.device, offset, width, value);
}

void driver_put16(uint64_t gpa, uint16_t value)
{
    memcpy(driver_ram + gpa, &value, sizeof(value));
}

uint16_t driver_get16(uint64_t gpa)
{
    uint16_t value;
    memcpy(&value, driver_ram + gpa, sizeof(value));
    return value;
}

void driver_negotiate(struct virtio_device *device, uint64_t features)
{
    features |= VIRTIO_F_VERSION_1;
    driver.device = device;
    virtio_device_connect(device, &driver.output, DRIVER_VECTORS);
    driver_write(REG_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    driver_write(REG_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        driver_write(REG_DRIVER_FEATURE_SELECT, 4, i);
        driver_write(REG_DRIVER_FEATURE, 4, (uint32_t)(features >> 32 * i));
    }
    driver_write(REG_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
}

void driver_enable_queue(unsigned queue, unsigned entries)
{
    driver_write(REG_QUEUE_SELECT, 2, queue);
    driver_write(REG_QUEUE_SIZE, 2, entries);
    driver_write(REG_QUEUE_VECTOR, 2, queue);
    driver_write(REG_QUEUE_DESC, 4, DRIVER_DESCRIPTORS(queue));
    driver_write(REG_QUEUE_DRIVER, 4, DRIVER_AVAILABLE(queue));
    driver_write(REG_QUEUE_DEVICE, 8, DRIVER_USED(queue));
    driver_write(REG_QUEUE_ENABLE, 2, 1);
}

void driver_start(struct virtio_device *device, uint64_t features)
{
    driver_negotiate(device, features);
    for (unsigned i = 0; i < device->queue_count; i++) {
        driver_enable_queue(i, DRIVER_ENTRIES);
    }
    driver_write(REG_STATUS, 1, driver_read(REG_STATUS, 1) | VIRTIO_DRIVER_OK);
}

void driver_describe(uint64_t table, unsigned index, struct driver_segment segment, unsigned flags,
                     unsigned next)
{
    uint8_t *at = driver_ram + table + 16UL * index;
    memcpy(at, &segment.gpa, 8);
    memcpy(at + 8, &segment.bytes, 4);
    driver_put16(table + 16UL * index + 12, (uint16_t)(segment.flags | flags));
    driver_put16(table + 16UL * index + 14, (uint16_t)next);
}

void driver_offer(unsigned queue, uint16_t head)
{
    uint64_t available = DRIVER_AVAILABLE(queue);
    uint16_t index = driver_get16(available + 2);
    driver_put16(available + 4 + 2UL * (index % DRIVER_ENTRIES), head);
    driver_put16(available + 2, index + 1);
}

uint16_t driver_add(unsigned queue, const struct driver_segment *segments, unsigned count)
{
    uint16_t head = driver.free % DRIVER_ENTRIES;
    for (unsigned i = 0; i < count; i++) {
        unsigned next = (head + i + 1) % DRIVER_ENTRIES;
        driver_describe(DRIVER_DESCRIPTORS(queue), (head + i) % DRIVER_ENTRIES, segments[i],
                        i + 1 < count ? SEGMENT_NEXT : 0, next);
    }
    driver.free = head + count;
    driver_offer(queue, head);
    return head;
}

uint16_t driver_add_indirect(unsigned queue, const struct driver_segment *segments, unsigned count)
{
    struct driver_segment table = {DRIVER_INDIRECT(queue), 16 * count, SEGMENT_INDIRECT};
    for (unsigned i = 0; i < count; i++) {
        driver_describe(table.gpa, i, segments[i], i + 1 < count ? SEGMENT_NEXT : 0, i + 1);
    }
    return driver_add(queue, &table, 1);
}

unsigned driver_used_index(unsigned queue)
{
    return driver_get16(DRIVER_USED(queue) + 2);
}

struct driver_used driver_used_at(unsigned queue, unsigned index)
{
    struct driver_used used;
    memcpy(&used, driver_ram + DRIVER_USED(queue) + 4 + 8UL * (index % DRIVER_ENTRIES),
           sizeof(used));
    return used;
}

void driver_kick(unsigned queue)
{
    virtio_device_notify(driver.device, queue);
    while (virtio_device_work(driver.device, 1 * MIB)) {
    }
}
