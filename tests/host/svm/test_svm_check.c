// SPDX-License-Identifier: MIT
// Tests of the rules of VMRUN: a good VMCB breaks none, and one that is broken in one field breaks
// the rule about that field.
#include "arch/svm/svm_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

static const struct svm_limits limits = {.physical_bits = 40};
static struct vmcb vmcb;
static struct checked_rule found;

// A VMCB that breaks no rule.
static int set_up(void **state)
{
    (void)state;
    vmcb = (struct vmcb){.control = {.intercepts = INTERCEPT_IOIO | INTERCEPT_MSR,
                                     .intercepts_svm = INTERCEPT_VMRUN,
                                     .asid = 1,
                                     .nested = NESTED_ENABLE},
                         .save = {.efer = EFER_SVME | EFER_LME | EFER_LMA,
                                  .cr0 = CR0_PG | CR0_PE,
                                  .cr4 = CR4_PAE,
                                  .g_pat = 0x0007040600070406,
                                  .cs = {.attributes = VMCB_ATTRIBUTE_L}}};
    return 0;
}

static void assert_good(void)
{
    if (svm_check(&vmcb, &limits, &found)) {
        fail_msg("%s: %s", found.field, found.rule);
    }
}

// Then the VMCB is good again.
static void assert_breaks(const char *section, const char *field, uint64_t value, const char *rule)
{
    void *state = NULL;
    assert_true(svm_check(&vmcb, &limits, &found));
    assert_string_equal(found.rule, rule);
    assert_string_equal(found.field, field);
    assert_string_equal(found.section, section);
    assert_int_equal(found.value, value);
    set_up(&state);
    assert_good();
}

static void registers_are_checked(void **state)
{
    (void)state;
    assert_good();
    vmcb.save.efer = EFER_LME;
    assert_breaks("15.5.1", "EFER", EFER_LME, "SVME must be set");
    vmcb.save.cr0 |= CR0_NW;
    assert_breaks("15.5.1", "CR0", CR0_PG | CR0_PE | CR0_NW, "NW needs CD");
    vmcb.save.cr0 |= BIT(40);
    assert_breaks("15.5.1", "CR0", CR0_PG | CR0_PE | BIT(40), "bits 63 to 32 must be 0");
    vmcb.save.cr3 = BIT(40);
    assert_breaks("15.5.1", "CR3", BIT(40), "it must be a physical address");
    vmcb.save.cr4 |= BIT(13);
    assert_breaks("15.5.1", "CR4", CR4_PAE | BIT(13), "its reserved bits must be 0");
    vmcb.save.dr6 = BIT(63);
    assert_breaks("15.5.1", "DR6", BIT(63), "bits 63 to 32 must be 0");
    vmcb.save.dr7 = BIT(32);
    assert_breaks("15.5.1", "DR7", BIT(32), "bits 63 to 32 must be 0");
    vmcb.save.efer |= BIT(9);
    assert_breaks("15.5.1", "EFER", EFER_SVME | EFER_LME | EFER_LMA | BIT(9),
                  "its reserved bits must be 0");
}

static void modes_are_checked(void **state)
{
    (void)state;
    vmcb.save.cr4 = 0;
    assert_breaks("15.5.1", "CR4", 0, "long mode needs PAE");
    vmcb.save.cr0 = CR0_PG;
    assert_breaks("15.5.1", "CR0", CR0_PG, "long mode needs PE");
    vmcb.save.cs.attributes |= VMCB_ATTRIBUTE_DB;
    assert_breaks("15.5.1", "CS attributes", VMCB_ATTRIBUTE_L | VMCB_ATTRIBUTE_DB,
                  "in long mode they must not have both L and D");
    vmcb.save.cr4 |= BIT(23);
    assert_breaks("15.5.1", "CR4", CR4_PAE | BIT(23), "CET needs CR0.WP");
    vmcb.save.cr4 = 0;
    vmcb.save.cr0 = CR0_PE; // long mode needs paging
    assert_good();
}

static void controls_are_checked(void **state)
{
    (void)state;
    vmcb.control.intercepts_svm = 0;
    assert_breaks("15.5.1", "intercepts (offset 10H)", 0, "VMRUN must be intercepted");
    vmcb.control.asid = 0;
    assert_breaks("15.5.1", "ASID", 0, "0 is the host's");
    vmcb.control.msrpm_base = BIT(40) - PAGE_SIZE;
    assert_breaks("15.5.1", "MSRPM_BASE_PA", BIT(40) - PAGE_SIZE,
                  "the map must end in physical memory");
    vmcb.control.iopm_base = BIT(40) - 2 * PAGE_SIZE;
    assert_breaks("15.5.1", "IOPM_BASE_PA", BIT(40) - 2 * PAGE_SIZE,
                  "the map must end in physical memory");
    vmcb.control.nested_cr3 = BIT(41);
    assert_breaks("15.25.4", "N_CR3", BIT(41), "it must be a physical address");
    vmcb.save.g_pat = 2;
    assert_breaks("15.25.4", "G_PAT", 2, "each byte must be a memory type");
    vmcb.control.msrpm_base = UINT64_MAX;
    vmcb.control.intercepts = 0; // there is no map
    assert_good();
}

static void events_are_checked(void **state)
{
    static const struct {
        uint64_t event;
        const char *rule; // NULL: it is good
    } events[] = {
        {EVENTINJ_VALID | EVENTINJ_INTERRUPT << EVENTINJ_TYPE_SHIFT | 0xff, NULL},
        {EVENTINJ_VALID | EVENTINJ_NMI << EVENTINJ_TYPE_SHIFT | 2, NULL},
        {EVENTINJ_VALID | EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT | 14, NULL},
        {EVENTINJ_VALID | EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT | 2,
         "no exception has this vector"},
        {EVENTINJ_VALID | EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT | 32,
         "no exception has this vector"},
        {EVENTINJ_VALID | EVENTINJ_SOFTWARE << EVENTINJ_TYPE_SHIFT | 0x80, NULL},
        {EVENTINJ_VALID | 1 << EVENTINJ_TYPE_SHIFT, "its type is reserved"},
        {EVENTINJ_VALID | 7 << EVENTINJ_TYPE_SHIFT, "its type is reserved"},
        {7 << EVENTINJ_TYPE_SHIFT, NULL}, // there is no event, so the type does not count
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        vmcb.control.eventinj = events[i].event;
        if (events[i].rule) {
            assert_breaks("15.20", "EVENTINJ", events[i].event, events[i].rule);
        } else {
            assert_good();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(registers_are_checked, set_up),
        cmocka_unit_test_setup(modes_are_checked, set_up),
        cmocka_unit_test_setup(controls_are_checked, set_up),
        cmocka_unit_test_setup(events_are_checked, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
