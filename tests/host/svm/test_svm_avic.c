// SPDX-License-Identifier: MIT
// Tests of the AVIC's tables and controls, with a CPU that sends IPIs as the manual says.
#include "arch/svm/svm_avic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/svm/npt.h"
#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_msr_map.h"
#include "arch/svm/svm_tlb.h"
#include "arch/x86/frames.h"
#include "arch/x86/msr_numbers.h"

#define VCPUS 4
#define HOST_ID 5 // a vCPU with the APIC ID n runs on the CPU with the APIC ID HOST_ID + n
#define VECTOR 0x41
#define FLAT UINT32_MAX
#define CLUSTER 0x0fffffffU
#define TPR (0x80 / 4)
#define LDR (0xd0 / 4)
#define DFR (0xe0 / 4)
#define IRR (0x200 / 4)

static struct svm_capability capability;
static unsigned live_frames;
static unsigned frames_left;
static bool page_is_mapped;
static unsigned flushes;

static struct nested_space space;
static struct backend_vcpu backends[VCPUS];
static struct vcpu_core vcpus[VCPUS];
static alignas(PAGE_SIZE) uint32_t pages[VCPUS][PAGE_SIZE / 4];

// ---- Fakes of what svm_avic.c calls ----

const struct svm_capability *svm_capability(void)
{
    return &capability;
}

bool svm_serves_apic(void)
{
    return capability.features & SVM_AVIC;
}

void *frames_allocate(uint64_t count)
{
    if (frames_left < count) {
        return NULL;
    }
    frames_left -= (unsigned)count;
    live_frames += (unsigned)count;
    void *memory = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
    assert_non_null(memory);
    return memset(memory, 0, count * PAGE_SIZE);
}

void frames_release(void *memory, uint64_t count)
{
    live_frames -= (unsigned)count;
    free(memory);
}

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

uint64_t npt_map(struct nested_space *nested, gpa_t gpa, hpa_t hpa, uint64_t bytes, unsigned access)
{
    assert_int_equal(gpa.value, BACKEND_APIC_GPA);
    assert_int_equal(hpa.value, (uintptr_t)nested->apic_access_page);
    assert_int_equal(bytes, PAGE_SIZE);
    assert_int_equal(access, ACCESS_READ | ACCESS_WRITE);
    page_is_mapped = true;
    return bytes;
}

enum status npt_unmap(struct nested_space *nested, gpa_t gpa, uint64_t bytes)
{
    (void)nested;
    assert_int_equal(gpa.value, BACKEND_APIC_GPA);
    assert_int_equal(bytes, PAGE_SIZE);
    page_is_mapped = false;
    return STATUS_OK;
}

void svm_tlb_flush(struct vcpu_core *vcpu)
{
    (void)vcpu;
    flushes++;
}

// ---- The machine ----

static struct vmcb_control *control(unsigned i)
{
    return &backends[i].vmcb.control;
}

static int set_up(void **state)
{
    (void)state;
    capability = (struct svm_capability){.features = SVM_AVIC | SVM_X2AVIC};
    frames_left = 100;
    space = (struct nested_space){.msr_map = frames_allocate(MSR_MAP_PAGES)};
    memset(pages, 0, sizeof(pages));
    assert_int_equal(svm_avic_create(&space), STATUS_OK);
    for (unsigned i = 0; i < VCPUS; i++) {
        backends[i] = (struct backend_vcpu){0};
        vcpus[i] = (struct vcpu_core){.backend = &backends[i],
                                      .nested = &space,
                                      .apic_id = i,
                                      .apic_page = (struct lapic_page *)pages[i]};
        svm_set_v_intr(&vcpus[i], V_INTR_MASKING, V_INTR_MASKING);
        svm_intercepts_set(&vcpus[i], CAUSE_ALWAYS, true);
        svm_intercepts_set(&vcpus[i], CAUSE_CR8_IN_MODEL, true);
        control(i)->clean = CLEAN_ALL;
        svm_avic_create_vcpu(&vcpus[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        svm_avic_destroy_vcpu(&vcpus[i]);
    }
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
        assert_int_equal(space.apics[i], 0);
    }
    svm_avic_destroy(&space);
    frames_release(space.msr_map, MSR_MAP_PAGES);
    assert_int_equal(live_frames, 0);
    return 0;
}

static void run_on(unsigned i)
{
    svm_avic_enter(&vcpus[i], HOST_ID + i);
}

static void set_logical(unsigned i, uint32_t ldr, uint32_t dfr)
{
    pages[i][LDR] = ldr << 24;
    pages[i][DFR] = dfr;
    svm_set_interrupt_status(&vcpus[i], 0, 0);
}

// ---- The CPU (APM Vol. 2 15.29.4, 15.29.9.1) ----

enum outcome { DELIVERED = -1, NOT_RUNNING = 1, INVALID_TARGET = 2 };

static enum outcome put(unsigned id, bool everyone)
{
    const uint64_t *apics =
        (const uint64_t *)(uintptr_t)(control(0)->avic_physical_table & ~(uint64_t)(PAGE_SIZE - 1));
    unsigned last = control(0)->avic_physical_table & 0xfff;
    uint64_t entry = id <= last ? apics[id] : 0;
    if (!(entry & BIT(63))) {
        return everyone ? DELIVERED : INVALID_TARGET;
    }
    uint32_t *page = (uint32_t *)(uintptr_t)(entry & 0x000ffffffffff000ULL);
    page[IRR + VECTOR / 32 * 4] |= 1U << VECTOR % 32;
    if (!(entry & BIT(62))) {
        return NOT_RUNNING;
    }
    assert_int_equal(entry & 0xfff, HOST_ID + id); // the CPU that gets the doorbell
    return DELIVERED;
}

static enum outcome send_physical(unsigned id)
{
    return put(id, false);
}

static enum outcome send_to_everyone(void)
{
    enum outcome outcome = DELIVERED;
    for (unsigned id = 0; id <= 0xfe; id++) {
        outcome = put(id, true) == NOT_RUNNING ? NOT_RUNNING : outcome;
    }
    return outcome;
}

// `flat`: the sender uses the flat model, not the cluster model.
static enum outcome send_logical(uint8_t destination, bool flat)
{
    const uint32_t *table = (const uint32_t *)(uintptr_t)control(0)->avic_logical_table;
    enum outcome outcome = DELIVERED;
    if (!flat) {
        table += 4 * (size_t)(destination >> 4);
        destination &= 0xf;
    }
    for (unsigned bit = 0; bit < 8; bit++) {
        if (!(destination >> bit & 1)) {
            continue;
        }
        if (!(table[bit] & BIT(31))) {
            return INVALID_TARGET;
        }
        outcome = put(table[bit] & 0xff, false) == NOT_RUNNING ? NOT_RUNNING : outcome;
    }
    return outcome;
}

// The vCPUs that have the vector in their page, as bits. Empties the pages.
static unsigned receivers(void)
{
    unsigned who = 0;
    for (unsigned i = 0; i < VCPUS; i++) {
        who |= (unsigned)(pages[i][IRR + VECTOR / 32 * 4] != 0) << i;
        pages[i][IRR + VECTOR / 32 * 4] = 0;
    }
    return who;
}

// ---- Tests ----

static void a_vcpu_begins_in_xapic_mode(void **state)
{
    (void)state;
    assert_true(page_is_mapped);
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(control(i)->v_intr, V_INTR_MASKING | V_AVIC);
        assert_int_equal(control(i)->avic_apic_bar, BACKEND_APIC_GPA);
        assert_int_equal(control(i)->avic_backing_page, (uintptr_t)pages[i]);
        assert_int_equal(control(i)->msrpm_base, (uintptr_t)space.msr_map);
        assert_int_equal(control(i)->cr_reads, 0); // CR8 is the CPU's
        assert_int_equal(control(i)->cr_writes, BIT(4));
    }
}

static void without_avic_nothing_is_touched(void **state)
{
    struct backend_vcpu before = backends[0];
    (void)state;
    capability.features = 0;
    svm_avic_create_vcpu(&vcpus[0]);
    svm_avic_enter(&vcpus[0], 1);
    capability.features = SVM_AVIC;
    before.vmcb.control.v_intr = backends[0].vmcb.control.v_intr;
    assert_memory_equal(&before, &backends[0], sizeof(before));
}

static void what_runs_is_rung_and_what_does_not_exits(void **state)
{
    (void)state;
    assert_int_equal(send_physical(1), NOT_RUNNING);
    assert_int_equal(receivers(), BIT(1));
    run_on(1);
    assert_int_equal(send_physical(1), DELIVERED);
    assert_int_equal(receivers(), BIT(1));
    svm_avic_leave(&vcpus[1]);
    assert_int_equal(send_physical(1), NOT_RUNNING);
    assert_int_equal(send_physical(VCPUS), INVALID_TARGET);
    assert_int_equal(send_physical(0xff), INVALID_TARGET);
}

static void an_ipi_to_everyone_finds_all(void **state)
{
    (void)state;
    run_on(0);
    run_on(2);
    assert_int_equal(send_to_everyone(), NOT_RUNNING);
    assert_int_equal(receivers(), 0xf);
    // A vCPU that is not served gets the IPI too: the sender exits, and Husk wakes the vCPU.
    svm_set_apic_access(&vcpus[2], APIC_ACCESS_EXITS);
    run_on(1);
    run_on(2);
    run_on(3);
    assert_int_equal(send_to_everyone(), NOT_RUNNING);
    assert_int_equal(receivers(), 0xf);
}

static void with_the_erratum_all_ipis_exit(void **state)
{
    (void)state;
    capability.ipis_exit = true;
    run_on(1);
    assert_int_equal(send_physical(1), NOT_RUNNING);
}

static void a_cpu_that_cannot_be_rung_does_not_run(void **state)
{
    (void)state;
    svm_avic_enter(&vcpus[1], 0x1000);
    assert_int_equal(send_physical(1), NOT_RUNNING);
    capability.features = SVM_AVIC;
    svm_avic_enter(&vcpus[1], 0xff);
    assert_int_equal(send_physical(1), NOT_RUNNING);
}

static void what_is_not_served_exits_whole(void **state)
{
    unsigned flushes_before = flushes;
    (void)state;
    set_logical(1, 2, FLAT);
    run_on(1);
    control(1)->clean = CLEAN_ALL;
    svm_set_apic_access(&vcpus[1], APIC_ACCESS_EXITS);
    assert_int_equal(send_physical(1), NOT_RUNNING); // already now
    assert_int_equal(send_logical(2, true), INVALID_TARGET);
    assert_int_equal(control(1)->v_intr, V_INTR_MASKING);
    assert_int_equal(control(1)->cr_reads, BIT(8));
    assert_int_equal(control(1)->cr_writes, BIT(4) | BIT(8));
    assert_int_equal(control(1)->clean & (CLEAN_INTERCEPTS | CLEAN_V_INTR), 0);
    assert_int_equal(flushes, flushes_before + 1);
    assert_true(vcpus[1].work & WORK_ENTRY);
    svm_set_apic_access(&vcpus[1], APIC_ACCESS_MEMORY);
    svm_set_interrupt_status(&vcpus[1], 0, 0);
    assert_int_equal(send_logical(2, true), NOT_RUNNING); // until the vCPU runs again
}

// By the manual's table of x2APIC registers: whether the access does not exit.
static bool passes(unsigned reg, bool write)
{
    if (write) {
        return reg == 0x08 || reg == 0x0b || reg == 0x30;
    }
    return reg == 0x02 || reg == 0x03 || reg == 0x08 || reg == 0x0a || reg == 0x0d ||
           (reg >= 0x0f && reg <= 0x28) || reg == 0x30 || (reg >= 0x33 && reg <= 0x38) ||
           reg == 0x3e;
}

static void in_x2apic_mode_the_msrs_are_open(void **state)
{
    (void)state;
    set_logical(1, 2, FLAT);
    svm_set_apic_access(&vcpus[1], APIC_ACCESS_MSR);
    assert_int_equal(control(1)->v_intr, V_INTR_MASKING | V_AVIC | V_X2AVIC);
    assert_int_equal(control(1)->msrpm_base, (uintptr_t)space.x2apic_msr_map);
    assert_int_equal(control(1)->clean & CLEAN_PERMISSION_MAPS, 0);
    const uint8_t *map = space.x2apic_msr_map;
    for (unsigned msr = 0; msr < 0x2000; msr++) {
        unsigned reg = msr - IA32_X2APIC_FIRST;
        unsigned bits = map[msr / 4] >> msr % 4 * 2 & 3;
        bool is_apic = reg < 0x100;
        assert_int_equal(bits & 1, !(is_apic && passes(reg, false)));
        assert_int_equal(bits >> 1, !(is_apic && passes(reg, true)));
    }
    // In x2APIC mode the CPU makes the logical ID from the APIC ID and uses no table.
    pages[1][LDR] = 2;
    svm_set_interrupt_status(&vcpus[1], 0, 0);
    assert_int_equal(send_logical(2, true), INVALID_TARGET);
}

static void the_task_priority_is_the_pages(void **state)
{
    (void)state;
    control(0)->clean = CLEAN_ALL;
    svm_set_interrupt_status(&vcpus[0], 0x41, 0);
    assert_int_equal(control(0)->clean, CLEAN_ALL);
    pages[0][TPR] = 0x5a;
    svm_set_interrupt_status(&vcpus[0], 0x41, 0);
    assert_int_equal(control(0)->v_intr, V_INTR_MASKING | V_AVIC | 5);
    assert_false(control(0)->clean & CLEAN_V_INTR);
}

static void logical_ids_find_their_vcpus(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        run_on(i);
        set_logical(i, BIT(i), FLAT);
    }
    assert_int_equal(send_logical(0x0d, true), DELIVERED);
    assert_int_equal(receivers(), 0x0d);
    assert_int_equal(send_logical(0x11, true), INVALID_TARGET);
    set_logical(3, 0x80, FLAT); // moved
    (void)receivers();
    assert_int_equal(send_logical(0x08, true), INVALID_TARGET);
    assert_int_equal(send_logical(0x80, true), DELIVERED);
    assert_int_equal(receivers(), 0x08);
    for (unsigned i = 0; i < VCPUS; i++) {
        set_logical(i, 0xe0 | BIT(i), CLUSTER);
    }
    assert_int_equal(send_logical(0xe6, false), DELIVERED);
    assert_int_equal(receivers(), 0x06);
    assert_int_equal(send_logical(0xd1, false), INVALID_TARGET);
}

// Two vCPUs have a logical ID in common: the IPI exits, and the model finds both.
static void what_several_claim_exits(void **state)
{
    (void)state;
    run_on(1);
    run_on(2);
    set_logical(1, 0x02, FLAT);
    set_logical(2, 0x02, FLAT);
    assert_int_equal(send_logical(0x02, true), INVALID_TARGET);
    set_logical(2, 0x04, FLAT);
    assert_int_equal(send_logical(0x04, true), DELIVERED);
    assert_int_equal(send_logical(0x02, true),
                     INVALID_TARGET); // it still exits, which is slow and right
    set_logical(3, 0x02, FLAT);
    assert_int_equal(send_logical(0x02, true), INVALID_TARGET);
    assert_int_equal(receivers(), BIT(2));
}

static void the_page_comes_and_goes(void **state)
{
    (void)state;
    svm_show_apic_page(&space, false);
    assert_false(page_is_mapped);
    svm_show_apic_page(&space, true);
    assert_true(page_is_mapped);
}

static void an_incomplete_ipi_says_why(void **state)
{
    struct vm_exit exit = {0};
    (void)state;
    control(0)->exitinfo1 = 0x03000000000c4041;
    for (uint64_t why = 0; why < 5; why++) {
        control(0)->exitinfo2 = why << 32 | 3;
        svm_decode_incomplete_ipi(control(0), &exit);
        assert_int_equal(exit.kind, EXIT_IPI);
        assert_int_equal(exit.ipi.icr, 0x03000000000c4041);
        assert_int_equal(exit.ipi.sent, why == NOT_RUNNING);
    }
}

static struct vm_exit access(unsigned offset, bool write)
{
    struct vm_exit exit = {0};
    control(0)->exitinfo1 = offset | (write ? BIT(32) : 0);
    control(0)->exitinfo2 = 0x61;
    svm_decode_apic_access(&vcpus[0], &exit);
    return exit;
}

static void accesses_are_traps_or_faults(void **state)
{
    static const uint16_t traps[] = {0x020, 0x0c0, 0x0d0, 0x0e0, 0x0f0, 0x280, 0x300, 0x320,
                                     0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0};
    (void)state;
    assert_int_equal(access(0x0b0, true).kind, EXIT_EOI);
    assert_int_equal(access(0x0b0, true).eoi.vector, 0x61);
    for (unsigned offset = 0; offset < PAGE_SIZE; offset += 16) {
        bool trap = false;
        for (unsigned i = 0; i < ARRAY_SIZE(traps); i++) {
            trap = trap || traps[i] == offset;
        }
        struct vm_exit read = access(offset, false), write = access(offset, true);
        assert_int_equal(read.kind, EXIT_MEMORY);
        assert_int_equal(read.memory.gpa.value, BACKEND_APIC_GPA + offset);
        assert_int_equal(read.memory.access, ACCESS_READ);
        if (trap) {
            assert_int_equal(write.kind, EXIT_APIC_WRITE);
            assert_int_equal(write.apic_write.reg, offset / 16);
        } else if (offset != 0x0b0) {
            assert_int_equal(write.kind, EXIT_MEMORY);
            assert_int_equal(write.memory.access, ACCESS_WRITE);
        }
    }
    svm_set_apic_access(&vcpus[0], APIC_ACCESS_MSR);
    assert_int_equal(access(0x390, false).kind, EXIT_READ_MSR);
    assert_int_equal(access(0x3f0, true).kind, EXIT_WRITE_MSR);
}

static void a_lack_of_frames_is_told_and_leaks_none(void **state)
{
    struct nested_space other = {0};
    unsigned live = live_frames;
    (void)state;
    for (unsigned left = 0; left < 3 + MSR_MAP_PAGES; left++) {
        other = (struct nested_space){0};
        frames_left = left;
        assert_int_equal(svm_avic_create(&other), STATUS_NO_MEMORY);
        svm_avic_destroy(&other);
        assert_int_equal(live_frames, live);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_vcpu_begins_in_xapic_mode),
        TEST(without_avic_nothing_is_touched),
        TEST(what_runs_is_rung_and_what_does_not_exits),
        TEST(an_ipi_to_everyone_finds_all),
        TEST(with_the_erratum_all_ipis_exit),
        TEST(a_cpu_that_cannot_be_rung_does_not_run),
        TEST(what_is_not_served_exits_whole),
        TEST(in_x2apic_mode_the_msrs_are_open),
        TEST(the_task_priority_is_the_pages),
        TEST(logical_ids_find_their_vcpus),
        TEST(what_several_claim_exits),
        TEST(the_page_comes_and_goes),
        TEST(an_incomplete_ipi_says_why),
        TEST(accesses_are_traps_or_faults),
        TEST(a_lack_of_frames_is_told_and_leaks_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
