// SPDX-License-Identifier: MIT
// Puts virtio devices onto the PCI bus, and lets them work in turns that are bounded.
#include "vmm/board/pc_virtio.h"

#include "vmm/address.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_time.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/virtio/virtio_balloon.h"
#include "vmm/devices/virtio/virtio_block.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/devices/virtio/virtio_entropy.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/devices/virtio/virtio_pci.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

// What devices copy in one turn: 32 requests of 4 KiB, and what they cost beside. Other vCPUs that
// want the board wait as long, and so do other VMs.
#define TURN_BYTES (144 * KIB)

// What the console copies while the scheduler looks: about as much as its line has room for.
#define LOOK_BYTES (4 * KIB)

// The size of a console, which is that of a terminal whose size nobody knows.
#define CONSOLE_COLUMNS 80
#define CONSOLE_ROWS 25

static void *translate(struct virtio_memory *memory, uint64_t address, uint64_t bytes)
{
    const struct pc *pc = container_of(memory, struct pc, virtio_memory);
    void *at = guest_memory_at(pc->pci.wires.ram, gpa(address), bytes);
    return at && pc->balloon && !pc->balloon->has(pc->balloon, address, bytes) ? NULL : at;
}

void pc_virtio_init(struct pc *pc)
{
    const struct guest_memory *ram = pc->pci.wires.ram;
    pc->virtio_memory = (struct virtio_memory){.translate = translate};
    for (unsigned i = 0; i < ram->extent_count; i++) {
        const struct guest_extent *extent = &ram->extents[i];
        if (extent->bytes > pc->virtio_memory.bytes) {
            pc->virtio_memory.start = extent->gpa.value;
            pc->virtio_memory.bytes = extent->bytes;
            pc->virtio_memory.at = ram->base + extent->gpa.value;
        }
    }
    pc->virtio_busy = 0;
    pc->console = NULL;
    pc->balloon = NULL;
    pc->virtio_arrived = 0;
}

// With the board's lock held.
static void set_busy(struct pc *pc, uint32_t busy)
{
    __atomic_store_n(&pc->virtio_busy, busy, __ATOMIC_RELAXED);
}

void pc_virtio_wake(struct pc_virtio *part)
{
    set_busy(part->pc, part->pc->virtio_busy | 1U << part->slot.number);
    part->pc->output->timer_set(part->pc->output, pc_now_ns(part->pc));
}

// The first turn is in the exit that asked for it. If there is more to do, the next turns come from
// pc_advance, so that the vCPU goes on and other VMs get the CPU in between.
static void work_wanted(struct virtio_pci_output *output, struct virtio_pci *pci)
{
    struct pc_virtio *part = container_of(output, struct pc_virtio, output);
    if (virtio_pci_work(pci, TURN_BYTES)) {
        pc_virtio_wake(part);
    }
}

static struct pc_virtio *part_in(const struct pc *pc, unsigned number)
{
    return container_of(pc->pci.slots[number], struct pc_virtio, slot);
}

void pc_virtio_arrived(struct pc_virtio *part)
{
    __atomic_or_fetch(&part->pc->virtio_arrived, 1U << part->slot.number, __ATOMIC_RELEASE);
}

static void look_for_arrived(struct pc *pc)
{
    uint32_t arrived = __atomic_exchange_n(&pc->virtio_arrived, 0, __ATOMIC_ACQUIRE);
    set_busy(pc, pc->virtio_busy | arrived);
    for (; arrived != 0; arrived &= arrived - 1) {
        virtio_device_notify(part_in(pc, (unsigned)__builtin_ctz(arrived))->pci.device, 0);
    }
}

// `busy` is not 0.
static uint64_t share_of(uint32_t busy)
{
    uint64_t devices = 0;
    for (; busy != 0; busy &= busy - 1) {
        devices++;
    }
    return TURN_BYTES / devices;
}

void pc_virtio_work(struct pc *pc)
{
    if (pc->console && virtio_console_look(&pc->console->console)) {
        set_busy(pc, pc->virtio_busy | 1U << pc->console->part.slot.number);
    }
    if (__atomic_load_n(&pc->virtio_arrived, __ATOMIC_RELAXED)) {
        look_for_arrived(pc);
    }
    if (!pc->virtio_busy) {
        return;
    }
    pc->output->enter_memory(pc->output);
    uint64_t share = share_of(pc->virtio_busy);
    for (uint32_t busy = pc->virtio_busy; busy != 0; busy &= busy - 1) {
        unsigned number = (unsigned)__builtin_ctz(busy);
        if (!virtio_pci_work(&part_in(pc, number)->pci, share)) {
            set_busy(pc, pc->virtio_busy & ~(1U << number));
        }
    }
}

void pc_virtio_look(struct pc *pc)
{
    if (pc->console && virtio_console_look(&pc->console->console)) {
        pc->output->enter_memory(pc->output);
        if (virtio_pci_work(&pc->console->part.pci, LOOK_BYTES)) {
            set_busy(pc, pc->virtio_busy | 1U << pc->console->part.slot.number);
        }
    }
}

void pc_virtio_turn(struct pc *pc)
{
    lock_take(&pc->lock);
    pc_virtio_work(pc);
    if (pc->virtio_busy) {
        pc->output->timer_set(pc->output, pc_now_ns(pc));
    }
    lock_give(&pc->lock);
}

bool pc_virtio_waits(const struct pc *pc)
{
    return __atomic_load_n(&pc->virtio_busy, __ATOMIC_RELAXED) ||
           __atomic_load_n(&pc->virtio_arrived, __ATOMIC_RELAXED);
}

bool pc_virtio_attach(struct pc *pc, struct pc_virtio *part, struct virtio_device *device)
{
    part->pc = pc;
    part->output.work_wanted = work_wanted;
    if (!pci_bus_attach(&pc->pci, &part->slot, &part->pci.function)) {
        return false;
    }
    virtio_pci_init(&part->pci, device, &part->output, &pc->pci.output, &part->slot.intx);
    return true;
}

// ---- Entropy ----

static bool fill(struct entropy_source *source, uint64_t *to, unsigned words)
{
    struct pc_output *output = container_of(source, struct pc_entropy, source)->part.pc->output;
    return output->random(output, to, words);
}

bool pc_entropy_attach(struct pc *pc, struct pc_entropy *part)
{
    part->source.fill = fill;
    virtio_entropy_init(&part->entropy, &pc->virtio_memory, &part->source);
    return pc_virtio_attach(pc, &part->part, &part->entropy.device);
}

// ---- Disks ----

bool pc_block_attach(struct pc *pc, struct pc_block *part, struct block_backend *backend,
                     unsigned queues)
{
    virtio_block_init(&part->block, &pc->virtio_memory, backend, queues);
    return pc_virtio_attach(pc, &part->part, &part->block.device);
}

// ---- The console ----

bool pc_console_attach(struct pc *pc, struct pc_console *part, struct console_line *line)
{
    virtio_console_init(&part->console, &pc->virtio_memory, line, CONSOLE_COLUMNS, CONSOLE_ROWS);
    if (!pc_virtio_attach(pc, &part->part, &part->console.device)) {
        return false;
    }
    pc->console = part;
    return true;
}

// ---- The balloon ----

bool pc_balloon_attach(struct pc *pc, struct pc_balloon *part, struct balloon_owner *owner)
{
    virtio_balloon_init(&part->balloon, &pc->virtio_memory, owner);
    pc->balloon = part;
    pc->virtio_memory.bytes = 0; // each address is looked up
    return pc_virtio_attach(pc, &part->part, &part->balloon.device);
}

// ---- Networks ----

bool pc_network_attach(struct pc *pc, struct pc_network *part, struct net_port *port,
                       const uint8_t mac[NET_MAC_BYTES], unsigned pairs)
{
    virtio_network_init(&part->network, &pc->virtio_memory, port, mac, pairs);
    return pc_virtio_attach(pc, &part->part, &part->network.device);
}

void pc_network_set_link(struct pc_network *part, bool up)
{
    struct pc *pc = part->part.pc;
    lock_take(&pc->lock);
    virtio_network_set_link(&part->network, up);
    pc_virtio_wake(&part->part);
    lock_give(&pc->lock);
}
