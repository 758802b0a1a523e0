// SPDX-License-Identifier: MIT
// Attempts with page tables: loops, reserved bits, tables outside of RAM, changes while they are
// used.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/traps.h"

#define RECURSIVE_SLOT 2ULL
#define RECURSIVE_ADDRESS                                                                          \
    (RECURSIVE_SLOT << 39 | RECURSIVE_SLOT << 30 | RECURSIVE_SLOT << 21 | RECURSIVE_SLOT << 12)
#define ERROR_RESERVED BIT(3)
#define PAGE_ACCESSED BIT(5)
#define PAGE_DIRTY BIT(6)
#define PAGE_NO_EXECUTE BIT(63)
#define LARGE_RESERVED BIT(13)
#define FLIPS 2000

static uint64_t frames[2][ENTRIES_PER_TABLE] __attribute__((aligned(4096)));

static uint64_t address_of(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static uint64_t read_at(uint64_t address)
{
    return *(volatile uint64_t *)(uintptr_t)address;
}

static void read_window(void *unused)
{
    (void)unused;
    read_at(PROBE_WINDOW);
}

static void write_window(void *unused)
{
    (void)unused;
    *(volatile uint64_t *)PROBE_WINDOW = 0;
}

static void set_window(uint64_t entry)
{
    probe_directory()[0] = entry;
    cpu_invalidate_page(PROBE_WINDOW);
}

// Makes a page table for the window, with this first entry.
static uint64_t *small_pages(uint64_t first_entry)
{
    uint64_t *table = probe_spare_table();
    table[0] = first_entry;
    set_window(address_of(table) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER);
    return table;
}

// Reads the window. If a page fault comes, it must be one for reserved bits.
static enum outcome read_reserved(void)
{
    struct trap trap;
    if (!trap_catch(read_window, NULL, &trap)) {
        return OUTCOME_DONE;
    }
    if (trap.frame.vector == VECTOR_PF && (trap.frame.error_code & ERROR_RESERVED) == 0) {
        return attempt_wrong("error code", trap.frame.error_code);
    }
    return (enum outcome)trap.frame.vector;
}

static enum outcome recursive(void)
{
    uint64_t *pml4 = (uint64_t *)(uintptr_t)(cr3_read() & PAGE_ADDRESS_MASK);
    pml4[RECURSIVE_SLOT] = address_of(pml4) | PAGE_PRESENT | PAGE_WRITABLE;
    const uint64_t first = read_at(RECURSIVE_ADDRESS);
    const uint64_t itself = read_at(RECURSIVE_ADDRESS + RECURSIVE_SLOT * sizeof(uint64_t));
    pml4[RECURSIVE_SLOT] = 0;
    cr3_write(cr3_read());
    if (((first ^ pml4[0]) & PAGE_ADDRESS_MASK) != 0) {
        return attempt_wrong("first entry", first);
    }
    return (itself & PAGE_ADDRESS_MASK) == address_of(pml4) ? OUTCOME_DONE
                                                            : attempt_wrong("itself", itself);
}

static enum outcome directory_is_table(void)
{
    const uint64_t entry = address_of(probe_directory()) | PAGE_PRESENT | PAGE_WRITABLE;
    set_window(entry);
    const uint64_t seen = read_at(PROBE_WINDOW);
    return (seen & PAGE_ADDRESS_MASK) == (entry & PAGE_ADDRESS_MASK) ? OUTCOME_DONE
                                                                     : attempt_wrong("read", seen);
}

static enum outcome reserved_address_bit(void)
{
    small_pages(address_of(frames[0]) | PAGE_PRESENT | BIT(51));
    return read_reserved();
}

static enum outcome reserved_large_bit(void)
{
    set_window(PAGE_PRESENT | PAGE_LARGE | LARGE_RESERVED);
    return read_reserved();
}

static enum outcome no_execute_without_nxe(void)
{
    msr_write(IA32_EFER, msr_read(IA32_EFER) & ~(EFER_NXE | EFER_LMA));
    small_pages(address_of(frames[0]) | PAGE_PRESENT | PAGE_NO_EXECUTE);
    return read_reserved();
}

// An entry outside of RAM reads as all ones, so it has reserved bits.
static enum outcome table_above_ram(void)
{
    set_window(machine_memory_end() | PAGE_PRESENT | PAGE_WRITABLE);
    return read_reserved();
}

static enum outcome table_far_away(void)
{
    set_window(BIT(machine_physical_bits() - 1) | PAGE_PRESENT | PAGE_WRITABLE);
    return read_reserved();
}

// It is not defined what a walk finds in device registers, but the walk must come to an end.
static enum outcome table_in_apic(void)
{
    set_window(APIC_DEFAULT_ADDRESS | PAGE_PRESENT | PAGE_WRITABLE);
    return attempt_fault(read_window, NULL);
}

static enum outcome write_through_table_above_ram(void)
{
    set_window(machine_memory_end() | PAGE_PRESENT | PAGE_WRITABLE);
    return attempt_fault(write_window, NULL);
}

static enum outcome flip(void)
{
    uint64_t *table = small_pages(0);
    frames[0][0] = 0;
    frames[1][0] = 1;
    for (unsigned i = 0; i < FLIPS; i++) {
        table[0] = address_of(frames[i % 2]) | PAGE_PRESENT | PAGE_WRITABLE;
        cpu_invalidate_page(PROBE_WINDOW);
        const uint64_t value = read_at(PROBE_WINDOW);
        if (value != i % 2) {
            return attempt_wrong("round", i);
        }
    }
    return OUTCOME_DONE;
}

// A page that becomes present needs no INVLPG.
static enum outcome appear(void)
{
    uint64_t *table = small_pages(0);
    if (attempt_fault(read_window, NULL) != (enum outcome)VECTOR_PF) {
        return attempt_wrong("mapped before", 0);
    }
    table[0] = address_of(frames[0]) | PAGE_PRESENT;
    return attempt_fault(read_window, NULL);
}

static enum outcome accessed_and_dirty(void)
{
    uint64_t *table = small_pages(address_of(frames[0]) | PAGE_PRESENT | PAGE_WRITABLE);
    const volatile uint64_t *entry = table;
    read_window(NULL);
    if ((*entry & (PAGE_ACCESSED | PAGE_DIRTY)) != PAGE_ACCESSED) {
        return attempt_wrong("after a read", *entry);
    }
    write_window(NULL);
    return (*entry & PAGE_DIRTY) != 0 ? OUTCOME_DONE : attempt_wrong("after a write", *entry);
}

static enum outcome write_protected(void)
{
    cr0_write(cr0_read() | CR0_WP);
    small_pages(address_of(frames[0]) | PAGE_PRESENT);
    return attempt_fault(write_window, NULL);
}

static enum outcome supervisor_access(void)
{
    if ((cpuid_if_present(7, 0).ebx & CPUID_7_EBX_SMAP) == 0) {
        return (enum outcome)VECTOR_PF;
    }
    cr4_write(cr4_read() | CR4_SMAP);
    small_pages(address_of(frames[0]) | PAGE_PRESENT | PAGE_USER);
    return attempt_fault(read_window, NULL);
}

// Code that overwrites its next instruction: INC becomes DEC.
static enum outcome self_modifying(void)
{
    uint64_t value = 10;
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "mov %%rax, %%rbx\n\t"
                     "movb $0xcb, 2(%%rax)\n\t"
                     "jmp 1f\n"
                     "1:\t.byte 0x48, 0xff, 0xc3\n\t" // inc rbx, dec rbx is 48 ff cb
                     "sub %%rax, %%rbx\n\t"
                     "movb $0xc3, 2(%%rax)\n\t"
                     "mov %%rbx, %0"
                     : "=r"(value)
                     :
                     : "rax", "rbx", "memory", "cc");
    return value == UINT64_MAX ? OUTCOME_DONE : attempt_wrong("difference", value);
}

static const struct attempt attempts[] = {
    {"a PML4 that maps itself", recursive, DONE},
    {"a directory that is its own table", directory_is_table, DONE},
    {"a reserved address bit", reserved_address_bit, FAULT(PF)},
    {"a reserved bit of a large page", reserved_large_bit, FAULT(PF)},
    {"no-execute without EFER.NXE", no_execute_without_nxe, FAULT(PF)},
    {"a page table above RAM", table_above_ram, FAULT(PF)},
    {"a page table far above RAM", table_far_away, FAULT(PF)},
    {"a write through a page table above RAM", write_through_table_above_ram, FAULT(PF)},
    {"a page table in the APIC's page", table_in_apic, FAULT(PF) | DONE},
    {"a page that flips 2000 times", flip, DONE},
    {"a page that appears", appear, DONE},
    {"accessed and dirty bits", accessed_and_dirty, DONE},
    {"a write to a read-only page", write_protected, FAULT(PF)},
    {"a user page with CR4.SMAP", supervisor_access, FAULT(PF)},
    {"code that changes itself", self_modifying, DONE},
};

const struct attempt_group paging_group = {attempts, ARRAY_SIZE(attempts)};
