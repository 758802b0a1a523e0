// SPDX-License-Identifier: MIT
// The board of a VM, wired to its vCPUs, its terminal and its life.
#pragma once

struct vm;

// Makes the VM's devices as after power-up. The VM's vCPUs, its memory and vm->pc exist.
void vm_board_init(struct vm *vm);
