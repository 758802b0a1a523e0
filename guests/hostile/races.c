// SPDX-License-Identifier: MIT
// Attempts with several processors on the emulator: code and page tables that others change while
// it reads them.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/processors.h"
#include "guests/lib/apic.h"
#include "guests/lib/memory.h"

#define ROUNDS 2000U
#define TPR_OFFSET 0x80U
#define IOAPIC_SELECT 0xfec00000ULL
#define SELECTED 0x15U
#define LARGE_RESERVED BIT(13)
#define VARIANT_BYTES 8
#define CODE_PAGES 2
#define RET 0xc3

static volatile uint32_t done;
static volatile uint32_t misled;

static uint64_t address_of(const volatile void *object)
{
    return (uint64_t)(uintptr_t)object;
}

// Processor 1 makes the changes. All others, processor 0 too, use what it changes.
static enum outcome race(processor_job *job)
{
    done = 0;
    misled = 0;
    if (!processors_start(job)) {
        return attempt_wrong("not all processors came, of", processor_count());
    }
    cpu_interrupts_on();
    job(0);
    const bool all = processors_finish();
    cpu_interrupts_off();
    if (misled != 0) {
        return attempt_wrong("processors that ran what was there before", misled);
    }
    return all ? OUTCOME_DONE : attempt_wrong("processors that finished", processors_finished());
}

// ---- Code that changes ----

// All are accesses to device memory at rdi, so the emulator can carry out any that it finds.
static const uint8_t variants[][VARIANT_BYTES] = {
    {0x8b, 0x07, RET, RET, RET, RET, RET, RET},     // mov eax, [rdi]
    {0x89, 0x07, RET, RET, RET, RET, RET, RET},     // mov [rdi], eax
    {0x0f, 0xb6, 0x07, RET, RET, RET, RET, RET},    // movzx eax, byte [rdi]
    {0x09, 0x07, RET, RET, RET, RET, RET, RET},     // or [rdi], eax
    {0x87, 0x07, RET, RET, RET, RET, RET, RET},     // xchg [rdi], eax
    {0xf0, 0x01, 0x07, RET, RET, RET, RET, RET},    // lock add [rdi], eax
    {0xc7, 0x07, 0x11, 0x00, 0x00, 0x00, RET, RET}, // mov dword [rdi], 17
    {0x39, 0x07, RET, RET, RET, RET, RET, RET},     // cmp [rdi], eax
};

static uint8_t code_pages[CODE_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t other_page[PAGE_SIZE] __attribute__((aligned(4096)));

static uint64_t variant(unsigned number)
{
    uint64_t bytes;
    __builtin_memcpy(&bytes, variants[number % ARRAY_SIZE(variants)], sizeof(bytes));
    return bytes;
}

// Once the writes have ended, the code that was written last must run.
static void check_last(const void *code)
{
    *(volatile uint32_t *)IOAPIC_SELECT = SELECTED;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t read = call_carefully(code, IOAPIC_SELECT, 0);
        if ((uint32_t)read != SELECTED) {
            __atomic_add_fetch(&misled, 1, __ATOMIC_RELAXED);
            return;
        }
    }
}

static void rewrite_or_run(unsigned self)
{
    uint64_t *code = (uint64_t *)code_pages[0];
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (self == 1) {
            __atomic_store_n(code, variant(i), __ATOMIC_RELAXED);
        } else {
            call_carefully(code, IOAPIC_SELECT, i % 64);
        }
    }
    if (self == 1) {
        __atomic_store_n(code, variant(0), __ATOMIC_RELEASE);
    }
    __atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
    // The processors take turns, because all use the same register.
    if (wait_for_count(&done, processor_count() + self)) {
        check_last(code);
    }
    __atomic_add_fetch(&done, 1, __ATOMIC_ACQ_REL);
}

// A processor goes on behind the instruction that it found, and that may be inside of the one that
// is there by now. Wherever it goes on, a RET is near.
static void fill_with_returns(void)
{
    memset(code_pages, RET, sizeof(code_pages));
    memset(other_page, RET, sizeof(other_page));
}

static enum outcome code_rewritten(void)
{
    fill_with_returns();
    __atomic_store_n((uint64_t *)code_pages[0], variant(0), __ATOMIC_RELAXED);
    return race(rewrite_or_run);
}

// The first byte of the code, a REX prefix, is the last of a page. The next page is one of two, or
// is not present.
static void turn_page_or_run(unsigned self)
{
    uint64_t *table = probe_spare_table();
    const uint64_t pages[] = {address_of(code_pages[1]) | PAGE_PRESENT,
                              address_of(other_page) | PAGE_PRESENT, 0};
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (self == 1) {
            __atomic_store_n(&table[1], pages[i % ARRAY_SIZE(pages)], __ATOMIC_RELAXED);
        } else {
            call_carefully((const void *)(PROBE_WINDOW + PAGE_SIZE - 1), IOAPIC_SELECT, i % 64);
            cpu_invalidate_page(PROBE_WINDOW + PAGE_SIZE);
        }
    }
}

static enum outcome code_across_pages(void)
{
    uint64_t *table = probe_spare_table();
    fill_with_returns();
    code_pages[0][PAGE_SIZE - 1] = 0x48; // REX.W
    __builtin_memcpy(code_pages[1], variants[0], VARIANT_BYTES);
    __builtin_memcpy(other_page, variants[1], VARIANT_BYTES);
    table[0] = address_of(code_pages[0]) | PAGE_PRESENT;
    table[1] = address_of(code_pages[1]) | PAGE_PRESENT;
    probe_directory()[0] = address_of(table) | PAGE_PRESENT | PAGE_WRITABLE;
    cpu_invalidate_page(PROBE_WINDOW);
    return race(turn_page_or_run);
}

// ---- Page tables that change ----

#define ENTRIES 10

static uint64_t bad_entry(unsigned number)
{
    const uint64_t use = PAGE_PRESENT | PAGE_WRITABLE;
    const uint64_t entries[ENTRIES] = {
        0,
        address_of(probe_directory()) | use,     // a loop
        address_of(probe_spare_table()) | use,   // as it should be
        machine_memory_end() | use,              // outside of RAM
        BIT(machine_physical_bits() - 1) | use,  // far outside
        APIC_DEFAULT_ADDRESS | use,              // a table of device registers
        APIC_DEFAULT_ADDRESS | use | PAGE_LARGE, // 2 MiB of them
        PAGE_LARGE | use,                        // the start of RAM
        PAGE_LARGE | use | LARGE_RESERVED,
        address_of(other_page) | use | BIT(51),
    };
    return entries[number % ENTRIES];
}

static void change_tables_or_walk(unsigned self)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (self == 1) {
            __atomic_store_n(&probe_directory()[0], bad_entry(i), __ATOMIC_RELAXED);
            __atomic_store_n(&probe_spare_table()[i / ENTRIES % 2], bad_entry(i / 3),
                             __ATOMIC_RELAXED);
        } else {
            read_carefully(PROBE_WINDOW + TPR_OFFSET);
            write_carefully(PROBE_WINDOW + TPR_OFFSET, 0);
            read_carefully(PROBE_WINDOW + PAGE_SIZE - 4);
            cpu_invalidate_page(PROBE_WINDOW);
            cpu_invalidate_page(PROBE_WINDOW + PAGE_SIZE);
        }
    }
}

static enum outcome tables_change(void)
{
    return race(change_tables_or_walk);
}

// ---- Control registers that change while others interrupt ----

static void change_control_registers(unsigned self)
{
    const uint64_t cr0 = cr0_read();
    const uint64_t cr4 = cr4_read();
    for (unsigned i = 0; i < ROUNDS / 3; i++) {
        cr0_write(cr0 ^ (i % 2 ? CR0_WP : CR0_TS));
        cr4_write(cr4 ^ (i % 2 ? CR4_PGE : CR4_TSD));
        cr3_write(cr3_read());
        cr8_write(i % 4);
        if (self == 0) {
            ipi_send(0, IPI_OTHERS | 0x70U);
        }
    }
    cr8_write(0);
    cr4_write(cr4);
    cr0_write(cr0);
}

static enum outcome control_registers_change(void)
{
    return race(change_control_registers);
}

static const struct attempt attempts[] = {
    {"an access to a device, rewritten by another", code_rewritten, DONE},
    {"one across two pages, the second of which changes", code_across_pages, DONE},
    {"page tables that another changes", tables_change, DONE},
    {"control registers that change while IPIs come", control_registers_change, DONE},
};

const struct attempt_group races_group = {attempts, ARRAY_SIZE(attempts)};
