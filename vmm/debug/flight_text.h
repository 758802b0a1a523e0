// SPDX-License-Identifier: MIT
// The last exits of a vCPU as lines of text.
#pragma once

#include "vmm/util/types.h"

struct flight;
struct vcpu_core;
struct vcpu_ops;

struct host;
struct line_sink;

// Shows at most `count` exits, the oldest first: how long ago, what, from where. `newest` is the
// place of the last one, and `tsc` the time now.
void flight_show(const struct flight *flight, unsigned newest, unsigned count, uint64_t tsc,
                 uint64_t tsc_hz, struct line_sink *sink);

// Logs the last 16 exits of a vCPU, on its own CPU. If the CPU is in the middle of an exit, it is
// the last one.
void flight_log(struct vcpu_core *vcpu, const struct vcpu_ops *ops, const struct host *host,
                void (*log)(const char *line));
