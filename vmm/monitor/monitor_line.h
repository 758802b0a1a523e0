// SPDX-License-Identifier: MIT
// From a typed line to its command.
#pragma once

#include "vmm/util/types.h"

struct line_editor;
struct monitor;

// Runs one line. Writes NULs between its words.
void monitor_line_run(struct monitor *monitor, char *line);
// `complete` of struct line_editor_owner.
const char *monitor_line_complete(struct line_editor *editor, size_t word, unsigned index);
