// SPDX-License-Identifier: MIT
// Devices behind page tables that loop, and faults that an emulator must find in the processor's
// place.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/hpet.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/traps.h"

#define SLOT 4ULL
#define PML4_SHIFT 39
#define PDPT_SHIFT 30
#define PD_SHIFT 21
#define PT_SHIFT 12
#define LINK (PAGE_PRESENT | PAGE_WRITABLE)
#define PAGE_ACCESSED BIT(5)
#define PAGE_DIRTY BIT(6)
#define ADDRESS_BIT_13 BIT(13)
#define DEVICES_GIB (3 * GIB)
#define LEVELS 3U // below the PML4

static uint64_t tables[LEVELS][ENTRIES_PER_TABLE] __attribute__((aligned(4096)));
static uint64_t frame[ENTRIES_PER_TABLE] __attribute__((aligned(4096)));

static uint64_t address_of(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static uint64_t *pml4(void)
{
    return (uint64_t *)(uintptr_t)(cr3_read() & PAGE_ADDRESS_MASK);
}

// The address with these indexes.
static uint64_t at(uint64_t pdpt, uint64_t pd, uint64_t pt)
{
    return SLOT << PML4_SHIFT | pdpt << PDPT_SHIFT | pd << PD_SHIFT | pt << PT_SHIFT;
}

// Sets the top of the tables under test; NULL removes it.
static void set_top(const uint64_t *table)
{
    pml4()[SLOT] = table ? address_of(table) | LINK : 0;
    cr3_write(cr3_read());
}

static void clear_tables(void)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned i = 0; i < ENTRIES_PER_TABLE; i++) {
            tables[level][i] = 0;
        }
    }
}

// Reads, writes and changes registers of the APIC whose page is at `page`.
static enum outcome use_apic(uint64_t page)
{
    volatile uint32_t *version = (volatile uint32_t *)(uintptr_t)(page + APIC_VERSION);
    volatile uint32_t *priority = (volatile uint32_t *)(uintptr_t)(page + APIC_TPR);
    const bool right = *version == xapic_read(APIC_VERSION);
    *priority = 0x30;
    const uint64_t written = cr8_read();
    __asm__ volatile("lock orl $0x40, %0" : "+m"(*priority)::"cc");
    const uint64_t changed = cr8_read();
    set_top(NULL);
    return right && written == 3 && changed == 7
               ? OUTCOME_DONE
               : attempt_wrong("right, written, changed",
                               (uint64_t)right << 16 | written << 8 | changed);
}

static enum outcome one_table(void)
{
    clear_tables();
    tables[0][0] = address_of(tables[0]) | LINK;
    tables[0][1] = APIC_DEFAULT_ADDRESS | LINK;
    set_top(tables[0]);
    return use_apic(at(0, 0, 1));
}

static enum outcome two_tables(void)
{
    clear_tables();
    tables[0][5] = address_of(tables[1]) | LINK;
    tables[1][5] = address_of(tables[0]) | LINK;
    tables[0][7] = APIC_DEFAULT_ADDRESS | LINK;
    set_top(tables[0]);
    return use_apic(at(5, 5, 7));
}

// An entry of the PML4 leads back to the PML4 three times. Another entry then leads to the APIC.
static enum outcome pml4_alone(void)
{
    pml4()[SLOT + 1] = APIC_DEFAULT_ADDRESS | LINK;
    set_top(pml4());
    const enum outcome outcome = use_apic(at(SLOT, SLOT, SLOT + 1));
    pml4()[SLOT + 1] = 0;
    cr3_write(cr3_read());
    return outcome;
}

static enum outcome large_page(void)
{
    clear_tables();
    tables[0][0] = address_of(tables[0]) | LINK;
    tables[0][2] = APIC_DEFAULT_ADDRESS | LINK | PAGE_LARGE;
    set_top(tables[0]);
    return use_apic(at(0, 2, 0));
}

// One page of 1 GiB has all devices.
static enum outcome huge_page(void)
{
    if ((cpuid_if_present(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_PAGE_1G) == 0) {
        return OUTCOME_DONE;
    }
    clear_tables();
    tables[0][0] = DEVICES_GIB | LINK | PAGE_LARGE;
    set_top(tables[0]);
    const uint64_t base = at(0, 0, 0) - DEVICES_GIB;
    const uint64_t *hpet = (const uint64_t *)(uintptr_t)(base + HPET_ADDRESS);
    volatile uint32_t *ioapic = (volatile uint32_t *)(uintptr_t)(base + IOAPIC_ADDRESS);
    ioapic[0] = 1;
    const uint32_t version = ioapic[IOAPIC_WINDOW / 4];
    const uint64_t capabilities = *(const volatile uint64_t *)hpet;
    if (version != ioapic_read(1) || capabilities != *hpet_at(HPET_CAPABILITIES)) {
        return attempt_wrong("I/O APIC", version);
    }
    return use_apic(base + APIC_DEFAULT_ADDRESS);
}

// The walk uses one entry three times as that of a table, and another as that of a page.
static enum outcome accessed_and_dirty(void)
{
    clear_tables();
    volatile uint64_t *table = tables[0];
    table[0] = address_of(tables[0]) | LINK;
    table[1] = APIC_DEFAULT_ADDRESS | LINK;
    set_top(tables[0]);
    const volatile uint32_t *version =
        (const volatile uint32_t *)(uintptr_t)(at(0, 0, 1) + APIC_VERSION);
    (void)*version;
    const uint64_t read = table[1];
    const enum outcome outcome = use_apic(at(0, 0, 1));
    if ((read & (PAGE_ACCESSED | PAGE_DIRTY)) != PAGE_ACCESSED || (table[1] & PAGE_DIRTY) == 0 ||
        (table[0] & PAGE_ACCESSED) == 0) {
        return attempt_wrong("entries", read << 12 | table[1]);
    }
    return outcome;
}

// mov eax, [rdi]; ret
static const uint8_t load_and_return[] = {0x8b, 0x07, 0xc3};

static uint32_t call_at(uint64_t code, uint64_t device)
{
    uint64_t rax = 0;
    __asm__ volatile("call *%2" : "+a"(rax) : "D"(device), "r"(code) : "memory");
    return (uint32_t)rax;
}

static enum outcome check_call(uint64_t code, uint64_t device)
{
    const uint32_t version = call_at(code, device + APIC_VERSION);
    set_top(NULL);
    return version == xapic_read(APIC_VERSION) ? OUTCOME_DONE : attempt_wrong("version", version);
}

static enum outcome code_in_loop(void)
{
    clear_tables();
    __builtin_memcpy(frame, load_and_return, sizeof(load_and_return));
    tables[0][0] = address_of(tables[0]) | LINK;
    tables[0][1] = APIC_DEFAULT_ADDRESS | LINK;
    tables[0][3] = address_of(frame) | LINK;
    set_top(tables[0]);
    return check_call(at(0, 0, 3), at(0, 0, 1));
}

// The instruction lies in the page table that maps both it and the device.
static enum outcome code_in_table(void)
{
    clear_tables();
    tables[0][0] = address_of(tables[0]) | LINK;
    tables[0][1] = APIC_DEFAULT_ADDRESS | LINK;
    __builtin_memcpy(&tables[0][256], load_and_return, sizeof(load_and_return));
    set_top(tables[0]);
    return check_call(at(0, 0, 0) + 256 * sizeof(uint64_t), at(0, 0, 1));
}

struct copy {
    uint64_t from;
    uint64_t to;
};

static void copy_one(void *argument)
{
    struct copy copy = *(const struct copy *)argument;
    __asm__ volatile("movsl" : "+S"(copy.from), "+D"(copy.to)::"memory");
}

// MOVS reads a device and then cannot write. The same fault must come as with RAM as the source,
// where the processor finds the fault by itself.
static enum outcome same_fault(uint64_t to)
{
    struct copy ram = {address_of(frame), to};
    struct copy device = {APIC_DEFAULT_ADDRESS + APIC_VERSION, to};
    struct trap by_processor = {.frame = {.vector = 0}};
    struct trap by_other = {.frame = {.vector = 0}};
    const bool first = trap_catch(copy_one, &ram, &by_processor);
    const bool second = trap_catch(copy_one, &device, &by_other);
    set_top(NULL);
    if (!first || !second || by_processor.frame.vector != by_other.frame.vector ||
        by_processor.frame.error_code != by_other.frame.error_code ||
        (by_other.frame.vector == VECTOR_PF && by_processor.cr2 != by_other.cr2)) {
        return attempt_wrong("vectors and error codes",
                             by_processor.frame.vector << 48 | by_processor.frame.error_code << 32 |
                                 by_other.frame.vector << 16 | by_other.frame.error_code);
    }
    return (enum outcome)by_other.frame.vector;
}

// Maps a page of RAM behind three tables, sets the entry at one level, and reads.
static enum outcome fault_of(unsigned level, uint64_t entry)
{
    clear_tables();
    tables[0][0] = address_of(tables[1]) | LINK;
    tables[1][0] = address_of(tables[2]) | LINK;
    tables[2][0] = address_of(frame) | LINK;
    tables[level][0] = entry;
    set_top(tables[0]);
    return same_fault(at(0, 0, 0) + 8);
}

// Tries the same entry at each level.
static enum outcome faults_of(uint64_t entry)
{
    enum outcome outcome = OUTCOME_WRONG;
    for (unsigned level = 0; level < LEVELS; level++) {
        outcome = fault_of(level, entry);
        if (outcome != (enum outcome)VECTOR_PF) {
            break;
        }
    }
    return outcome;
}

static enum outcome absent(void)
{
    return faults_of(~(uint64_t)PAGE_PRESENT);
}

// A table, or the page itself, that may only be read.
static enum outcome read_only(void)
{
    cr0_write(cr0_read() | CR0_WP);
    for (unsigned level = 0; level < LEVELS; level++) {
        const void *next = level + 1 < LEVELS ? tables[level + 1] : frame;
        const enum outcome outcome = fault_of(level, address_of(next) | PAGE_PRESENT);
        if (outcome != (enum outcome)VECTOR_PF) {
            return outcome;
        }
    }
    return (enum outcome)VECTOR_PF;
}

static enum outcome tables_outside(uint64_t address)
{
    for (unsigned level = 0; level + 1 < LEVELS; level++) {
        const enum outcome outcome = fault_of(level, address | LINK);
        if (outcome != (enum outcome)VECTOR_PF) {
            return outcome;
        }
    }
    return (enum outcome)VECTOR_PF;
}

static enum outcome tables_above_ram(void)
{
    return tables_outside(machine_memory_end());
}

static enum outcome tables_in_devices(void)
{
    const enum outcome outcome = tables_outside(APIC_DEFAULT_ADDRESS);
    return outcome == (enum outcome)VECTOR_PF ? tables_outside(HPET_ADDRESS) : outcome;
}

// In 1 GiB pages bits 13 to 29 are reserved, in 2 MiB pages 13 to 20.
static enum outcome large_reserved(void)
{
    for (unsigned level = 0; level + 1 < LEVELS; level++) {
        const enum outcome outcome = fault_of(level, LINK | PAGE_LARGE | ADDRESS_BIT_13);
        if (outcome != (enum outcome)VECTOR_PF) {
            return outcome;
        }
    }
    return (enum outcome)VECTOR_PF;
}

// The PML4 cannot map large pages.
static enum outcome pml4_large(void)
{
    clear_tables();
    pml4()[SLOT] = address_of(tables[0]) | LINK | PAGE_LARGE;
    cr3_write(cr3_read());
    return same_fault(at(0, 0, 0));
}

static enum outcome user_page(void)
{
    if ((cpuid_if_present(7, 0).ebx & CPUID_7_EBX_SMAP) == 0) {
        return (enum outcome)VECTOR_PF;
    }
    clear_tables();
    cr4_write(cr4_read() | CR4_SMAP);
    tables[0][0] = address_of(tables[0]) | LINK | PAGE_USER;
    tables[0][1] = address_of(frame) | LINK | PAGE_USER;
    pml4()[SLOT] = address_of(tables[0]) | LINK | PAGE_USER;
    cr3_write(cr3_read());
    return same_fault(at(0, 0, 1));
}

static enum outcome noncanonical(void)
{
    return same_fault(NONCANONICAL_ADDRESS);
}

static const struct attempt attempts[] = {
    {"the APIC behind a table that is all tables", one_table, DONE},
    {"the APIC behind tables of each other", two_tables, DONE},
    {"the APIC behind the PML4 alone", pml4_alone, DONE},
    {"the APIC in a large page behind a loop", large_page, DONE},
    {"all devices in a page of 1 GiB", huge_page, DONE},
    {"accessed and dirty bits in a loop", accessed_and_dirty, DONE},
    {"code behind the same loop", code_in_loop, DONE},
    {"code in the table that maps it", code_in_table, DONE},
    {"MOVS from the APIC to what is not mapped", absent, FAULT(PF)},
    {"MOVS from the APIC to what is read-only", read_only, FAULT(PF)},
    {"MOVS from the APIC through tables above RAM", tables_above_ram, FAULT(PF)},
    {"MOVS from the APIC through tables in devices", tables_in_devices, FAULT(PF)},
    {"MOVS from the APIC to a large page with reserved bits", large_reserved, FAULT(PF)},
    {"MOVS from the APIC through a large PML4 entry", pml4_large, FAULT(PF)},
    {"MOVS from the APIC to a user page with CR4.SMAP", user_page, FAULT(PF)},
    {"MOVS from the APIC to a non-canonical address", noncanonical, FAULT(GP)},
};

const struct attempt_group paging_devices_group = {attempts, ARRAY_SIZE(attempts)};
