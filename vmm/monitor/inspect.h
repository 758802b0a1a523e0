// SPDX-License-Identifier: MIT
// The inside of a VM as lines of text: memory and exit counts.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct line_sink;
struct vm;

#define INSPECT_READ_MAX (4 * KIB)

// Each of these functions takes a snapshot on a CPU of the VM, then shows it on this CPU.
// STATUS_BUSY: the VM is off or starting, so it has no vCPU or no memory, or that CPU does not
// answer.
enum status inspect_exits(struct vm *vm, struct line_sink *sink, struct reason *why);
// A hex dump of `length` bytes of guest-physical memory, at most INSPECT_READ_MAX. `buffer` has
// room for INSPECT_READ_MAX bytes. A line says so where there is no RAM. The characters are shown
// only if they fit into the sink's columns.
enum status inspect_memory(struct vm *vm, gpa_t address, uint64_t length, uint8_t *buffer,
                           struct line_sink *sink, struct reason *why);

// All exits of the VM so far; 0 when it is off. STATUS_BUSY: its CPU does not answer.
MUST_CHECK enum status inspect_exit_total(struct vm *vm, uint64_t *total);
