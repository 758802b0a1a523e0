// SPDX-License-Identifier: MIT
// The command that lists switches and network cards.
#pragma once

struct arguments;
struct monitor;

void command_nets(struct monitor *monitor, const struct arguments *arguments);
