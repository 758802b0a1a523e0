// SPDX-License-Identifier: MIT
// Turns the lines of GRUB's modules into structures.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm_config;

// Reads one module2 line. Skips a path as the first word, as
// config_parse_husk does. Sizes are in bytes, or have K,
// M or G after the number.
enum status config_parse_vm(const char *line, struct vm_config *config, struct reason *why);

// The first line of a VM defines the VM; a later line with the same vm= adds a module. Refuses a
// later line that has more than vm= and `--`.
enum status config_check_module(const struct vm_config *config, struct reason *why);

// Whether the line has vm= with this name. The other words of the line may have mistakes.
bool config_names_vm(const char *line, const char *name);
