// SPDX-License-Identifier: MIT
// The I/O ports of a VM's PC.
#pragma once

struct pc;

// Puts every device at its ports, once, in pc_init.
void pc_claim_ports(struct pc *pc);
