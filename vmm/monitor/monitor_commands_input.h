// SPDX-License-Identifier: MIT
// Commands that do what a person in front of a PC does: screen, keyboard, power button.
#pragma once

struct arguments;
struct monitor;

void command_screen(struct monitor *monitor, const struct arguments *arguments);
void command_type(struct monitor *monitor, const struct arguments *arguments);
void command_powerbutton(struct monitor *monitor, const struct arguments *arguments);
