// SPDX-License-Identifier: MIT
// What all virtio devices share (virtio 1.2, chapters 2 and 3): status, features, the set-up of
// queues, notifications. The registers are those of virtio_pci_common_cfg (4.1.4.3).
#pragma once

#include "vmm/devices/virtio/virtqueue.h"
#include "vmm/util/types.h"

struct virtio_memory;

#define VIRTIO_QUEUES_MAX 9
#define VIRTIO_NO_VECTOR 0xffff // VIRTIO_MSI_NO_VECTOR: no interrupt (4.1.5.1.2)
#define VIRTIO_COMMON_BYTES 60  // the registers of virtio_device_read

// Device types (chapter 5).
enum virtio_type {
    VIRTIO_NETWORK = 1,
    VIRTIO_BLOCK = 2,
    VIRTIO_CONSOLE = 3,
    VIRTIO_ENTROPY = 4,
    VIRTIO_BALLOON = 5
};

// Bits of device status (2.1).
enum {
    VIRTIO_ACKNOWLEDGE = BIT(0),
    VIRTIO_DRIVER = BIT(1),
    VIRTIO_DRIVER_OK = BIT(2),
    VIRTIO_FEATURES_OK = BIT(3),
    VIRTIO_NEEDS_RESET = BIT(6),
    VIRTIO_FAILED = BIT(7),
};

// Features of any device (chapter 6).
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX BIT(29)
#define VIRTIO_F_VERSION_1 BIT(32)

// Causes of an interrupt: the bits of the ISR status (4.1.4.5).
enum virtio_cause { VIRTIO_CAUSE_QUEUE = BIT(0), VIRTIO_CAUSE_CONFIG = BIT(1) };

// The far ends of a device's wires. The owner embeds this and finds itself with container_of.
struct virtio_output {
    // An interrupt. `vector` is the queue's or the configuration's vector of MSI-X, or
    // VIRTIO_NO_VECTOR.
    void (*interrupt)(struct virtio_output *output, enum virtio_cause cause, uint16_t vector);
    // The device has something to do: virtio_device_work is to be called soon.
    void (*work_wanted)(struct virtio_output *output);
};

struct virtio_device;

// A kind of device.
struct virtio_device_ops {
    enum virtio_type type;
    // Handles what is in a queue until that is done or `*budget` is used up, from which it takes
    // the bytes that it copied, and something for each buffer. Returns whether anything is left.
    bool (*serve)(struct virtio_device *device, unsigned queue, const struct virtqueue_rings *rings,
                  int64_t *budget);
    // The driver resets the device: what was begun is forgotten. NULL: nothing is ever begun.
    void (*reset)(struct virtio_device *device);
};

struct virtio_device {
    const struct virtio_device_ops *ops;
    struct virtio_memory *memory;
    struct virtio_output *output;
    const void *config; // the fields of the kind of device (2.5), which are read-only
    unsigned config_bytes;
    unsigned vectors;       // how many vectors of MSI-X there are
    uint64_t offered;       // features
    uint64_t features;      // what the driver accepted of them
    uint32_t offered_half;  // device_feature_select
    uint32_t accepted_half; // driver_feature_select
    uint32_t pending;       // a bit for each queue that is to be served
    uint16_t config_vector;
    uint16_t selected; // queue_select
    uint8_t status;
    uint8_t config_generation;
    bool config_changed; // since the driver read any of it
    uint8_t queue_count;
    uint8_t turn; // the queue that is served next
    struct virtqueue queues[VIRTIO_QUEUES_MAX];
};

// ---- For the transport ----

// Connects a device that its kind has initialised. The driver can choose among `vectors` vectors of
// MSI-X.
void virtio_device_connect(struct virtio_device *device, struct virtio_output *output,
                           unsigned vectors);

// The registers of virtio_pci_common_cfg, in any width from 1 to 8 bytes. What lies beyond them
// reads 0. A write has an effect if it is as wide as the register. Registers of 64 bits take it in
// halves too.
uint64_t virtio_device_read(const struct virtio_device *device, unsigned offset, unsigned width);
void virtio_device_write(struct virtio_device *device, unsigned offset, unsigned width,
                         uint64_t value);

// The fields of the kind of device, in any width from 1 to 8 bytes. What lies beyond them reads 0.
uint64_t virtio_device_config_read(struct virtio_device *device, unsigned offset, unsigned width);

// The driver notifies the device of a queue. Any number may come.
void virtio_device_notify(struct virtio_device *device, unsigned queue);

// The state after power-on, and what a write of 0 to the status does.
void virtio_device_reset(struct virtio_device *device);

// Lets the device work for about `budget` bytes of copying, and for one step at least. Returns
// whether anything is left, so that it must be called again.
bool virtio_device_work(struct virtio_device *device, uint64_t budget) MUST_CHECK;

// ---- For the kinds of devices ----

// `features` are those of the kind; virtio_device adds those of any device. `config` stays the
// caller's.
void virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops,
                        struct virtio_memory *memory, uint64_t features, unsigned queue_count,
                        const void *config, unsigned config_bytes);

// Fields of the configuration have changed.
void virtio_device_config_changed(struct virtio_device *device);
