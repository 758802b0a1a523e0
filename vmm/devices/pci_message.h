// SPDX-License-Identifier: MIT
// The interrupts of a PCI function: pin INTA, MSI (PCI 3.0, 6.8.1) and MSI-X (6.8.2).
#pragma once

#include "arch/x86/pci_registers.h"
#include "vmm/devices/pci_function.h"
#include "vmm/util/types.h"

// ---- For the device ----

// Adds the capability for one message.
void pci_function_add_msi(struct pci_function *function);
// Adds the capability for `vectors` messages, at most PCI_VECTORS_MAX. BAR `bar` has the table at
// `table` and the pending bits at `pending`. Neither reaches into what the device has in that BAR.
void pci_function_add_msix(struct pci_function *function, unsigned bar, unsigned vectors,
                           uint32_t table, uint32_t pending);

// Interrupts the guest: by message `vector` with MSI-X, by the only message with MSI, else by INTA,
// which stays on until pci_function_clear. A vector that does not exist does nothing. A message
// that is masked, or that a function which is no bus master cannot send, waits.
void pci_function_signal(struct pci_function *function, unsigned vector);
void pci_function_clear(struct pci_function *function);
// Whether MSI-X is on.
static inline bool pci_function_has_msix(const struct pci_function *function)
{
    return function->msix &&
           (function->config[function->msix + PCI_MSIX_CONTROL + 1] & PCI_MSIX_ENABLE >> 8);
}

// ---- For vmm/devices/pci_function.c ----

// Configuration bytes have changed: what waits may go now.
void pci_message_config_changed(struct pci_function *function);
// An access to BAR msix_bar. False: neither table nor pending bits are there. Bytes beyond their
// end read 0.
MUST_CHECK bool pci_msix_read(const struct pci_function *function, uint64_t offset, unsigned width,
                              uint64_t *value);
MUST_CHECK bool pci_msix_write(struct pci_function *function, uint64_t offset, unsigned width,
                               uint64_t value);
