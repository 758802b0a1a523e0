// SPDX-License-Identifier: MIT
// The commands that list switches and network cards, and pull out cables.
#pragma once

struct arguments;
struct monitor;

void command_nets(struct monitor *monitor, const struct arguments *arguments);
void command_link(struct monitor *monitor, const struct arguments *arguments);
