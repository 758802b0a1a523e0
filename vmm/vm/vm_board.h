// SPDX-License-Identifier: MIT
// Wires the board of a VM to its vCPUs, its terminal and its life.
#pragma once

struct vm;

// Puts the VM's devices into their state after power-up. The VM's vCPUs, its memory and vm->pc must
// exist.
void vm_board_init(struct vm *vm);
