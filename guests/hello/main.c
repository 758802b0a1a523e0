// SPDX-License-Identifier: MIT
// The smallest useful guest: says who it is and what it sees, tests its memory, ends with 42.
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define STATUS_HELLO 42
#define STATUS_BAD_MEMORY 1
#define PAGE_ADDRESS 0x000ffffffffff000ULL
#define ENTRIES (PAGE_SIZE / sizeof(uint64_t))
#define TABLES_MAX 64
#define ENTRY_PRESENT BIT(0)
#define ENTRY_LARGE BIT(7)

extern const uint8_t guest_image_end[]; // from guest.ld

static void print_processor(void)
{
    char vendor[13] = "";
    char brand[49] = "";
    const struct cpuid_registers leaf = cpuid(0, 0);
    memcpy(vendor, &leaf.ebx, 4);
    memcpy(vendor + 4, &leaf.edx, 4);
    memcpy(vendor + 8, &leaf.ecx, 4);
    for (unsigned i = 0; i < 3; i++) {
        const struct cpuid_registers part = cpuid_if_present(0x80000002 + i, 0);
        memcpy(brand + (size_t)16 * i, &part, 16);
    }
    const char *start = brand;
    while (*start == ' ') {
        start++;
    }
    print("hello: processor %s, %s\n", vendor, start);
}

static void print_hypervisor(void)
{
    if (!husk_present()) {
        print("hello: no Husk below\n");
        return;
    }
    print("hello: hypervisor %s, version %lx\n", HUSK_SIGNATURE,
          hypercall(HYPERCALL_VERSION, 0, 0));
}

static void print_mode(void)
{
    print("hello: long mode %s, paging %s, interrupts %s\n",
          (msr_read(IA32_EFER) & EFER_LMA) != 0 ? "on" : "off",
          (cr0_read() & CR0_PG) != 0 ? "on" : "off",
          (__builtin_ia32_readeflags_u64() & RFLAGS_IF) != 0 ? "on" : "off");
}

// The page tables of the running address space, found by walking them.
struct tables {
    unsigned count;
    uint64_t page[TABLES_MAX];
};

static void find_tables(struct tables *tables, uint64_t table, unsigned levels_below)
{
    if (tables->count == TABLES_MAX) {
        return;
    }
    tables->page[tables->count++] = table;
    const uint64_t *entries = (const uint64_t *)(uintptr_t)table;
    for (unsigned i = 0; i < ENTRIES && levels_below > 0; i++) {
        if ((entries[i] & (ENTRY_PRESENT | ENTRY_LARGE)) == ENTRY_PRESENT) {
            find_tables(tables, entries[i] & PAGE_ADDRESS, levels_below - 1);
        }
    }
}

static bool is_table(const struct tables *tables, uint64_t page)
{
    for (unsigned i = 0; i < tables->count; i++) {
        if (tables->page[i] == page) {
            return true;
        }
    }
    return false;
}

// Writes patterns to a page and reads them back, then restores what was there.
static bool page_holds(uint64_t page)
{
    volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)page;
    bool good = true;
    for (unsigned i = 0; i < ENTRIES; i += ENTRIES / 8) {
        const uint64_t kept = word[i];
        word[i] = ~page;
        good = good && word[i] == ~page;
        word[i] = kept;
    }
    return good;
}

// Tests the free memory, between the end of the image and `top`. Leaves the page tables in use
// alone.
static bool memory_holds(uint64_t top)
{
    const uint64_t start = ALIGN_UP((uint64_t)(uintptr_t)guest_image_end, PAGE_SIZE);
    struct tables tables = {0};
    find_tables(&tables, cr3_read() & PAGE_ADDRESS, 2); // down to 2 MiB pages
    for (uint64_t page = start; page + PAGE_SIZE <= top; page += PAGE_SIZE) {
        if (!is_table(&tables, page) && !page_holds(page)) {
            print("hello: memory at %lx does not hold what is written\n", page);
            return false;
        }
    }
    return true;
}

uint8_t guest_main(const struct guest *guest)
{
    print("hello: a 64-bit guest in C\n");
    print_processor();
    print_hypervisor();
    print_mode();
    print("hello: APIC id %u\n", cpuid(1, 0).ebx >> 24);
    print("hello: command line \"%s\"\n", guest->command_line);
    print("hello: memory %llu KiB\n", guest->memory_bytes / KIB);
    if (!memory_holds(MIN(guest->memory_bytes, 3 * GIB))) {
        return STATUS_BAD_MEMORY;
    }
    print("hello: memory holds what is written\n");
    print("hello: ending with status %u\n", STATUS_HELLO);
    return STATUS_HELLO;
}
