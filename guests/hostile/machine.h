// SPDX-License-Identifier: MIT
// The machine that the attempts work on: its initial state, the end of its memory, and a window to
// any physical address.
#pragma once

#include "vmm/util/types.h"

// A part of the address space that is only for what probe_map maps.
#define PROBE_WINDOW (512 * GIB)
#define PROBE_WINDOW_BYTES (2 * PAGE_SIZE_2M)
#define UNMAPPED_ADDRESS (PROBE_WINDOW + PAGE_SIZE_1G)
#define NONCANONICAL_ADDRESS 0x8000000000000000ULL

#define PAGE_PRESENT BIT(0)
#define PAGE_WRITABLE BIT(1)
#define PAGE_USER BIT(2)
#define PAGE_LARGE BIT(7)
#define PAGE_ADDRESS_MASK 0x000ffffffffff000ULL
#define ENTRIES_PER_TABLE 512

// Installs handlers that count and end NMIs and interrupts of all vectors from 32 on. Keeps the
// state that machine_restore puts back.
void machine_init(void);

// Undoes what an attempt did to control and debug registers, tables, interrupt controllers, timer
// and UART.
void machine_restore(void);

// The first address behind the RAM below 4 GiB, from the CMOS.
uint64_t machine_memory_end(void);
unsigned machine_physical_bits(void);

// Maps 4 MiB, beginning with the 2 MiB page of `physical`. Returns the address of `physical` in the
// window.
uint64_t probe_map(uint64_t physical, uint64_t flags);

// The table of the window's 2 MiB pages, and one page table's worth of memory for attempts.
uint64_t *probe_directory(void);
uint64_t *probe_spare_table(void);

// After `count` more interrupts, the handler of the last one leaves interrupts off. A storm can be
// so dense that the interrupted code would never run again.
void machine_limit_interrupts(uint32_t count);

// Until machine_restore, every vector from 16 on is for the local APIC, and the 8259s are masked.
// An interrupt is counted for the vector that the APIC has in service.
void machine_take_apic_vectors(void);

// How many interrupts of a vector (2, or from 32 on) have come.
uint32_t machine_interrupts(unsigned vector);
// How many interrupts came while RFLAGS.IF was clear, INT n included.
uint32_t machine_masked_interrupts(void);
