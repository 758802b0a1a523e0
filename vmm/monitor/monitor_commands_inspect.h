// SPDX-License-Identifier: MIT
// Commands that show the inside of a VM, and the logs.
#pragma once

struct arguments;
struct monitor;

void command_regs(struct monitor *monitor, const struct arguments *arguments);
void command_read(struct monitor *monitor, const struct arguments *arguments);
void command_flight(struct monitor *monitor, const struct arguments *arguments);
void command_walk(struct monitor *monitor, const struct arguments *arguments);
void command_exits(struct monitor *monitor, const struct arguments *arguments);
void command_log(struct monitor *monitor, const struct arguments *arguments);
