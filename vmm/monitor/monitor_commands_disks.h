// SPDX-License-Identifier: MIT
// The command that lists disks.
#pragma once

struct arguments;
struct monitor;

void command_disks(struct monitor *monitor, const struct arguments *arguments);
