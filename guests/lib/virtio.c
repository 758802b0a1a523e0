// SPDX-License-Identifier: MIT
// Finds a virtio device, sets it up and fills its queues.
#include "guests/lib/virtio.h"

#include "arch/x86/pci_registers.h"
#include "guests/lib/memory.h"
#include "guests/lib/pci.h"

#define ID_FIRST 0x1040 // plus the type (4.1.2.1)
#define VENDOR 0x1af4
#define CAPABILITY_VENDOR 0x09

// Capabilities (4.1.4): their types, and the places of their fields.
enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE };
enum { CAPABILITY_TYPE = 3, CAPABILITY_BAR = 4, CAPABILITY_OFFSET = 8, CAPABILITY_STEP = 16 };

static void note(struct virtio *virtio, unsigned at)
{
    bool ports;
    uint64_t base = pci_bar(virtio->slot, pci_read(virtio->slot, at + CAPABILITY_BAR, 1), &ports) +
                    pci_read(virtio->slot, at + CAPABILITY_OFFSET, 4);
    switch (pci_read(virtio->slot, at + CAPABILITY_TYPE, 1)) {
    case CFG_COMMON:
        virtio->common = base;
        break;
    case CFG_NOTIFY:
        if (ports) {
            virtio->notify_port = (uint16_t)base;
            virtio->notify_port_step = pci_read(virtio->slot, at + CAPABILITY_STEP, 4);
        } else {
            virtio->notify = base;
            virtio->notify_step = pci_read(virtio->slot, at + CAPABILITY_STEP, 4);
        }
        break;
    case CFG_ISR:
        virtio->isr = base;
        break;
    case CFG_DEVICE:
        virtio->config = base;
        break;
    default:
        break;
    }
}

bool virtio_find(struct virtio *virtio, unsigned type, unsigned nth)
{
    unsigned at;
    *virtio = (struct virtio){0};
    for (unsigned slot = 1; slot < SLOTS && virtio->slot == 0; slot++) {
        if (pci_read(slot, PCI_ID, 4) == ((ID_FIRST + type) << 16 | VENDOR) && nth-- == 0) {
            virtio->slot = slot;
        }
    }
    if (virtio->slot == 0) {
        return false;
    }
    for (unsigned i = 0; (at = pci_capability(virtio->slot, CAPABILITY_VENDOR, i)) != 0; i++) {
        note(virtio, at);
    }
    pci_write(virtio->slot, PCI_COMMAND, 2,
              (uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
    return true;
}

bool virtio_begin(const struct virtio *virtio, uint64_t features)
{
    volatile uint8_t *status = virtio_reg8(virtio, VIRTIO_STATUS);
    *status = 0;
    *status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;
    for (unsigned half = 0; half < 2; half++) {
        *virtio_reg32(virtio, VIRTIO_DRIVER_FEATURE_SELECT) = half;
        *virtio_reg32(virtio, VIRTIO_DRIVER_FEATURE) = (uint32_t)(features >> 32 * half);
    }
    *status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK;
    return *status & VIRTIO_FEATURES_OK;
}

void virtio_set_place(const struct virtio *virtio, unsigned offset, uint64_t address)
{
    *virtio_reg32(virtio, offset) = (uint32_t)address;
    *virtio_reg32(virtio, offset + 4) = (uint32_t)(address >> 32);
}

bool virtio_set_queue(const struct virtio *virtio, unsigned index, struct virtio_queue *queue,
                      uint16_t entries, uint16_t vector)
{
    memset(queue, 0, sizeof(*queue));
    queue->entries = entries;
    *virtio_reg16(virtio, VIRTIO_QUEUE_SELECT) = (uint16_t)index;
    *virtio_reg16(virtio, VIRTIO_QUEUE_SIZE) = entries;
    *virtio_reg16(virtio, VIRTIO_QUEUE_VECTOR) = vector;
    virtio_set_place(virtio, VIRTIO_QUEUE_DESCRIPTORS, (uintptr_t)queue->descriptors);
    virtio_set_place(virtio, VIRTIO_QUEUE_AVAILABLE, (uintptr_t)&queue->available);
    virtio_set_place(virtio, VIRTIO_QUEUE_USED, (uintptr_t)&queue->used);
    *virtio_reg16(virtio, VIRTIO_QUEUE_ENABLE) = 1;
    return *virtio_reg16(virtio, VIRTIO_QUEUE_VECTOR) == vector;
}

void virtio_run(const struct virtio *virtio)
{
    *virtio_reg8(virtio, VIRTIO_STATUS) =
        VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK;
}

void virtio_offer(struct virtio_queue *queue, uint16_t head)
{
    uint16_t index = queue->available.index;
    queue->available.ring[index % queue->entries] = head;
    __atomic_store_n(&queue->available.index, (uint16_t)(index + 1), __ATOMIC_SEQ_CST);
}

void virtio_interrupt_after(struct virtio_queue *queue, uint16_t more)
{
    queue->available.ring[queue->entries] = (uint16_t)(queue->used.index + more - 1);
}
