// SPDX-License-Identifier: MIT
// Tests of guest registers in the VMCB, and of the controls that several files of arch/svm share.
#include "arch/svm/svm_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/svm/npt.h"
#include "arch/svm/svm.h"
#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_code.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_segment.h"
#include "arch/svm/svm_tlb.h"
#include "arch/svm/svm_vmload.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/live_state.h"
#include "arch/x86/registers.h"

#define CR(number) BIT(number) // in the intercepts of CR reads and writes

static struct svm_capability capability;
static struct nested_space space;
static struct backend_vcpu backend;
static struct vcpu_core vcpu;
static alignas(PAGE_SIZE) uint32_t apic_page[PAGE_SIZE / 4];
static alignas(PAGE_SIZE) uint64_t apics[PAGE_SIZE / 8];
static alignas(PAGE_SIZE) uint32_t logical_apics[PAGE_SIZE / 4];
static uint8_t msr_map[1], x2apic_msr_map[1]; // only their addresses count
static unsigned flushes;
static unsigned fetches;
static unsigned stores;

// ---- Fakes of what the tested files call ----

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
    (void)count;
    return NULL;
}

void frames_release(void *memory, uint64_t count)
{
    (void)memory;
    (void)count;
}

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

uint64_t npt_map(struct nested_space *nested, gpa_t gpa, hpa_t hpa, uint64_t bytes, unsigned access)
{
    (void)nested;
    (void)gpa;
    (void)hpa;
    (void)access;
    return bytes;
}

enum status npt_unmap(struct nested_space *nested, gpa_t gpa, uint64_t bytes)
{
    (void)nested;
    (void)gpa;
    (void)bytes;
    return STATUS_OK;
}

void svm_tlb_flush(struct vcpu_core *core)
{
    assert_ptr_equal(core, &vcpu);
    flushes++;
}

void svm_code_forget(struct vcpu_core *core)
{
    assert_ptr_equal(core, &vcpu);
}

void svm_fetch_state(const struct vcpu_core *core)
{
    assert_ptr_equal(core, &vcpu);
    fetches++;
}

void svm_store_state(const struct vcpu_core *core)
{
    assert_ptr_equal(core, &vcpu);
    assert_true(fetches > stores);
    stores++;
}

uint64_t live_state_get_breakpoint(unsigned number)
{
    return 0x100 + number;
}

uint64_t live_state_get_xcr0(void)
{
    return 7;
}

void live_state_set_xcr0(uint64_t value)
{
    assert_int_equal(value, 7);
}

struct cpu *cpu_this(void)
{
    static struct cpu here;
    return &here;
}

void apic_send_fixed(uint32_t apic_id, uint8_t vector)
{
    fail_msg("an interrupt %u was sent to APIC %u", vector, apic_id);
}

// ---- The vCPU, as svm_create_vcpu leaves it ----

static int set_up(void **state)
{
    (void)state;
    capability = (struct svm_capability){.features = SVM_AVIC | SVM_X2AVIC};
    space = (struct nested_space){.msr_map = msr_map,
                                  .x2apic_msr_map = x2apic_msr_map,
                                  .apics = apics,
                                  .logical_apics = logical_apics};
    backend = (struct backend_vcpu){.all_clean = CLEAN_ALL, .cr4_forced = CR4_MCE};
    vcpu = (struct vcpu_core){.backend = &backend,
                              .nested = &space,
                              .apic_page = (struct lapic_page *)apic_page,
                              .cr4_allowed = CR4_MCE | CR4_PAE | CR4_PGE};
    flushes = fetches = stores = 0;
    svm_intercepts_set(&vcpu, CAUSE_ALWAYS, true);
    svm_intercepts_set(&vcpu, CAUSE_CR8_IN_MODEL, true);
    svm_set_register(&vcpu, REG_CR0, CR0_ET);
    svm_set_register(&vcpu, REG_CR4, 0);
    svm_set_register(&vcpu, REG_EFER, 0);
    svm_set_register(&vcpu, REG_INTERRUPT_SHADOW, 0);
    svm_mark_clean(&backend);
    return 0;
}

static void assert_cr_intercepts(uint64_t reads, uint64_t writes)
{
    assert_int_equal(backend.vmcb.control.cr_reads, reads);
    assert_int_equal(backend.vmcb.control.cr_writes, writes);
}

// ---- Tests ----

// The guest reads its own CR4, although the CPU's has MCE.
static void a_hidden_mce_makes_reads_of_cr4_exit(void **state)
{
    (void)state;
    assert_int_equal(svm_get_register(&vcpu, REG_CR4), 0);
    assert_int_equal(backend.vmcb.save.cr4, CR4_MCE);
    assert_cr_intercepts(CR(4) | CR(8), CR(4) | CR(8));
    svm_set_register(&vcpu, REG_CR4, CR4_MCE | CR4_PAE | CR4_SMEP);
    assert_int_equal(svm_get_register(&vcpu, REG_CR4), CR4_MCE | CR4_PAE);
    assert_cr_intercepts(CR(8), CR(4) | CR(8));
    assert_int_equal(backend.vmcb.control.clean & (CLEAN_CR | CLEAN_INTERCEPTS), 0);
}

static void a_hidden_cd_makes_accesses_to_cr0_exit(void **state)
{
    (void)state;
    assert_true(backend.vmcb.control.intercepts & INTERCEPT_CR0_SELECTIVE);
    svm_set_register(&vcpu, REG_CR0, CR0_ET | CR0_CD | CR0_PE);
    assert_int_equal(svm_get_register(&vcpu, REG_CR0), CR0_ET | CR0_CD | CR0_PE);
    assert_int_equal(backend.vmcb.save.cr0, CR0_ET | CR0_PE);
    assert_cr_intercepts(CR(0) | CR(4) | CR(8), CR(0) | CR(4) | CR(8));
    assert_int_equal(flushes, 1);
    svm_set_register(&vcpu, REG_CR0, CR0_ET | CR0_PE);
    assert_true(backend.vmcb.control.intercepts & INTERCEPT_CR0_SELECTIVE);
    assert_cr_intercepts(CR(4) | CR(8), CR(4) | CR(8));
}

// QEMU cannot bear it (`lme_in_wait`).
static void lme_waits_for_lma(void **state)
{
    (void)state;
    svm_set_register(&vcpu, REG_EFER, EFER_LME | EFER_NXE);
    assert_int_equal(svm_get_register(&vcpu, REG_EFER), EFER_LME | EFER_NXE);
    assert_int_equal(backend.vmcb.save.efer, EFER_SVME | EFER_NXE);
    svm_set_register(&vcpu, REG_EFER, EFER_LME | EFER_LMA);
    assert_int_equal(svm_get_register(&vcpu, REG_EFER), EFER_LME | EFER_LMA);
    assert_int_equal(backend.vmcb.save.efer, EFER_SVME | EFER_LME | EFER_LMA);
}

// AVIC serves a first vCPU when it is made, but not when it starts: its 8259s may interrupt it.
static void the_apic_changes_only_what_cr8_does(void **state)
{
    (void)state;
    svm_set_register(&vcpu, REG_CR0, CR0_ET | CR0_CD);
    svm_avic_create_vcpu(&vcpu);
    assert_cr_intercepts(CR(0) | CR(4), CR(0) | CR(4));
    svm_set_apic_access(&vcpu, APIC_ACCESS_EXITS);
    assert_cr_intercepts(CR(0) | CR(4) | CR(8), CR(0) | CR(4) | CR(8));
    assert_int_equal(svm_get_register(&vcpu, REG_CR4), 0);
    svm_set_apic_access(&vcpu, APIC_ACCESS_MSR);
    assert_cr_intercepts(CR(0) | CR(4), CR(0) | CR(4));
}

static void a_window_and_the_apic_share_one_word(void **state)
{
    (void)state;
    svm_set_v_intr(&vcpu, V_INTR_MASKING, V_INTR_MASKING);
    backend.vmcb.control.v_intr |= 9; // the guest's task priority, which the CPU keeps
    svm_mark_clean(&backend);
    svm_request_interrupt_window(&vcpu, true);
    assert_int_equal(backend.vmcb.control.v_intr,
                     V_INTR_MASKING | V_IRQ | V_INTR_PRIORITY_MAX | V_IGN_TPR | 9);
    assert_true(backend.vmcb.control.intercepts & INTERCEPT_VINTR);
    assert_int_equal(backend.vmcb.control.clean & (CLEAN_V_INTR | CLEAN_INTERCEPTS), 0);
    svm_request_interrupt_window(&vcpu, false);
    assert_int_equal(backend.vmcb.control.v_intr, V_INTR_MASKING | 9);
    assert_false(backend.vmcb.control.intercepts & INTERCEPT_VINTR);
    svm_mark_clean(&backend);
    svm_request_interrupt_window(&vcpu, false); // no change
    assert_int_equal(backend.vmcb.control.clean, CLEAN_ALL);
}

static void only_a_write_of_0_forgets_the_waiting_event(void **state)
{
    const struct event event = {.type = EVENT_INTERRUPT, .vector = 0x55};
    const struct event fault = {.type = EVENT_EXCEPTION, .vector = VECTOR_UD};
    (void)state;
    assert_true(svm_inject(&vcpu, &event));
    uint64_t waiting = backend.vmcb.control.eventinj;
    for (unsigned which = 0; which < REG_COUNT; which++) {
        if (which != REG_EVENT_WAITING && which != REG_TRAP && which != REG_STEP) {
            svm_set_register(&vcpu, which, 7);
        }
        assert_int_equal(backend.vmcb.control.eventinj, waiting);
    }
    svm_set_register(&vcpu, REG_EVENT_WAITING, 1);
    assert_int_equal(svm_get_register(&vcpu, REG_EVENT_WAITING), 1);
    assert_false(svm_inject(&vcpu, &fault));
    svm_set_register(&vcpu, REG_EVENT_WAITING, 0);
    assert_int_equal(svm_get_register(&vcpu, REG_EVENT_WAITING), 0);
    assert_true(svm_inject(&vcpu, &event));
}

// A register has the value that was written last, if it can be written.
static void registers_keep_what_is_written(void **state)
{
    (void)state;
    for (unsigned which = 0; which < REG_COUNT; which++) {
        uint64_t before = svm_get_register(&vcpu, which);
        uint64_t value = which == REG_INTERRUPT_SHADOW ? SHADOW_MOV_SS // as IF is clear
                         : which == REG_CR4            ? CR4_PAE
                                                       : 7;
        bool fixed = which >= REG_PDPTE0 && which <= REG_PDPTE3;
        fixed = fixed || which == REG_CPL || which >= REG_EVENT_WAITING;
        if (which == REG_STEP) {
            continue; // it is no state
        }
        svm_set_register(&vcpu, which, value);
        assert_int_equal(svm_get_register(&vcpu, which), fixed ? before : value);
    }
    assert_int_equal(stores, 4); // of the SYSENTER MSRs and SFMASK
}

// APM Vol. 2 15.20: an injected #DB finds DR6 and DR7 as they are.
static void a_trap_sets_its_causes_and_clears_gd(void **state)
{
    (void)state;
    backend.vmcb.save.dr6 = DR6_FIXED;
    backend.vmcb.save.dr7 = DR7_FIXED | DR7_GD | 1;
    svm_mark_clean(&backend);
    svm_set_register(&vcpu, REG_TRAP, 1);
    assert_int_equal(backend.vmcb.save.dr6, DR6_FIXED | 1);
    assert_int_equal(backend.vmcb.save.dr7, DR7_FIXED | 1);
    assert_int_equal(backend.vmcb.control.clean & CLEAN_DR, 0);
    assert_int_equal(backend.vmcb.control.eventinj & 0xff, VECTOR_DB);
    assert_int_equal(svm_get_register(&vcpu, REG_EVENT_WAITING), 1);
}

static void the_write_of_dr7_exits_where_it_is_waited_for(void **state)
{
    (void)state;
    assert_int_equal(backend.vmcb.control.dr_writes, 0);
    svm_set_register(&vcpu, REG_DEBUG_EXIT, 1);
    assert_int_equal(backend.vmcb.control.dr_writes, BIT(5) | BIT(7));
    assert_int_equal(backend.vmcb.control.dr_reads, 0);
    assert_int_equal(svm_get_register(&vcpu, REG_DR2), 0x102);
}

static void the_privilege_level_is_that_of_ss(void **state)
{
    const struct segment user = {.attributes = 0x00f3, .limit = 0xffff};
    (void)state;
    svm_set_segment(&vcpu, SEGMENT_SS, &user);
    svm_set_register(&vcpu, REG_CPL, 0);
    assert_int_equal(svm_get_register(&vcpu, REG_CPL), 3);
    assert_int_equal(backend.vmcb.control.clean & CLEAN_SEGMENTS, 0);
}

// INIT clears the shadow. If it comes in an NMI's handler, the vCPU takes NMIs again.
static void a_cleared_shadow_lets_nmis_in(void **state)
{
    const struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    (void)state;
    assert_true(svm_inject(&vcpu, &nmi));
    assert_int_equal(svm_get_register(&vcpu, REG_INTERRUPT_SHADOW), SHADOW_NMI);
    assert_true(backend.vmcb.control.intercepts & INTERCEPT_IRET);
    svm_set_register(&vcpu, REG_INTERRUPT_SHADOW, 0);
    assert_int_equal(svm_get_register(&vcpu, REG_INTERRUPT_SHADOW), 0);
    assert_false(backend.vmcb.control.intercepts & INTERCEPT_IRET);
    svm_set_register(&vcpu, REG_RFLAGS, RFLAGS_IF);
    svm_set_register(&vcpu, REG_INTERRUPT_SHADOW, SHADOW_NMI | SHADOW_STI);
    assert_int_equal(svm_get_register(&vcpu, REG_INTERRUPT_SHADOW), SHADOW_NMI | SHADOW_STI);
    assert_true(backend.vmcb.control.intercepts & INTERCEPT_IRET);
}

// NMIs stay blocked while the guest executes the IRET of the handler.
static void nmis_are_blocked_to_the_end_of_the_iret(void **state)
{
    const struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    (void)state;
    assert_true(svm_inject(&vcpu, &nmi));
    svm_set_register(&vcpu, REG_RIP, 0x1000);
    svm_nmi_at_iret(&vcpu);
    assert_int_equal(svm_get_register(&vcpu, REG_INTERRUPT_SHADOW), SHADOW_NMI);
    svm_set_register(&vcpu, REG_RIP, 0x2000);
    assert_int_equal(svm_get_register(&vcpu, REG_INTERRUPT_SHADOW), 0);
}

static enum exit_delivery delivery_of(uint64_t exitintinfo)
{
    backend.vmcb.control.exitintinfo = exitintinfo;
    return svm_delivery(&backend.vmcb.control);
}

// An interrupt may have the vector of a double fault.
static void the_exit_says_what_was_being_delivered(void **state)
{
    const uint64_t exception = (uint64_t)EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT;
    const uint64_t interrupt = (uint64_t)EVENTINJ_INTERRUPT << EVENTINJ_TYPE_SHIFT;
    (void)state;
    assert_int_equal(delivery_of(exception | VECTOR_DF), DELIVERY_NONE);
    assert_int_equal(delivery_of(EVENTINJ_VALID | exception | VECTOR_DF), DELIVERY_DOUBLE_FAULT);
    assert_int_equal(delivery_of(EVENTINJ_VALID | exception | VECTOR_AC), DELIVERY_OTHER);
    assert_int_equal(delivery_of(EVENTINJ_VALID | interrupt | VECTOR_DF), DELIVERY_OTHER);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hidden_mce_makes_reads_of_cr4_exit),
        TEST(a_hidden_cd_makes_accesses_to_cr0_exit),
        TEST(lme_waits_for_lma),
        TEST(the_apic_changes_only_what_cr8_does),
        TEST(a_window_and_the_apic_share_one_word),
        TEST(only_a_write_of_0_forgets_the_waiting_event),
        TEST(registers_keep_what_is_written),
        TEST(a_trap_sets_its_causes_and_clears_gd),
        TEST(the_write_of_dr7_exits_where_it_is_waited_for),
        TEST(the_privilege_level_is_that_of_ss),
        TEST(a_cleared_shadow_lets_nmis_in),
        TEST(nmis_are_blocked_to_the_end_of_the_iret),
        TEST(the_exit_says_what_was_being_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
