// SPDX-License-Identifier: MIT
// What the fake controller does beside its registers: events, commands and transfers.
#pragma once

#include "tests/host/drivers/fake_xhci.h"
#include "vmm/util/types.h"

bool fake_xhci_is_running(void);
struct fake_xhci_ring fake_xhci_ring_at(uint64_t dequeue);
void fake_xhci_doorbell(unsigned number, unsigned endpoint);
// A bit of PORTSC is set that tells of a change.
void fake_xhci_change_port(unsigned port, uint32_t change);
