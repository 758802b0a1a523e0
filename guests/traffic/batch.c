// SPDX-License-Identifier: MIT
// Notifies a virtio device, and takes the time until its interrupt comes.
#include "guests/traffic/batch.h"

#include "guests/lib/apic.h"
#include "guests/lib/arrival.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/pci.h"
#include "guests/lib/virtio.h"

#define VECTOR 0x60
#define PATIENCE 100000000U // rounds of a loop

void batch_init(const struct virtio *virtio)
{
    idt_set(VECTOR, (const void *)(uintptr_t)arrival_handler, 0, 0);
    pci_msix_set(virtio->slot, BATCH_MSIX, (uint32_t)APIC_DEFAULT_ADDRESS, VECTOR, 0);
    pci_msix_enable(virtio->slot, true);
}

uint32_t batch_run(const struct virtio *virtio, unsigned index, struct virtio_queue *queue,
                   uint16_t count)
{
    uint16_t end = (uint16_t)(queue->used.index + count);
    virtio_interrupt_after(queue, count);
    arrived = 0;
    cpu_interrupts_on();
    uint64_t start = tsc_read();
    virtio_notify(virtio, index);
    for (unsigned i = 0; i < PATIENCE && !arrived; i++) {
    }
    cpu_interrupts_off();
    apic_write(APIC_EOI, 0);
    return arrived && queue->used.index == end ? (uint32_t)(arrival_tsc - start) : 0;
}
