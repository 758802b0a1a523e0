// SPDX-License-Identifier: MIT
// The part of a virtio device that does not depend on its kind.
#include "vmm/devices/virtio/virtio_device.h"

#include "vmm/util/string.h"

// virtio 1.2, 4.1.4.3. All of it is little-endian.
struct common_registers {
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t config_msix_vector;
    uint16_t num_queues;
    uint8_t device_status;
    uint8_t config_generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_msix_vector;
    uint16_t queue_enable;
    uint16_t queue_notify_off;
    uint64_t queue_desc;
    uint64_t queue_driver;
    uint64_t queue_device;
    uint16_t queue_notify_data; // without its feature 0
    uint16_t queue_reset;       // without its feature 0
    uint32_t padding;
};
static_assert(offsetof(struct common_registers, queue_desc) == 32, "virtio 1.2, 4.1.4.3");
static_assert(offsetof(struct common_registers, padding) == VIRTIO_COMMON_BYTES,
              "virtio 1.2, 4.1.4.3");

#define FEATURES (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

// A write to `width` bytes, `offset` bytes behind the start of a register.
#define KEY_WIDTH_BITS 4
#define KEY(name, offset, width)                                                                   \
    ((unsigned)(offsetof(struct common_registers, name) + (offset)) << KEY_WIDTH_BITS | (width))

static uint32_t half(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

// The bytes from `offset` on as a number.
static uint64_t bytes_at(const void *from, unsigned size, unsigned offset, unsigned width)
{
    uint64_t value = 0;
    if (offset < size) {
        memcpy(&value, (const uint8_t *)from + offset, MIN(width, size - offset));
    }
    return value;
}

uint64_t virtio_device_read(const struct virtio_device *device, unsigned offset, unsigned width)
{
    struct common_registers registers = {
        .device_feature_select = device->offered_half,
        .device_feature = half(device->offered, device->offered_half),
        .driver_feature_select = device->accepted_half,
        .driver_feature = half(device->features, device->accepted_half),
        .config_msix_vector = device->config_vector,
        .num_queues = device->queue_count,
        .device_status = device->status,
        .config_generation = device->config_generation,
        .queue_select = device->selected,
    };
    if (device->selected < device->queue_count) {
        const struct virtqueue *queue = &device->queues[device->selected];
        registers.queue_size = queue->entries;
        registers.queue_msix_vector = queue->vector;
        registers.queue_enable = queue->enabled;
        registers.queue_notify_off = device->selected;
        registers.queue_desc = queue->descriptors;
        registers.queue_driver = queue->available;
        registers.queue_device = queue->used;
    }
    return bytes_at(&registers, sizeof(registers), offset, width);
}

uint64_t virtio_device_config_read(struct virtio_device *device, unsigned offset, unsigned width)
{
    // Counted once for each change that the driver may notice, so that it does not come round
    // (4.1.4.3.1).
    device->config_generation += device->config_changed;
    device->config_changed = false;
    return bytes_at(device->config, device->config_bytes, offset, width);
}

void virtio_device_reset(struct virtio_device *device)
{
    device->features = 0;
    device->offered_half = 0;
    device->accepted_half = 0;
    device->pending = 0;
    device->config_vector = VIRTIO_NO_VECTOR;
    device->selected = 0;
    device->status = 0;
    device->turn = 0;
    for (unsigned i = 0; i < device->queue_count; i++) {
        virtqueue_reset(&device->queues[i]);
        device->queues[i].vector = VIRTIO_NO_VECTOR;
    }
    if (device->ops->reset) {
        device->ops->reset(device);
    }
}

// The features are fixed from here on, until the reset.
static void fix_features(struct virtio_device *device)
{
    device->status |= VIRTIO_FEATURES_OK;
    for (unsigned i = 0; i < device->queue_count; i++) {
        device->queues[i].indirect = device->features & VIRTIO_F_INDIRECT_DESC;
        device->queues[i].event_index = device->features & VIRTIO_F_EVENT_IDX;
    }
}

// What is available already is served too, without a notification.
static void start(struct virtio_device *device)
{
    device->status |= VIRTIO_DRIVER_OK;
    for (unsigned i = 0; i < device->queue_count; i++) {
        virtio_device_notify(device, i);
    }
}

// A driver only adds bits (2.1.1). FEATURES_OK stays clear if its features do not do (3.1.1), and
// so does DRIVER_OK then.
static void write_status(struct virtio_device *device, uint8_t value)
{
    uint8_t added = value & (uint8_t)~device->status;
    if (value == 0) {
        virtio_device_reset(device);
        return;
    }
    device->status |= value & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
    if (added & VIRTIO_FEATURES_OK && device->features & VIRTIO_F_VERSION_1) {
        fix_features(device);
    }
    if (added & VIRTIO_DRIVER_OK && device->status & VIRTIO_FEATURES_OK) {
        start(device);
    }
}

static void accept_features(struct virtio_device *device, uint32_t value)
{
    if (device->accepted_half < 2 && !(device->status & VIRTIO_FEATURES_OK)) {
        unsigned shift = 32 * device->accepted_half;
        device->features &= ~(0xffffffffULL << shift);
        device->features |= (uint64_t)value << shift & device->offered;
    }
}

static uint16_t checked_vector(const struct virtio_device *device, uint16_t vector)
{
    return vector < device->vectors ? vector : VIRTIO_NO_VECTOR;
}

static void write_half(uint64_t *at, bool high, uint32_t value)
{
    unsigned shift = high ? 32 : 0;
    *at = (*at & ~(0xffffffffULL << shift)) | (uint64_t)value << shift;
}

// The places of a queue and its size stay as they are once it is enabled. The size stays what it
// was if the driver writes none that a queue may have.
static void write_place(struct virtqueue *queue, unsigned key, uint32_t value)
{
    switch (queue->enabled ? 0 : key) {
    case KEY(queue_size, 0, 2):
        if (value != 0 && value <= VIRTQUEUE_ENTRIES_MAX && (value & (value - 1)) == 0) {
            queue->entries = (uint16_t)value;
        }
        break;
    case KEY(queue_enable, 0, 2):
        queue->enabled = value == 1;
        break;
    case KEY(queue_desc, 0, 4):
    case KEY(queue_desc, 4, 4):
        write_half(&queue->descriptors, key == KEY(queue_desc, 4, 4), value);
        break;
    case KEY(queue_driver, 0, 4):
    case KEY(queue_driver, 4, 4):
        write_half(&queue->available, key == KEY(queue_driver, 4, 4), value);
        break;
    case KEY(queue_device, 0, 4):
    case KEY(queue_device, 4, 4):
        write_half(&queue->used, key == KEY(queue_device, 4, 4), value);
        break;
    default:
        break;
    }
}

static void write_queue(struct virtio_device *device, unsigned key, uint32_t value)
{
    if (device->selected < device->queue_count) {
        struct virtqueue *queue = &device->queues[device->selected];
        if (key == KEY(queue_msix_vector, 0, 2)) {
            queue->vector = checked_vector(device, (uint16_t)value);
        } else {
            write_place(queue, key, value);
        }
    }
}

void virtio_device_write(struct virtio_device *device, unsigned offset, unsigned width,
                         uint64_t value)
{
    if (width == 8) {
        virtio_device_write(device, offset, 4, (uint32_t)value);
        virtio_device_write(device, offset + 4, 4, value >> 32);
        return;
    }
    unsigned key = offset << KEY_WIDTH_BITS | width;
    switch (key) {
    case KEY(device_feature_select, 0, 4):
        device->offered_half = (uint32_t)value;
        break;
    case KEY(driver_feature_select, 0, 4):
        device->accepted_half = (uint32_t)value;
        break;
    case KEY(driver_feature, 0, 4):
        accept_features(device, (uint32_t)value);
        break;
    case KEY(config_msix_vector, 0, 2):
        device->config_vector = checked_vector(device, (uint16_t)value);
        break;
    case KEY(device_status, 0, 1):
        write_status(device, (uint8_t)value);
        break;
    case KEY(queue_select, 0, 2):
        device->selected = (uint16_t)value;
        break;
    default:
        write_queue(device, key, (uint32_t)value);
        break;
    }
}

static bool is_live(const struct virtio_device *device)
{
    return (device->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET | VIRTIO_FAILED)) ==
           VIRTIO_DRIVER_OK;
}

void virtio_device_notify(struct virtio_device *device, unsigned queue)
{
    if (queue < device->queue_count && device->queues[queue].enabled && is_live(device)) {
        device->pending |= 1U << queue;
        device->output->work_wanted(device->output);
    }
}

// The driver broke the format of a queue: the device stands still until it is reset (2.1.2).
static void stop(struct virtio_device *device)
{
    device->status |= VIRTIO_NEEDS_RESET;
    device->pending = 0;
    device->output->interrupt(device->output, VIRTIO_CAUSE_CONFIG, device->config_vector);
}

static void serve(struct virtio_device *device, unsigned index, int64_t *budget)
{
    struct virtqueue *queue = &device->queues[index];
    struct virtqueue_rings rings;
    device->pending &= ~(1U << index);
    if (virtqueue_open(queue, device->memory, &rings)) {
        if (device->ops->serve(device, index, &rings, budget)) {
            device->pending |= 1U << index;
        }
        if (virtqueue_wants_interrupt(queue, &rings)) {
            device->output->interrupt(device->output, VIRTIO_CAUSE_QUEUE, queue->vector);
        }
    }
    if (queue->broken) {
        stop(device);
    }
}

// The next queue that is pending. The one whose turn it was is the last.
static unsigned take_turn(struct virtio_device *device)
{
    uint32_t later = device->pending & ~0U << device->turn;
    unsigned index = (unsigned)__builtin_ctz(later ? later : device->pending);
    device->turn = (uint8_t)(index + 1);
    return index;
}

bool virtio_device_work(struct virtio_device *device, uint64_t budget)
{
    int64_t left = MAX((int64_t)budget, 1);
    for (unsigned i = device->queue_count; i > 0 && device->pending && left > 0; i--) {
        serve(device, take_turn(device), &left);
    }
    return device->pending != 0;
}

void virtio_device_config_changed(struct virtio_device *device)
{
    device->config_changed = true;
    if (is_live(device)) {
        device->output->interrupt(device->output, VIRTIO_CAUSE_CONFIG, device->config_vector);
    }
}

void virtio_device_connect(struct virtio_device *device, struct virtio_output *output,
                           unsigned vectors)
{
    device->output = output;
    device->vectors = vectors;
}

void virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops,
                        struct virtio_memory *memory, uint64_t features, unsigned queue_count,
                        const void *config, unsigned config_bytes)
{
    *device = (struct virtio_device){
        .ops = ops,
        .memory = memory,
        .config = config,
        .config_bytes = config_bytes,
        .offered = features | FEATURES,
        .queue_count = (uint8_t)queue_count,
    };
    virtio_device_reset(device);
}
