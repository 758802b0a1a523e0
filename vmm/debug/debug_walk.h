// SPDX-License-Identifier: MIT
// The monitor's `walk`: the way of a guest-linear address to the machine's memory.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"

struct line_sink;
struct vm;

// Shows the way of the address, as vCPU `index` would take it now: through the guest's page tables,
// and each guest-physical address on it through the nested table. Nothing in the guest changes, not
// even an accessed bit. STATUS_RANGE: the VM has no such vCPU. STATUS_BUSY: it is off or starting,
// or its CPU does not answer.
enum status debug_walk(struct vm *vm, unsigned index, gva_t address, struct line_sink *sink,
                       struct reason *why);
