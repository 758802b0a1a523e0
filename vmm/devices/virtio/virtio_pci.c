// SPDX-License-Identifier: MIT
// A virtio device's capabilities, registers and interrupts as a PCI function.
#include "vmm/devices/virtio/virtio_pci.h"

#include "arch/x86/pci_registers.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/pci_message.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define VENDOR 0x1af4
#define DEVICE_FIRST 0x1040    // plus the device type (4.1.2.1)
#define SUBSYSTEM_FIRST 0x0040 // 0x40 and more: no transitional device
#define REVISION 1

// A notification by port exits without an instruction to decode. So that way comes first: drivers
// take the first that they can use.
enum { BAR_PORTS = 0, BAR_MSIX = 1, BAR_MEMORY = 4 };

#define PORTS_BYTES 32
#define MSIX_BYTES 4096
#define MSIX_PENDING 0x800
#define MEMORY_BYTES 4096

// BAR_MEMORY.
enum region {
    REGION_COMMON = 0x000,
    REGION_ISR = 0x100,
    REGION_DEVICE = 0x200,
    REGION_NOTIFY = 0x400
};
#define REGION_DEVICE_BYTES (REGION_NOTIFY - REGION_DEVICE)

// How far the notification addresses of two queues are apart.
#define NOTIFY_STEP_PORTS 2
#define NOTIFY_STEP_MEMORY 4
static_assert(VIRTIO_QUEUES_MAX * NOTIFY_STEP_PORTS <= PORTS_BYTES, "a port for each queue");

// ---- Capabilities (4.1.4) ----

#define CAPABILITY_VENDOR 0x09

enum cfg_type { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };

struct virtio_capability {
    uint8_t id;
    uint8_t next;
    uint8_t length;
    uint8_t type;
    uint8_t bar;
    uint8_t padding[3];
    uint32_t offset;
    uint32_t bytes;
    uint32_t more; // CFG_NOTIFY: the step; CFG_PCI: the data
};
static_assert(sizeof(struct virtio_capability) == 20, "virtio 1.2, 4.1.4");

static unsigned add_capability(struct pci_function *function, enum cfg_type type, unsigned bar,
                               uint32_t offset, uint32_t bytes, uint32_t more)
{
    bool longer = type == CFG_NOTIFY || type == CFG_PCI;
    unsigned length =
        longer ? sizeof(struct virtio_capability) : offsetof(struct virtio_capability, more);
    const struct virtio_capability capability = {.length = (uint8_t)length,
                                                 .type = (uint8_t)type,
                                                 .bar = (uint8_t)bar,
                                                 .offset = offset,
                                                 .bytes = bytes,
                                                 .more = more};
    unsigned at = pci_function_add_capability(function, CAPABILITY_VENDOR, length);
    memcpy(&function->config[at + offsetof(struct virtio_capability, length)], &capability.length,
           length - offsetof(struct virtio_capability, length));
    return at;
}

static void add_capabilities(struct virtio_pci *pci)
{
    struct pci_function *function = &pci->function;
    unsigned queues = pci->device->queue_count;
    add_capability(function, CFG_COMMON, BAR_MEMORY, REGION_COMMON, VIRTIO_COMMON_BYTES, 0);
    add_capability(function, CFG_NOTIFY, BAR_PORTS, 0, queues * NOTIFY_STEP_PORTS,
                   NOTIFY_STEP_PORTS);
    add_capability(function, CFG_NOTIFY, BAR_MEMORY, REGION_NOTIFY, queues * NOTIFY_STEP_MEMORY,
                   NOTIFY_STEP_MEMORY);
    add_capability(function, CFG_ISR, BAR_MEMORY, REGION_ISR, 1, 0);
    if (pci->device->config_bytes != 0) {
        add_capability(function, CFG_DEVICE, BAR_MEMORY, REGION_DEVICE, pci->device->config_bytes,
                       0);
    }
    unsigned window = add_capability(function, CFG_PCI, 0, 0, 0, 0);
    function->writable[window + offsetof(struct virtio_capability, bar)] = UINT8_MAX;
    memset(&function->writable[window + offsetof(struct virtio_capability, offset)], UINT8_MAX,
           3 * sizeof(uint32_t));
    pci_function_watch(function, window + offsetof(struct virtio_capability, more),
                       sizeof(uint32_t));
    pci->window = (uint8_t)window;
}

// ---- The window into BARs (4.1.4.9) ----

// Whether the driver has named bytes of a BAR that can be reached.
static bool window_place(const struct virtio_pci *pci, struct virtio_capability *place)
{
    memcpy(place, &pci->function.config[pci->window], sizeof(*place));
    return place->bar < PCI_BARS && pci->function.bars[place->bar].kind != PCI_BAR_ABSENT &&
           (place->bytes == 1 || place->bytes == 2 || place->bytes == 4);
}

static void config_read(struct pci_function *function, unsigned offset, unsigned width)
{
    struct virtio_pci *pci = container_of(function, struct virtio_pci, function);
    unsigned data = pci->window + (unsigned)offsetof(struct virtio_capability, more);
    struct virtio_capability place;
    (void)width;
    if (offset == data && window_place(pci, &place)) {
        uint64_t value = pci_function_bar_read(function, place.bar, place.offset, place.bytes);
        pci_function_set(function, data, 4, (uint32_t)value);
    }
}

// ---- Work ----

static void tell_of_work(struct virtio_pci *pci)
{
    if (pci->wanted && pci_function_is_master(&pci->function)) {
        pci->wanted = false;
        pci->outside->work_wanted(pci->outside, pci);
    }
}

static void config_written(struct pci_function *function, unsigned offset, unsigned width)
{
    struct virtio_pci *pci = container_of(function, struct virtio_pci, function);
    unsigned data = pci->window + (unsigned)offsetof(struct virtio_capability, more);
    struct virtio_capability place;
    (void)width;
    if (offset == data && window_place(pci, &place)) {
        pci_function_bar_write(function, place.bar, place.offset, place.bytes, place.more);
    }
}

static void command_written(struct pci_function *function)
{
    tell_of_work(container_of(function, struct virtio_pci, function));
}

// The device calls this in the middle of its own functions, so it only takes note.
static void work_wanted(struct virtio_output *output)
{
    container_of(output, struct virtio_pci, output)->wanted = true;
}

bool virtio_pci_work(struct virtio_pci *pci, uint64_t budget)
{
    pci->wanted = !pci_function_is_master(&pci->function);
    return !pci->wanted && virtio_device_work(pci->device, budget);
}

// ---- Interrupts (4.1.5.3, 4.1.5.4) ----

static void interrupt(struct virtio_output *output, enum virtio_cause cause, uint16_t vector)
{
    struct virtio_pci *pci = container_of(output, struct virtio_pci, output);
    if (!pci_function_has_msix(&pci->function)) {
        pci->isr |= (uint8_t)cause;
    }
    pci_function_signal(&pci->function, vector);
}

static uint8_t take_isr(struct virtio_pci *pci)
{
    uint8_t isr = pci->isr;
    pci->isr = 0;
    pci_function_clear(&pci->function);
    return isr;
}

// ---- Registers ----

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset,
                         unsigned width)
{
    struct virtio_pci *pci = container_of(function, struct virtio_pci, function);
    if (bar != BAR_MEMORY) {
        return 0;
    }
    switch (ALIGN_DOWN(offset, REGION_ISR)) {
    case REGION_COMMON:
        return virtio_device_read(pci->device, (unsigned)offset, width);
    case REGION_ISR:
        return offset == REGION_ISR ? take_isr(pci) : 0;
    case REGION_DEVICE:
    case REGION_DEVICE + REGION_ISR:
        return virtio_device_config_read(pci->device, (unsigned)offset - REGION_DEVICE, width);
    default:
        return 0;
    }
}

static void write_common(struct virtio_pci *pci, unsigned offset, unsigned width, uint64_t value)
{
    virtio_device_write(pci->device, offset, width, value);
    if (pci->device->status == 0) { // it was reset, or it is not used yet
        (void)take_isr(pci);
    }
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned width,
                      uint64_t value)
{
    struct virtio_pci *pci = container_of(function, struct virtio_pci, function);
    if (bar == BAR_PORTS) {
        virtio_device_notify(pci->device, (unsigned)offset / NOTIFY_STEP_PORTS);
    } else if (bar == BAR_MEMORY && offset >= REGION_NOTIFY) {
        virtio_device_notify(pci->device, (unsigned)(offset - REGION_NOTIFY) / NOTIFY_STEP_MEMORY);
    } else if (bar == BAR_MEMORY && offset < REGION_ISR) {
        write_common(pci, (unsigned)offset, width, value);
    }
    tell_of_work(pci);
}

// ---- Composition ----

static const struct pci_function_ops ops = {.bar_read = bar_read,
                                            .bar_write = bar_write,
                                            .config_read = config_read,
                                            .config_written = config_written,
                                            .command_written = command_written};

// Base class and subclass.
static uint32_t class_of(enum virtio_type type)
{
    switch (type) {
    case VIRTIO_NETWORK:
        return 0x0200;
    case VIRTIO_BLOCK:
        return 0x0180;
    case VIRTIO_CONSOLE:
        return 0x0780;
    case VIRTIO_ENTROPY:
    case VIRTIO_BALLOON:
        break;
    }
    return 0x00ff;
}

void virtio_pci_init(struct virtio_pci *pci, struct virtio_device *device,
                     struct virtio_pci_output *outside, struct pci_output *bus,
                     struct irq_line *intx)
{
    enum virtio_type type = device->ops->type;
    unsigned vectors = device->queue_count + 1U; // one more for the configuration
    const struct pci_identity identity = {.vendor = VENDOR,
                                          .device = (uint16_t)(DEVICE_FIRST + type),
                                          .subsystem_vendor = VENDOR,
                                          .subsystem = (uint16_t)(SUBSYSTEM_FIRST + type),
                                          .class_revision = class_of(type) << 16 | REVISION};
    *pci = (struct virtio_pci){.output = {.interrupt = interrupt, .work_wanted = work_wanted},
                               .device = device,
                               .outside = outside};
    pci_function_init(&pci->function, &identity, &ops, bus, intx);
    pci_function_add_bar(&pci->function, BAR_PORTS, PCI_BAR_PORTS, PORTS_BYTES);
    pci_function_add_bar(&pci->function, BAR_MSIX, PCI_BAR_MEMORY32, MSIX_BYTES);
    pci_function_add_bar(&pci->function, BAR_MEMORY, PCI_BAR_MEMORY32, MEMORY_BYTES);
    pci_function_add_msix(&pci->function, BAR_MSIX, vectors, 0, MSIX_PENDING);
    pci_function_add_msi(&pci->function);
    add_capabilities(pci);
    virtio_device_connect(device, &pci->output, vectors);
}
