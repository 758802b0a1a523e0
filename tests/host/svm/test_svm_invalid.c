// SPDX-License-Identifier: MIT
// Tests of the words that say why VMRUN refuses a guest.
#include "arch/svm/svm_invalid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"

static struct vmcb vmcb;

// A VMCB that breaks no rule.
static int set_up(void **state)
{
    (void)state;
    vmcb = (struct vmcb){.control = {.intercepts_svm = INTERCEPT_VMRUN, .asid = 1},
                         .save = {.efer = EFER_SVME | EFER_LME | EFER_LMA,
                                  .cr0 = CR0_PG | CR0_PE,
                                  .cr4 = CR4_PAE,
                                  .cs = {.attributes = VMCB_ATTRIBUTE_L}}};
    return 0;
}

static void assert_says(const char *words)
{
    assert_string_equal(svm_invalid_text(&vmcb), words);
}

static const char nothing_found[] =
    "reserved bits of CR3, CR4 or EFER, or a map beyond physical memory";

static void controls_are_checked(void **state)
{
    (void)state;
    assert_says(nothing_found);
    vmcb.control.asid = 0;
    assert_says("the ASID is the host's");
    vmcb.control.intercepts_svm = 0;
    assert_says("VMRUN is not intercepted");
}

static void registers_are_checked(void **state)
{
    (void)state;
    vmcb.save.dr7 = BIT(32);
    assert_says("DR7 has bits above 31");
    vmcb.save.dr6 = BIT(63);
    assert_says("DR6 has bits above 31");
    vmcb.save.cr0 |= BIT(40);
    assert_says("CR0 has bits above 31");
    vmcb.save.cr0 |= CR0_NW;
    assert_says("CR0.NW is set and CR0.CD is clear");
    vmcb.save.efer = EFER_LME;
    assert_says("EFER.SVME is clear");
}

static void modes_are_checked(void **state)
{
    (void)state;
    vmcb.save.cs.attributes |= VMCB_ATTRIBUTE_DB;
    assert_says("CS has both L and D");
    vmcb.save.cr0 = CR0_PG;
    assert_says("long mode without CR0.PE");
    vmcb.save.cr4 = 0;
    assert_says("long mode without CR4.PAE");
    vmcb.save.cr0 = CR0_PE; // long mode needs paging
    assert_says(nothing_found);
}

static void events_are_checked(void **state)
{
    static const struct {
        uint64_t event;
        bool valid;
    } events[] = {
        {EVENTINJ_VALID | EVENTINJ_INTERRUPT << EVENTINJ_TYPE_SHIFT | 0xff, true},
        {EVENTINJ_VALID | EVENTINJ_NMI << EVENTINJ_TYPE_SHIFT | 2, true},
        {EVENTINJ_VALID | EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT | 14, true},
        {EVENTINJ_VALID | EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT | 2, false},
        {EVENTINJ_VALID | EVENTINJ_EXCEPTION << EVENTINJ_TYPE_SHIFT | 32, false},
        {EVENTINJ_VALID | EVENTINJ_SOFTWARE << EVENTINJ_TYPE_SHIFT | 0x80, true},
        {EVENTINJ_VALID | 1 << EVENTINJ_TYPE_SHIFT, false},
        {EVENTINJ_VALID | 7 << EVENTINJ_TYPE_SHIFT, false},
        {7 << EVENTINJ_TYPE_SHIFT, true}, // there is no event, so the type does not count
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        vmcb.control.eventinj = events[i].event;
        assert_says(events[i].valid ? nothing_found : "EVENTINJ is not valid");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(controls_are_checked, set_up),
        cmocka_unit_test_setup(registers_are_checked, set_up),
        cmocka_unit_test_setup(modes_are_checked, set_up),
        cmocka_unit_test_setup(events_are_checked, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
