// SPDX-License-Identifier: MIT
// The hypervisor's own address space: what is mapped where, and how.
//
//   DIRECT_MAP     the hypervisor's frame pool, read-write (not the rest of RAM)
//   GUEST_WINDOW   vmm/host.h: in a VM's space only
//   MODULE_WINDOW  vmm/host.h: in a VM's space only
//   STORE_WINDOW   vmm/host.h: in a VM's space only
//   DEVICE_WINDOW  device registers and firmware tables, on demand
//   STACK_WINDOW   stacks with guard pages
//   KERNEL_BASE    the image: text read-execute, constants read-only, data no-execute
#pragma once

#include "vmm/util/types.h"

#define DIRECT_MAP 0xffff800000000000ULL
#define DEVICE_WINDOW 0xffffd00000000000ULL
#define STACK_WINDOW 0xffffe00000000000ULL
#define KERNEL_BASE 0xffffffff80000000ULL

// Loaded into IA32_PAT on every CPU. It is the power-on value, except that entry 1 (PWT) is
// write-combining. VMX and SVM take it as the host's value.
#define HOST_PAT 0x0007040600070106ULL

enum cache_type { CACHE_WRITE_BACK, CACHE_WRITE_COMBINING, CACHE_UNCACHED };

// Builds the final tables and leaves those of the boot code. Needs frames.
void paging_init(void);

uint64_t paging_kernel_cr3(void);

// Loads `cr3` if it is not loaded already.
void paging_enter(uint64_t cr3);

// Maps device registers for good: read-write, never executable. `physical` may be unaligned.
// Without frames it panics. From one CPU at a time.
volatile void *paging_map_device(uint64_t physical, uint64_t bytes, enum cache_type type);

// Maps firmware tables read-only. They stay until paging_unmap_firmware.
const void *paging_map_firmware(uint64_t physical, uint64_t bytes);
void paging_unmap_firmware(const void *address, uint64_t bytes);

// Maps `page` (frames_low_page) at its own address in the kernel's space, executable: a CPU in real
// mode starts there. Before that, `code` is copied to the page. The page is never writable at that
// address.
void paging_map_trampoline(uint64_t page, const void *code, uint64_t bytes);
void paging_unmap_trampoline(uint64_t page);

// Makes a stack with a guard below it, and puts `cpu` into its lowest 8 bytes. Returns the initial
// RSP. 0: no frames.
struct cpu;
uint64_t paging_create_stack(struct cpu *cpu);
