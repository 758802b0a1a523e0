// SPDX-License-Identifier: MIT
// The registers of a vCPU as lines of text.
#pragma once

#include "vmm/util/status.h"

struct line_sink;
struct vm;

// `index` is the vCPU's number. STATUS_RANGE: the VM has no such vCPU. The snapshot and the other
// errors are as in inspect.h.
enum status inspect_registers(struct vm *vm, unsigned index, struct line_sink *sink,
                              struct reason *why);
