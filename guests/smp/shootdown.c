// SPDX-License-Identifier: MIT
// TLB shootdown: what one processor changes in a page table, all others see after an IPI.
#include "guests/smp/shootdown.h"

#include "guests/lib/apic.h"
#include "guests/lib/traps.h"
#include "guests/smp/ipi.h"
#include "guests/smp/processors.h"
#include "guests/smp/report.h"

#define WINDOW (512 * GIB) // above all that the loader maps
#define WINDOW_PML4_INDEX 1
#define ENTRIES_PER_TABLE 512
#define PAGE_PRESENT BIT(0)
#define PAGE_WRITABLE BIT(1)
#define PAGE_ADDRESS_MASK 0x000ffffffffff000ULL
#define PAGE_FAULT_VECTOR 14
#define SHOOT_VECTOR 0x43
#define ROUNDS 25
#define FAULTED 0xfa017edULL // a value that no frame holds

enum forget { FORGET_BY_INVLPG, FORGET_BY_CR3 };

static uint64_t tables[3][ENTRIES_PER_TABLE] __attribute__((aligned(4096)));
static uint64_t frames[2][ENTRIES_PER_TABLE] __attribute__((aligned(4096)));
static volatile uint64_t seen[PROCESSORS_MAX];
static volatile uint32_t acknowledged;
static enum forget how;

static void forget_window(void)
{
    if (how == FORGET_BY_INVLPG) {
        cpu_invalidate_page(WINDOW);
    } else {
        cr3_write(cr3_read());
    }
}

static void on_shoot(struct trap_frame *frame)
{
    (void)frame;
    forget_window();
    __atomic_add_fetch(&acknowledged, 1, __ATOMIC_RELEASE);
    apic_write(APIC_EOI, 0);
}

// Only look_at_window faults, at a MOV of three bytes. The handler puts FAULTED into RAX, the
// target of the MOV.
#define MOV_BYTES 3
static void on_page_fault(struct trap_frame *frame)
{
    frame->rip += MOV_BYTES;
    frame->rax = FAULTED;
}

static void look_at_window(unsigned self, void *argument)
{
    uint64_t value;
    (void)argument;
    __asm__ volatile("mov (%1), %0" : "=a"(value) : "c"(WINDOW) : "memory");
    seen[self] = value;
}

static void set_window(uint64_t entry)
{
    *(volatile uint64_t *)&tables[2][0] = entry;
    forget_window();
    acknowledged = 0;
    ipi_send(0, IPI_FIXED | IPI_OTHERS | APIC_ICR_ASSERT | SHOOT_VECTOR);
    if (!wait_for_count(&acknowledged, processor_count() - 1)) {
        check_fails("acknowledgements", processor_count() - 1, acknowledged);
    }
}

static void all_see(const char *when, uint64_t wanted)
{
    for (unsigned i = 0; i < processor_count(); i++) {
        seen[i] = ~wanted;
    }
    if (!processors_run(processors_all(), look_at_window, NULL)) {
        check_fails("processors that answer", processors_all(), 0);
    }
    for (unsigned i = 0; i < processor_count(); i++) {
        if (seen[i] != wanted) {
            check_fails(when, wanted, seen[i]);
        }
    }
}

static void check(const char *name, enum forget way)
{
    check_begin("TLB shootdown", name);
    how = way;
    for (unsigned round = 0; round < ROUNDS && check_good(); round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
            frames[i][0] = round * 2 + i;
            set_window((uint64_t)(uintptr_t)frames[i] | PAGE_PRESENT | PAGE_WRITABLE);
            all_see("mapped", round * 2 + i);
        }
        set_window(0);
        all_see("unmapped", FAULTED);
    }
    check_end();
}

void shootdown_checks(void)
{
    uint64_t *pml4 = (uint64_t *)(cr3_read() & PAGE_ADDRESS_MASK);
    tables[0][0] = (uint64_t)(uintptr_t)tables[1] | PAGE_PRESENT | PAGE_WRITABLE;
    tables[1][0] = (uint64_t)(uintptr_t)tables[2] | PAGE_PRESENT | PAGE_WRITABLE;
    pml4[WINDOW_PML4_INDEX] = (uint64_t)(uintptr_t)tables[0] | PAGE_PRESENT | PAGE_WRITABLE;
    trap_set_handler(SHOOT_VECTOR, on_shoot);
    trap_set_handler(PAGE_FAULT_VECTOR, on_page_fault);
    check("by INVLPG", FORGET_BY_INVLPG);
    check("by CR3", FORGET_BY_CR3);
    trap_set_handler(PAGE_FAULT_VECTOR, NULL);
}
