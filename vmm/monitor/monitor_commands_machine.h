// SPDX-License-Identifier: MIT
// Commands about the machine itself.
#pragma once

struct arguments;
struct monitor;

void command_cpus(struct monitor *monitor, const struct arguments *arguments);
void command_machine(struct monitor *monitor, const struct arguments *arguments);
void command_memory(struct monitor *monitor, const struct arguments *arguments);
void command_gdb(struct monitor *monitor, const struct arguments *arguments);
void command_balloon(struct monitor *monitor, const struct arguments *arguments);
void command_reboot(struct monitor *monitor, const struct arguments *arguments);
void command_poweroff(struct monitor *monitor, const struct arguments *arguments);
void command_version(struct monitor *monitor, const struct arguments *arguments);
