// SPDX-License-Identifier: MIT
// The interrupts of a PCI function: by line, and by message.
#include "vmm/devices/pci_message.h"

#include "arch/x86/pci_registers.h"
#include "vmm/devices/device.h"
#include "vmm/devices/pci_function.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/util/width.h"

#define PENDING_BYTES 8 // the bits come in units of 64

// ---- Which way is on ----

static bool has_msi(const struct pci_function *function)
{
    return function->msi && (function->config[function->msi + PCI_MSI_CONTROL] & PCI_MSI_ENABLE) &&
           !pci_function_has_msix(function);
}

// ---- The line ----

static void update_line(struct pci_function *function)
{
    uint32_t command = pci_function_get(function, PCI_COMMAND, 4);
    bool level = (command & PCI_STATUS_INTERRUPT) && !(command & PCI_COMMAND_NO_INTERRUPT) &&
                 !has_msi(function) && !pci_function_has_msix(function);
    if (function->intx && level != function->intx_level) {
        function->intx_level = level;
        irq_line_set(function->intx, level);
    }
}

static void set_status(struct pci_function *function, bool on)
{
    uint32_t others = pci_function_get(function, PCI_COMMAND, 4) & ~(uint32_t)PCI_STATUS_INTERRUPT;
    pci_function_set(function, PCI_COMMAND, 4, others | (on ? (uint32_t)PCI_STATUS_INTERRUPT : 0));
    update_line(function);
}

void pci_function_clear(struct pci_function *function)
{
    set_status(function, false);
}

// ---- MSI ----

static void send_msi(struct pci_function *function)
{
    unsigned at = function->msi;
    bool waits = (function->config[at + PCI_MSI_MASK] & 1) || !pci_function_is_master(function);
    function->config[at + PCI_MSI_PENDING] = waits;
    if (!waits) {
        uint64_t high = pci_function_get(function, at + PCI_MSI_ADDRESS_HIGH, 4);
        function->output->message(function->output,
                                  high << 32 | pci_function_get(function, at + PCI_MSI_ADDRESS, 4),
                                  pci_function_get(function, at + PCI_MSI_DATA, 2));
    }
}

void pci_function_add_msi(struct pci_function *function)
{
    unsigned at = pci_function_add_capability(function, PCI_CAPABILITY_MSI, PCI_MSI_BYTES);
    function->msi = (uint8_t)at;
    pci_function_set(function, at + PCI_MSI_CONTROL, 2, (uint32_t)(PCI_MSI_64 | PCI_MSI_MASKS));
    function->writable[at + PCI_MSI_CONTROL] = PCI_MSI_ENABLE;
    memset(&function->writable[at + PCI_MSI_ADDRESS], 0xff, 2 * sizeof(uint32_t));
    function->writable[at + PCI_MSI_ADDRESS] = 0xfc; // an address is a multiple of 4
    memset(&function->writable[at + PCI_MSI_DATA], 0xff, sizeof(uint16_t));
    function->writable[at + PCI_MSI_MASK] = 1;
}

// ---- MSI-X ----

static bool can_send(const struct pci_function *function, unsigned vector)
{
    uint8_t masks = function->config[function->msix + PCI_MSIX_CONTROL + 1];
    return pci_function_has_msix(function) && !(masks & PCI_MSIX_MASK_ALL >> 8) &&
           pci_function_is_master(function) &&
           !(function->table[vector].control & PCI_MSIX_ENTRY_MASKED);
}

static void send_msix(struct pci_function *function, unsigned vector)
{
    if (can_send(function, vector)) {
        const struct pci_msix_entry *entry = &function->table[vector];
        function->pending &= ~(1U << vector);
        function->output->message(function->output, entry->address, entry->data);
    } else {
        function->pending |= 1U << vector;
    }
}

// Tries to send all vectors in the set that wait.
static void send_waiting(struct pci_function *function, uint32_t set)
{
    for (set &= function->pending; set != 0; set &= set - 1) {
        send_msix(function, (unsigned)__builtin_ctz(set));
    }
}

void pci_function_add_msix(struct pci_function *function, unsigned bar, unsigned vectors,
                           uint32_t table, uint32_t pending)
{
    unsigned at = pci_function_add_capability(function, PCI_CAPABILITY_MSIX, PCI_MSIX_BYTES);
    function->msix = (uint8_t)at;
    function->msix_bar = (uint8_t)bar;
    function->vectors = (uint8_t)vectors;
    function->msix_table = table;
    function->msix_pending = pending;
    pci_function_set(function, at + PCI_MSIX_CONTROL, 2, vectors - 1);
    pci_function_set(function, at + PCI_MSIX_TABLE, 4, table | bar);
    pci_function_set(function, at + PCI_MSIX_PENDING, 4, pending | bar);
    function->writable[at + PCI_MSIX_CONTROL + 1] =
        (uint8_t)((PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL) >> 8);
    for (unsigned i = 0; i < vectors; i++) {
        function->table[i].control = PCI_MSIX_ENTRY_MASKED;
    }
}

static uint64_t table_bytes(const struct pci_function *function)
{
    return (uint64_t)function->vectors * PCI_MSIX_ENTRY_BYTES;
}

bool pci_msix_read(const struct pci_function *function, uint64_t offset, unsigned width,
                   uint64_t *value)
{
    uint64_t at = offset - function->msix_table;
    uint64_t bit = offset - function->msix_pending;
    *value = 0;
    if (function->vectors == 0) {
        return false;
    }
    if (at < table_bytes(function)) {
        memcpy(value, (const uint8_t *)function->table + at,
               MIN(width, table_bytes(function) - at));
        return true;
    }
    if (bit < PENDING_BYTES) {
        *value = (uint64_t)function->pending >> 8 * bit & width_ones(width);
        return true;
    }
    return false;
}

bool pci_msix_write(struct pci_function *function, uint64_t offset, unsigned width, uint64_t value)
{
    uint64_t at = offset - function->msix_table;
    if (function->vectors == 0) {
        return false;
    }
    if (at >= table_bytes(function)) {
        return offset - function->msix_pending < PENDING_BYTES; // they are read-only
    }
    uint64_t bytes = MIN(width, table_bytes(function) - at);
    memcpy((uint8_t *)function->table + at, &value, bytes);
    unsigned first = (unsigned)(at / PCI_MSIX_ENTRY_BYTES);
    unsigned last = (unsigned)((at + bytes - 1) / PCI_MSIX_ENTRY_BYTES);
    for (unsigned i = first; i <= last; i++) {
        function->table[i].control &= (uint32_t)PCI_MSIX_ENTRY_MASKED;
        send_waiting(function, 1U << i);
    }
    return true;
}

// ---- All together ----

void pci_function_signal(struct pci_function *function, unsigned vector)
{
    if (pci_function_has_msix(function)) {
        if (vector < function->vectors) {
            send_msix(function, vector);
        }
    } else if (has_msi(function)) {
        send_msi(function);
    } else {
        set_status(function, true);
    }
}

void pci_message_config_changed(struct pci_function *function)
{
    update_line(function);
    if (pci_function_has_msix(function)) {
        send_waiting(function, function->pending);
    } else if (has_msi(function) && function->config[function->msi + PCI_MSI_PENDING]) {
        send_msi(function);
    }
}
