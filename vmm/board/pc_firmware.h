// SPDX-License-Identifier: MIT
// The chips of a PC as its firmware leaves them.
#pragma once

struct pc;

// After pc_init, before a vCPU runs: programs the 8259s and the 8254, and gives the I/O APIC its ID
// beside so many vCPUs. The handlers of the interrupts are in the ROM.
void pc_firmware_program(struct pc *pc, unsigned vcpus);
