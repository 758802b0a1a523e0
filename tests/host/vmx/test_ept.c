// SPDX-License-Identifier: MIT
// Tests of the entries of the EPT: memory types, and large pages that do not execute.
#include "arch/vmx/ept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_tlb.h"
#include "arch/x86/errata.h"
#include "arch/x86/frames.h"
#include "arch/x86/nested_table.h"
#include "vmm/backend.h"

#define WRITE_BACK 0x30U // the type, SDM Vol. 3C 29.3.7
#define IGNORE_PAT 0x40U
#define READ_WRITE 3U
#define EXECUTE 4U
#define TYPE_AND_ACCESS 0x7fU

static struct vmx_capability capability;
static struct nested_space space;
static bool self_snoop_fails;
static unsigned flushes;

const struct vmx_capability *vmx_capability(void)
{
    return &capability;
}

void vmx_flush_nested(const struct vmx_capability *of, uint64_t eptp)
{
    assert_ptr_equal(of, &capability);
    assert_int_equal(eptp, space.eptp);
    flushes++;
}

bool erratum_in_force(enum erratum erratum)
{
    assert_int_equal(erratum, ERRATUM_SELF_SNOOP);
    return self_snoop_fails;
}

void *frames_allocate(uint64_t pages)
{
    void *memory = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
    assert_non_null(memory);
    return memset(memory, 0, pages * PAGE_SIZE);
}

void frames_release(void *memory, uint64_t pages)
{
    (void)pages;
    free(memory);
}

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

void *frames_virtual(uint64_t physical)
{
    return (void *)(uintptr_t)physical;
}

static int set_up(void **state)
{
    (void)state;
    capability = (struct vmx_capability){.ept_vpid = EPT_CAP_2M, .page_size_change_safe = true};
    space = (struct nested_space){0};
    self_snoop_fails = false;
    flushes = 0;
    assert_int_equal(ept_create(&space), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    while (!ept_destroy(&space)) {
    }
    return 0;
}

// Maps 2 MiB at 0, and returns the type and the access of the large page's entry.
static uint64_t large_page(void)
{
    unsigned access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE;
    assert_int_equal(ept_map(&space, gpa(0), hpa(4 * MIB), 2 * MIB, access), 2 * MIB);
    uint64_t *table = space.root;
    for (unsigned level = NESTED_LEVELS; level > 2; level--) {
        table = nested_table_of(*nested_entry(table, gpa(0), level));
    }
    assert_true(*nested_entry(table, gpa(0), 2) & NESTED_LARGE);
    return *nested_entry(table, gpa(0), 2) & TYPE_AND_ACCESS;
}

static void guests_choose_memory_types(void **state)
{
    (void)state;
    assert_int_equal(large_page(), WRITE_BACK | READ_WRITE | EXECUTE);
}

static void without_self_snooping_their_types_do_not_count(void **state)
{
    (void)state;
    self_snoop_fails = true;
    assert_int_equal(large_page(), WRITE_BACK | IGNORE_PAT | READ_WRITE | EXECUTE);
}

// The small pages of a large one that is executed keep its type.
static void split_pages_keep_the_type(void **state)
{
    (void)state;
    self_snoop_fails = true;
    capability.page_size_change_safe = false;
    assert_int_equal(large_page(), WRITE_BACK | IGNORE_PAT | READ_WRITE);
    assert_true(ept_allow_execute(&space, gpa(0x5000)));
    assert_int_equal(flushes, 1);
    uint64_t *table = space.root;
    for (unsigned level = NESTED_LEVELS; level > 1; level--) {
        table = nested_table_of(*nested_entry(table, gpa(0x5000), level));
    }
    assert_int_equal(*nested_entry(table, gpa(0x5000), 1) & TYPE_AND_ACCESS,
                     WRITE_BACK | IGNORE_PAT | READ_WRITE | EXECUTE);
    assert_int_equal(*nested_entry(table, gpa(0x6000), 1) & TYPE_AND_ACCESS,
                     WRITE_BACK | IGNORE_PAT | READ_WRITE);
}

static void the_way_of_an_address_tells_rights_and_type(void **state)
{
    struct nested_way way;
    (void)state;
    self_snoop_fails = true;
    capability.page_size_change_safe = false;
    (void)large_page();
    ept_find(&space, gpa(0x5123), &way);
    assert_int_equal(way.step_count, 3);
    assert_int_equal(way.steps[0].access, ACCESS_ALL);
    assert_int_equal(way.steps[2].access, ACCESS_READ | ACCESS_WRITE);
    assert_int_equal(way.page_bytes, 2 * MIB);
    assert_int_equal(way.hpa.value, 4 * MIB + 0x5123);
    assert_int_equal(way.memory_type, 6);
    assert_true(way.ignores_pat);
    ept_find(&space, gpa(2 * MIB), &way);
    assert_int_equal(way.steps[2].access, 0);
    assert_int_equal(way.page_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(guests_choose_memory_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_self_snooping_their_types_do_not_count, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(split_pages_keep_the_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_way_of_an_address_tells_rights_and_type, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
