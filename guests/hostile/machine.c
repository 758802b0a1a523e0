// SPDX-License-Identifier: MIT
// The machine that the attempts work on: its initial state, the end of its memory, and a window to
// any physical address.
#include "guests/hostile/machine.h"

#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"
#include "guests/lib/rtc.h"
#include "guests/lib/traps.h"

#define CMOS_ABOVE_16M_LOW 0x34
#define CMOS_ABOVE_16M_HIGH 0x35
#define CMOS_EXTENDED_LOW 0x30
#define CMOS_EXTENDED_HIGH 0x31
#define CMOS_EXTENDED_UNIT KIB
#define CMOS_ABOVE_16M_UNIT (64 * KIB)
#define ELCR_MASTER 0x4d0
#define ELCR_SLAVE 0x4d1
#define RTC_STATUS_B 0x0b
#define RTC_STATUS_C 0x0c
#define RTC_24_HOURS 0x02
#define FIRST_INTERRUPT 32
#define FIRST_APIC_VECTOR 16
#define STAND_IN_VECTOR 0x30 // a vector whose entry takes no error code
#define VECTOR_WORDS 8
#define TABLE_ALIGNED __attribute__((aligned(4096)))

static uint64_t window_pdpt[ENTRIES_PER_TABLE] TABLE_ALIGNED;
static uint64_t window_pd[ENTRIES_PER_TABLE] TABLE_ALIGNED;
static uint64_t spare_table[ENTRIES_PER_TABLE] TABLE_ALIGNED;

static uint32_t interrupts[IDT_VECTORS];
static volatile uint32_t interrupts_left; // 0: no limit
static volatile uint32_t masked;
static bool apic_vectors;

static struct {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t memory_end;
} before;

// The highest vector that the local APIC has in service; 0: none.
static unsigned vector_in_service(void)
{
    for (unsigned word = VECTOR_WORDS; word-- > 0;) {
        const uint32_t bits = apic_read(APIC_ISR + word * APIC_REGISTER_STEP);
        if (bits != 0) {
            return word * 32 + 31 - (unsigned)__builtin_clz(bits);
        }
    }
    return 0;
}

// Counts an interrupt only if it came by the entry of its vector.
static void take_apic_vector(const struct trap_frame *frame)
{
    const unsigned vector = vector_in_service();
    const unsigned entry = vector < FIRST_INTERRUPT ? STAND_IN_VECTOR : vector;
    interrupts[entry == frame->vector ? vector : 0]++;
    apic_write(APIC_EOI, 0);
}

static void count_interrupt(struct trap_frame *frame)
{
    if (frame->vector != VECTOR_NMI && !(frame->rflags & RFLAGS_IF)) {
        __atomic_add_fetch(&masked, 1, __ATOMIC_RELAXED);
    }
    if (interrupts_left > 0 && --interrupts_left == 0) {
        frame->rflags &= ~RFLAGS_IF;
    }
    if (apic_vectors && frame->vector != VECTOR_NMI) {
        take_apic_vector(frame);
        return;
    }
    interrupts[frame->vector]++;
    if (frame->vector == VECTOR_NMI) {
        return;
    }
    if (frame->vector >= PIC_VECTOR && frame->vector < PIC_VECTOR + 16) {
        pic_end_of_interrupt((unsigned)frame->vector - PIC_VECTOR);
    } else {
        apic_write(APIC_EOI, 0);
    }
}

// For an exception with an error code the entry would take one from the stack, but an interrupt
// pushes none. So these vectors get the entry of STAND_IN_VECTOR.
static void set_exception_entries(bool stand_in)
{
    apic_vectors = stand_in;
    for (unsigned vector = FIRST_APIC_VECTOR; vector < FIRST_INTERRUPT; vector++) {
        idt_set(vector, trap_entry(stand_in ? STAND_IN_VECTOR : vector), 0, 0);
    }
}

void machine_take_apic_vectors(void)
{
    pic_mask_all();
    set_exception_entries(true);
}

void machine_limit_interrupts(uint32_t count)
{
    interrupts_left = count;
}

uint32_t machine_interrupts(unsigned vector)
{
    return *(volatile uint32_t *)&interrupts[vector];
}

uint32_t machine_masked_interrupts(void)
{
    return masked;
}

static uint64_t read_memory_end(void)
{
    const uint64_t extended =
        (cmos_read(CMOS_EXTENDED_HIGH) << 8 | cmos_read(CMOS_EXTENDED_LOW)) * CMOS_EXTENDED_UNIT;
    const uint64_t above_16m =
        (uint64_t)(cmos_read(CMOS_ABOVE_16M_HIGH) << 8 | cmos_read(CMOS_ABOVE_16M_LOW)) *
        CMOS_ABOVE_16M_UNIT;
    return above_16m != 0 ? 16 * MIB + above_16m : MIB + extended;
}

uint64_t machine_memory_end(void)
{
    return before.memory_end;
}

unsigned machine_physical_bits(void)
{
    return cpuid_if_present(0x80000008, 0).eax & 0xff;
}

// Makes all lines edge-triggered and switches the clock's interrupts off. Otherwise a level that
// nobody takes back would interrupt for ever.
static void restore_lines(void)
{
    out8(ELCR_MASTER, 0);
    out8(ELCR_SLAVE, 0);
    out8(CMOS_INDEX, RTC_STATUS_B);
    out8(CMOS_DATA, RTC_24_HOURS);
    cmos_read(RTC_STATUS_C);
    pic_init();
    pit_stop();
}

static uint64_t address_of(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

static void init_window(void)
{
    uint64_t *pml4 = (uint64_t *)(uintptr_t)(before.cr3 & PAGE_ADDRESS_MASK);
    window_pdpt[0] = address_of(window_pd) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER;
    pml4[PROBE_WINDOW / (512 * GIB)] =
        address_of(window_pdpt) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER;
}

uint64_t *probe_directory(void)
{
    return window_pd;
}

uint64_t *probe_spare_table(void)
{
    return spare_table;
}

uint64_t probe_map(uint64_t physical, uint64_t flags)
{
    const uint64_t base = ALIGN_DOWN(physical, PAGE_SIZE_2M);
    for (unsigned i = 0; i < PROBE_WINDOW_BYTES / PAGE_SIZE_2M; i++) {
        window_pd[i] = (base + i * PAGE_SIZE_2M) | PAGE_PRESENT | PAGE_LARGE | flags;
        cpu_invalidate_page(PROBE_WINDOW + i * PAGE_SIZE_2M);
    }
    return PROBE_WINDOW + (physical - base);
}

void machine_restore(void)
{
    cpu_interrupts_off();
    dr7_write(DR7_FIXED);
    cr0_write(before.cr0);
    cr4_write(before.cr4);
    cr3_write(before.cr3);
    cr8_write(0);
    msr_write(IA32_EFER, before.efer);
    descriptors_load();
    set_exception_entries(false);
    init_window();
    restore_lines();
    apic_set_mode(APIC_MODE_XAPIC);
    print_init();
}

void machine_init(void)
{
    before.cr0 = cr0_read();
    before.cr3 = cr3_read();
    before.cr4 = cr4_read();
    before.efer = msr_read(IA32_EFER) & ~EFER_LMA;
    before.memory_end = read_memory_end();
    for (unsigned vector = FIRST_INTERRUPT; vector < IDT_VECTORS; vector++) {
        trap_set_handler(vector, count_interrupt);
    }
    trap_set_handler(VECTOR_NMI, count_interrupt);
    machine_restore();
}
