// SPDX-License-Identifier: MIT
// Attacks by a network card: frames without end, and a card that takes them as fast as it can.
#include "arch/x86/apic_registers.h"
#include "guests/greedy/attack.h"
#include "guests/lib/cpu.h"
#include "guests/lib/memory.h"
#include "guests/lib/pci.h"
#include "guests/lib/print.h"
#include "guests/lib/virtio.h"

#define QUEUE_RECEIVE 0
#define QUEUE_SEND 1
#define HEADER_BYTES 12 // struct virtio_net_hdr (virtio 1.2, 5.1.6): there is nothing left to do
#define MAC_BYTES 6
#define FRAME_BYTES 1514
#define PLACE_BYTES 2048

static struct virtio card;
static struct virtio_queue queue;
static alignas(4096) uint8_t places[VIRTIO_ENTRIES_MAX][PLACE_BYTES];

// Who is flooded: all, or the card to which the line of its VM gives this address.
static const uint8_t all[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t one[MAC_BYTES] = {0x02, 0, 0, 0, 0, 0x01};

static bool start(unsigned index)
{
    if (!virtio_find(&card, VIRTIO_NETWORK, 0)) {
        print("greedy: no network card: the VM's line wants net=NAME\n");
        return false;
    }
    (void)virtio_begin(&card, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_INDEX);
    pci_msix_set(card.slot, 0, (uint32_t)APIC_DEFAULT_ADDRESS, SINK_VECTOR, 0);
    pci_msix_enable(card.slot, true);
    (void)virtio_set_queue(&card, index, &queue, VIRTIO_ENTRIES_MAX, 0);
    return true;
}

// All buffers are the same frame.
static void prepare_frames(const uint8_t to[MAC_BYTES])
{
    uint8_t *frame = &places[0][HEADER_BYTES];
    memcpy(frame, to, MAC_BYTES);
    for (unsigned i = 0; i < MAC_BYTES; i++) {
        frame[MAC_BYTES + i] = *(volatile uint8_t *)(uintptr_t)(card.config + i);
    }
    for (unsigned i = 0; i < VIRTIO_ENTRIES_MAX; i++) {
        queue.descriptors[i] =
            (struct virtio_descriptor){(uintptr_t)places[0], HEADER_BYTES + FRAME_BYTES, 0, 0};
        virtio_offer(&queue, (uint16_t)i);
    }
}

// Gives back to the device what it has used.
static uint16_t offer_again(uint16_t seen)
{
    for (; seen != queue.used.index; seen++) {
        virtio_offer(&queue, (uint16_t)queue.used.ring[seen % VIRTIO_ENTRIES_MAX].head);
    }
    return seen;
}

static void flood(const uint8_t to[MAC_BYTES])
{
    if (!start(QUEUE_SEND)) {
        return;
    }
    prepare_frames(to);
    virtio_run(&card);
    for (uint16_t seen = 0; !attack_over(); seen = offer_again(seen)) {
        virtio_notify(&card, QUEUE_SEND);
    }
    *virtio_reg8(&card, VIRTIO_STATUS) = 0;
}

static void flood_all(void)
{
    flood(all);
}

static void flood_one(void)
{
    flood(one);
}

// Halts while there is nothing to take.
static void take(void)
{
    if (!start(QUEUE_RECEIVE)) {
        return;
    }
    for (unsigned i = 0; i < VIRTIO_ENTRIES_MAX; i++) {
        queue.descriptors[i] =
            (struct virtio_descriptor){(uintptr_t)places[i], PLACE_BYTES, VIRTIO_WRITE, 0};
        virtio_offer(&queue, (uint16_t)i);
    }
    virtio_run(&card);
    virtio_notify(&card, QUEUE_RECEIVE);
    for (uint16_t seen = 0; !attack_over();) {
        virtio_interrupt_after(&queue, 1);
        cpu_interrupts_off();
        if (seen == queue.used.index) {
            cpu_wait_for_interrupt();
        }
        seen = offer_again(seen);
        virtio_notify(&card, QUEUE_RECEIVE);
    }
    *virtio_reg8(&card, VIRTIO_STATUS) = 0;
}

static const struct attack attacks[] = {
    {"packets-to-all", flood_all, NULL, true},
    {"packets-to-one", flood_one, NULL, true},
    {"packets-taken", take, NULL, true},
};

const struct attack_group packets_group = {attacks, ARRAY_SIZE(attacks)};
