// SPDX-License-Identifier: MIT
// The screen of a VM as lines of text.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct line_sink;
struct vm;

// The text screen in ASCII: its size and the cursor (counted from 1), then its rows behind bars.
// The end of a row that is too long is a line of its own, behind "|+". `buffer` has room for
// INSPECT_READ_MAX bytes. STATUS_UNSUPPORTED: the screen is in a graphics mode. The
// snapshot and the other errors are as in inspect.h.
enum status inspect_screen(struct vm *vm, uint8_t *buffer, struct line_sink *sink,
                           struct reason *why);
