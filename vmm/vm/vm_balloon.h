// SPDX-License-Identifier: MIT
// RAM that a VM gives away by its balloon, in units of 2 MiB, and takes back.
#pragma once

#include "vmm/board/pc_virtio.h"
#include "vmm/devices/virtio/virtio_balloon.h"
#include "vmm/util/types.h"

struct vm;

// Made with the VM, for balloon=yes. The monitor reads it at any time. The rest is changed with the
// board's lock held, or while the VM is seized.
struct vm_balloon {
    struct vm *vm;
    struct balloon_owner owner;
    struct pc_balloon device;
    uint16_t *units; // for each unit from gpa 0 on: see vm_balloon.c; NULL: there is no board
    uint64_t unit_count;
    uint64_t next;   // the unit that vm_balloon_continue looks at next
    uint64_t zeroed; // bytes of it, which is no hole any more
    bool lacks;      // a unit that the guest wants back had no frame
    bool lost;       // one that it uses already
};

MUST_CHECK bool vm_balloon_create(struct vm *vm);

// To be called on the home CPU, which has seized the VM:
MUST_CHECK bool vm_balloon_build(struct vm *vm);
void vm_balloon_attach(struct vm *vm);
void vm_balloon_clear(struct vm *vm);
// Gives units away, and takes units back, until about `end_ns`. At least one step of far less than
// 1 ms. True: all is done.
MUST_CHECK bool vm_balloon_continue(struct vm *vm, uint64_t end_ns);

// For vm_call: asks the guest what it does not use, which it answers later; and, unless `bytes` is
// NULL, to give so many bytes (a uint64_t) away altogether.
void vm_balloon_tell(struct vm *vm, void *bytes);
