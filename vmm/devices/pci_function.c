// SPDX-License-Identifier: MIT
// The model of a PCI function: its configuration space and its base addresses.
#include "vmm/devices/pci_function.h"

#include "arch/x86/pci_registers.h"
#include "vmm/devices/pci_message.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/util/width.h"

#define PIN_INTA 1U
#define PORTS_MASK 0xffffU
#define CAPABILITY_ALIGNMENT 4

// ---- Registers ----

uint32_t pci_function_get(const struct pci_function *function, unsigned offset, unsigned width)
{
    uint32_t value = 0;
    memcpy(&value, &function->config[offset], width);
    return value;
}

void pci_function_set(struct pci_function *function, unsigned offset, unsigned width,
                      uint32_t value)
{
    memcpy(&function->config[offset], &value, width);
}

static void let_write(struct pci_function *function, unsigned offset, uint32_t mask)
{
    uint32_t before;
    memcpy(&before, &function->writable[offset], sizeof(before));
    mask |= before;
    memcpy(&function->writable[offset], &mask, sizeof(mask));
}

static unsigned bar_offset(unsigned bar)
{
    return PCI_BAR + bar * (unsigned)sizeof(uint32_t);
}

// ---- Composition ----

void pci_function_init(struct pci_function *function, const struct pci_identity *identity,
                       const struct pci_function_ops *ops, struct pci_output *output,
                       struct irq_line *intx)
{
    *function = (struct pci_function){.ops = ops,
                                      .output = output,
                                      .intx = intx,
                                      .capability_link = PCI_CAPABILITIES,
                                      .capability_end = PCI_HEADER_END};
    pci_function_set(function, PCI_ID, 4, identity->vendor | (uint32_t)identity->device << 16);
    pci_function_set(function, PCI_COMMAND, 4, identity->command);
    pci_function_set(function, PCI_CLASS, 4, identity->class_revision);
    pci_function_set(function, PCI_SUBSYSTEM, 4,
                     identity->subsystem_vendor | (uint32_t)identity->subsystem << 16);
    let_write(function, PCI_COMMAND, (uint32_t)PCI_COMMAND_MASTER & ~identity->command);
    if (intx) {
        function->config[PCI_INTERRUPT + 1] = PIN_INTA;
        let_write(function, PCI_COMMAND, (uint32_t)PCI_COMMAND_NO_INTERRUPT);
        let_write(function, PCI_INTERRUPT, UINT8_MAX);
    }
}

void pci_function_add_bar(struct pci_function *function, unsigned bar, enum pci_bar_kind kind,
                          uint64_t bytes)
{
    uint64_t mask = ~(bytes - 1);
    function->bars[bar] = (struct pci_bar){.kind = kind, .bytes = bytes};
    if (kind == PCI_BAR_PORTS) {
        function->config[bar_offset(bar)] = PCI_BAR_IO;
        let_write(function, bar_offset(bar), (uint32_t)mask & PORTS_MASK);
        let_write(function, PCI_COMMAND, (uint32_t)PCI_COMMAND_IO);
        return;
    }
    let_write(function, bar_offset(bar), (uint32_t)mask);
    let_write(function, PCI_COMMAND, (uint32_t)PCI_COMMAND_MEMORY);
    if (kind == PCI_BAR_WIDE) {
        function->config[bar_offset(bar)] = PCI_BAR_MEMORY_64;
        let_write(function, bar_offset(bar + 1), (uint32_t)(mask >> 32));
    }
}

unsigned pci_function_add_capability(struct pci_function *function, uint8_t id, unsigned bytes)
{
    unsigned offset = function->capability_end;
    function->config[function->capability_link] = (uint8_t)offset;
    function->config[offset] = id;
    function->capability_link = (uint8_t)(offset + 1);
    function->capability_end = (uint8_t)ALIGN_UP(offset + bytes, CAPABILITY_ALIGNMENT);
    pci_function_set(function, PCI_COMMAND, 4,
                     pci_function_get(function, PCI_COMMAND, 4) |
                         (uint32_t)PCI_STATUS_CAPABILITIES);
    return offset;
}

void pci_function_watch(struct pci_function *function, unsigned offset, unsigned bytes)
{
    function->watch_first = (uint8_t)offset;
    function->watch_bytes = (uint8_t)bytes;
}

// ---- Configuration space ----

static bool is_watched(const struct pci_function *function, unsigned offset, unsigned width)
{
    return offset < (unsigned)function->watch_first + function->watch_bytes &&
           offset + width > function->watch_first;
}

uint32_t pci_function_config_read(struct pci_function *function, unsigned offset, unsigned width)
{
    if (offset + width > PCI_CONFIG_BYTES) {
        return (uint32_t)width_ones(width);
    }
    if (is_watched(function, offset, width)) {
        function->ops->config_read(function, offset, width);
    }
    return pci_function_get(function, offset, width);
}

// Writes the bits that can be written. Returns whether one of them changed.
static bool merge(struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    uint32_t before = pci_function_get(function, offset, width);
    uint32_t mask = 0;
    memcpy(&mask, &function->writable[offset], width);
    uint32_t after = (before & ~mask) | (value & mask);
    pci_function_set(function, offset, width, after);
    return before != after;
}

static bool is_command(unsigned offset, unsigned width)
{
    return offset < PCI_COMMAND + 2 && offset + width > PCI_COMMAND;
}

static bool is_bar(unsigned offset, unsigned width)
{
    return offset < bar_offset(PCI_BARS) && offset + width > PCI_BAR;
}

static void config_changed(struct pci_function *function, unsigned offset, unsigned width)
{
    bool command = is_command(offset, width);
    if (command || is_bar(offset, width)) {
        function->output->decode(function->output, function);
    }
    pci_message_config_changed(function);
    if (command && function->ops && function->ops->command_written) {
        function->ops->command_written(function);
    }
}

void pci_function_config_write(struct pci_function *function, unsigned offset, unsigned width,
                               uint32_t value)
{
    if (offset + width > PCI_CONFIG_BYTES) {
        return;
    }
    if (merge(function, offset, width, value)) {
        config_changed(function, offset, width);
    }
    if (is_watched(function, offset, width)) {
        function->ops->config_written(function, offset, width);
    }
}

// ---- Base addresses ----

// Address 0 is that of a BAR which has none yet.
bool pci_function_answers(const struct pci_function *function, unsigned bar, uint64_t *base)
{
    enum pci_bar_kind kind = function->bars[bar].kind;
    uint64_t enable = kind == PCI_BAR_PORTS ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    if (kind == PCI_BAR_ABSENT || !(function->config[PCI_COMMAND] & enable)) {
        return false;
    }
    *base = pci_function_get(function, bar_offset(bar), 4);
    if (kind == PCI_BAR_WIDE) {
        *base |= (uint64_t)pci_function_get(function, bar_offset(bar + 1), 4) << 32;
    }
    *base = ALIGN_DOWN(*base, function->bars[bar].bytes);
    return *base != 0;
}

static bool fits(const struct pci_function *function, unsigned bar, uint64_t offset, unsigned width)
{
    uint64_t bytes = function->bars[bar].bytes;
    return width <= bytes && offset <= bytes - width;
}

uint64_t pci_function_bar_read(struct pci_function *function, unsigned bar, uint64_t offset,
                               unsigned width)
{
    uint64_t value;
    if (!fits(function, bar, offset, width)) {
        return width_ones(width);
    }
    if (bar == function->msix_bar && pci_msix_read(function, offset, width, &value)) {
        return value;
    }
    return function->ops->bar_read(function, bar, offset, width) & width_ones(width);
}

void pci_function_bar_write(struct pci_function *function, unsigned bar, uint64_t offset,
                            unsigned width, uint64_t value)
{
    if (fits(function, bar, offset, width) &&
        (bar != function->msix_bar || !pci_msix_write(function, offset, width, value))) {
        function->ops->bar_write(function, bar, offset, width, value);
    }
}
