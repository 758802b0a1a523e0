// SPDX-License-Identifier: MIT
// One write to a register in another mode of the processor.
#include "guests/hostile/modes.h"

#include "arch/x86/registers.h"
#include "guests/hostile/machine.h"
#include "guests/lib/cpu.h"

#define MODES_ADDRESS 0x8000ULL
#define PAGE_SIZE_4M (4 * MIB)
#define TABLE_ALIGNED __attribute__((aligned(4096)))

// In modes.asm.
extern uint8_t modes_start[];
extern uint8_t modes_end[];
extern uint8_t modes_trial[];
void modes_run(void);

// Page tables for the low 16 MiB, in the forms of 32-bit and of PAE paging.
#define LOW_MEMORY (16 * MIB)
static uint32_t directory_32[1024] TABLE_ALIGNED;
static uint64_t pointers_pae[4] __attribute__((aligned(32)));
static uint64_t directory_pae[ENTRIES_PER_TABLE] TABLE_ALIGNED;

static uint8_t *copy(void)
{
    uint8_t *at = (uint8_t *)MODES_ADDRESS;
    __asm__("" : "+r"(at)); // no object that the compiler knows is there
    return at;
}

void modes_init(void)
{
    __builtin_memcpy(copy(), modes_start, (size_t)(modes_end - modes_start));
    for (uint32_t at = 0; at < LOW_MEMORY; at += PAGE_SIZE_4M) {
        directory_32[at / PAGE_SIZE_4M] =
            at | (uint32_t)(PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE);
    }
    for (uint64_t at = 0; at < LOW_MEMORY; at += PAGE_SIZE_2M) {
        directory_pae[at / PAGE_SIZE_2M] = at | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
    }
    pointers_pae[0] = (uint64_t)(uintptr_t)directory_pae | PAGE_PRESENT;
}

static uint32_t table_for(const struct mode_trial *trial)
{
    if ((trial->cr4 & CR4_PAE) == 0) {
        return (uint32_t)(uintptr_t)directory_32;
    }
    return (trial->efer & EFER_LME) != 0 ? (uint32_t)cr3_read() : (uint32_t)(uintptr_t)pointers_pae;
}

void modes_try(struct mode_trial *trial)
{
    uint8_t *at = copy() + (modes_trial - modes_start);
    trial->cr3 = table_for(trial);
    __builtin_memcpy(at, trial, sizeof(*trial));
    modes_run();
    __builtin_memcpy(trial, at, sizeof(*trial));
}
