// SPDX-License-Identifier: MIT
// What the tests of a look into a VM share: where the shown lines go.
#pragma once

#include "vmm/monitor/inspect.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/types.h"

extern char shown[64 * KIB];        // the lines, each with a newline
extern struct line_sink shown_sink; // adds to `shown`
extern uint8_t buffer[INSPECT_READ_MAX];

// For cmocka: the VMs of the monitor's fixture, and a sink of 80 columns with nothing in it.
int inspect_set_up(void **state);
