// SPDX-License-Identifier: MIT
// Attacks by a virtio disk: notifications without end, and requests that are long to serve.
#include "arch/x86/apic_registers.h"
#include "guests/greedy/attack.h"
#include "guests/lib/cpu.h"
#include "guests/lib/pci.h"
#include "guests/lib/print.h"
#include "guests/lib/virtio.h"

#define REQUESTS 32U // each has three descriptors
#define DESCRIPTORS 3U

static struct virtio disk;
static struct virtio_queue queue;
static struct {
    uint32_t type; // 0: a read
    uint32_t reserved;
    uint64_t sector;
} header;
static alignas(4096) uint8_t data[MIB];
static uint8_t status;

static bool start(void)
{
    if (!virtio_find(&disk, VIRTIO_BLOCK, 0)) {
        print("greedy: no disk: the VM's line wants ram-disk=NAME:1M\n");
        return false;
    }
    (void)virtio_begin(&disk, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_INDEX);
    pci_msix_set(disk.slot, 0, (uint32_t)APIC_DEFAULT_ADDRESS, SINK_VECTOR, 0);
    pci_msix_enable(disk.slot, true);
    (void)virtio_set_queue(&disk, 0, &queue, VIRTIO_ENTRIES_MAX, 0);
    for (uint16_t i = 0; i < REQUESTS * DESCRIPTORS; i += DESCRIPTORS) {
        queue.descriptors[i] = (struct virtio_descriptor){(uintptr_t)&header, sizeof(header),
                                                          VIRTIO_NEXT, (uint16_t)(i + 1)};
        queue.descriptors[i + 1] = (struct virtio_descriptor){
            (uintptr_t)data, sizeof(data), VIRTIO_NEXT | VIRTIO_WRITE, (uint16_t)(i + 2)};
        queue.descriptors[i + 2] =
            (struct virtio_descriptor){(uintptr_t)&status, 1, VIRTIO_WRITE, 0};
    }
    virtio_run(&disk);
    return true;
}

static bool is_idle(void)
{
    return queue.used.index == queue.available.index;
}

// 32 MiB by one notification, and one interrupt at their end.
static void ask_for_all(void)
{
    virtio_interrupt_after(&queue, REQUESTS);
    for (uint16_t i = 0; i < REQUESTS; i++) {
        virtio_offer(&queue, (uint16_t)(i * DESCRIPTORS));
    }
    virtio_notify(&disk, 0);
}

static void notify(void)
{
    bool there = start();
    while (there && !attack_over()) {
        virtio_notify(&disk, 0);
    }
}

static void read(void)
{
    if (!start()) {
        return;
    }
    while (!attack_over()) {
        if (is_idle()) {
            ask_for_all();
        }
        virtio_notify(&disk, 0);
    }
    *virtio_reg8(&disk, VIRTIO_STATUS) = 0;
}

static void read_and_sleep(void)
{
    if (!start()) {
        return;
    }
    while (!attack_over()) {
        ask_for_all();
        while (!is_idle() && !attack_over()) {
            cpu_wait_for_interrupt();
        }
    }
    *virtio_reg8(&disk, VIRTIO_STATUS) = 0;
}

static const struct attack attacks[] = {
    {"notifications", notify, NULL, true},
    {"disk-reads", read, NULL, true},
    {"disk-sleeps", read_and_sleep, NULL, true},
    {"disk-elsewhere", attack_rest, read, true},
};

const struct attack_group disks_group = {attacks, ARRAY_SIZE(attacks)};
