// SPDX-License-Identifier: MIT
// Commands that list VMs and change their state.
#pragma once

struct arguments;
struct monitor;

void command_vms(struct monitor *monitor, const struct arguments *arguments);
void command_start(struct monitor *monitor, const struct arguments *arguments);
void command_stop(struct monitor *monitor, const struct arguments *arguments);
void command_pause(struct monitor *monitor, const struct arguments *arguments);
void command_resume(struct monitor *monitor, const struct arguments *arguments);
void command_reset(struct monitor *monitor, const struct arguments *arguments);
void command_mute(struct monitor *monitor, const struct arguments *arguments);
void command_unmute(struct monitor *monitor, const struct arguments *arguments);
void command_console(struct monitor *monitor, const struct arguments *arguments);
