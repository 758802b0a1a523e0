// SPDX-License-Identifier: MIT
// The way of a guest-linear address as lines of text.
#pragma once

#include "vmm/backend.h"
#include "vmm/debug/device_name.h"
#include "vmm/debug/table_walk.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

struct line_sink;

struct walk_view {
    struct paging_state paging;
    struct table_walk walk;
    // Of the entry of each step that is in memory; behind them that of the address itself.
    struct nested_way ways[TABLE_STEPS_MAX + 1];
    char device[DEVICE_NAME_BYTES]; // with TABLE_MAPPED and TABLE_OUTSIDE: what is at the end
    // With TABLE_MAPPED:
    uint64_t pat;       // the guest's
    unsigned mtrr_type; // what the guest's MTRRs say
};

void walk_text(const struct walk_view *view, struct line_sink *sink);
