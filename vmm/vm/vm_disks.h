// SPDX-License-Identifier: MIT
// The disks of a VM.
#pragma once

#include "vmm/address.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/config/config.h"
#include "vmm/disk/block_store.h"
#include "vmm/disk/disk.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;
struct vm_payload;

#define VM_DISKS_MAX 8
// Memory for what is written to a disk with an image. The machine may have less: then a write fails
// once there is no memory.
#define DISK_OVERLAY_DEFAULT (512 * MIB)

struct vm_disk {
    struct disk_config config;
    hpa_t start;    // of the image, which is a module; not of a ram-disk
    uint64_t bytes; // the size of the disk
    struct disk disk;
    struct pc_block device;
};

// Made with the VM, as long as it has disks. Only the vCPUs and the home CPU of the VM use the
// store and the disks, under the lock of the board.
struct vm_disks {
    struct vm *vm;
    struct block_store store; // in the store of the VM's address space
    unsigned count;
    struct vm_disk disks[VM_DISKS_MAX];

    // How far a start is:
    unsigned next; // the disk that is made ready
    uint64_t done; // bytes of its image that are mapped
};

// To be called on CPU 0 while the VM is off. A disk whose ram_bytes are 0 has the image `image`;
// otherwise `image` is NULL.
enum status vm_disks_add(struct vm *vm, const struct disk_config *config,
                         const struct vm_payload *image, struct reason *why);

// To be called on the home CPU, which has seized the VM:
// Begins a start. Its memory is reserved.
void vm_disks_begin(struct vm *vm);
// Does the next piece, in the VM's address space. What was written is lost, unless the VM was only
// reset or the disk has `keep`. `*done`: the disks can be used.
enum status vm_disks_prepare(struct vm *vm, bool *done, struct reason *why);
// Connects the disks to the board, which is new: those with an image first.
void vm_disks_attach(struct vm *vm);
// Whether the store must outlive the VM's RAM.
bool vm_disks_keep(const struct vm *vm);
