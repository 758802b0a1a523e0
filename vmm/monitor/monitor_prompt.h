// SPDX-License-Identifier: MIT
// The prompt, and lines above it.
#pragma once

struct monitor;

void monitor_prompt_show(struct monitor *monitor);
void monitor_prompt_hide(struct monitor *monitor);

// Shows one line of Husk's own. The line that the user is editing moves below it. `text` has no
// newline at its end.
void monitor_print(struct monitor *monitor, const char *text);
