// SPDX-License-Identifier: MIT
// A virtio device as a PCI function (virtio 1.2, 4.1).
#pragma once

#include "vmm/devices/pci_function.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/types.h"

struct irq_line;
struct virtio_pci;

// The owner embeds this and finds itself with container_of.
struct virtio_pci_output {
    // virtio_pci_work is to be called soon. No call into the function is under way.
    void (*work_wanted)(struct virtio_pci_output *output, struct virtio_pci *pci);
};

struct virtio_pci {
    struct pci_function function;
    struct virtio_output output; // of the device
    struct virtio_device *device;
    struct virtio_pci_output *outside;
    uint8_t isr;    // ISR status: causes since the driver read it
    uint8_t window; // offset of the capability through which the driver reaches BARs
    bool wanted;    // there is work that `outside` does not know of yet
};

// Connects a device that its kind has initialised. `bus` and `intx` are the function's.
void virtio_pci_init(struct virtio_pci *pci, struct virtio_device *device,
                     struct virtio_pci_output *outside, struct pci_output *bus,
                     struct irq_line *intx);

// Lets the device work, as virtio_device_work does. A function that is no bus master waits until it
// is one.
MUST_CHECK bool virtio_pci_work(struct virtio_pci *pci, uint64_t budget);
