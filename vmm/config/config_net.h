// SPDX-License-Identifier: MIT
// Turns what a VM's line says of its network cards into structures.
#pragma once

#include "vmm/util/status.h"

struct vm_config;

// Reads the value of net=, such as lan or lan,mac=52:54:00:12:34:56,promisc, and adds the card to
// those of the VM.
enum status config_parse_net(const char *value, struct vm_config *config, struct reason *why);
