// SPDX-License-Identifier: MIT
// Tests of finding a guest's code for a back end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"

#define TABLES 0x10000 // PML4, PDPT, directory, table: a page each
#define CODE 0x20000
#define ADDRESS 0xffff800000003123ULL
#define PRESENT_WRITABLE 3
#define PRESENT_WRITABLE_ACCESSED 0x23
#define NO_EXECUTE BIT(63)
#define OUTSIDE (1 * GIB)

static uint64_t *entry_at(uint64_t address)
{
    uint64_t *entry = guest_memory_at(&fake_machine.vm->memory, gpa(address), sizeof(*entry));
    assert_non_null(entry);
    return entry;
}

static uint64_t *table_entry(unsigned level, uint64_t index)
{
    return entry_at(TABLES + level * PAGE_SIZE + index * sizeof(uint64_t));
}

// Starts a VM in long mode and maps ADDRESS to CODE.
static int set_up(void **state)
{
    (void)fake_machine_set_up_long(state);
    fake_machine_set_register(REG_CR3, TABLES);
    fake_machine_set_register(REG_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    for (unsigned level = 0; level < 3; level++) {
        *table_entry(level, level == 0 ? 256 : 0) =
            (TABLES + (level + 1) * PAGE_SIZE) | PRESENT_WRITABLE;
    }
    *table_entry(3, 3) = CODE | PRESENT_WRITABLE;
    return 0;
}

static bool find(uint64_t address, struct guest_code *code)
{
    return vcpu_find_code(&fake_machine.vcpu->core, gva(address), code);
}

static void code_is_found_with_its_steps(void **state)
{
    struct guest_code code;
    (void)state;
    assert_true(find(ADDRESS, &code));
    assert_ptr_equal(code.bytes,
                     guest_memory_at(&fake_machine.vm->memory, gpa(CODE + ADDRESS % PAGE_SIZE), 1));
    assert_true(code.lasting);
    assert_ptr_equal(code.steps[0].at, table_entry(0, 256));
    assert_ptr_equal(code.steps[3].at, table_entry(3, 3));
    for (unsigned i = 0; i < GUEST_CODE_STEPS; i++) {
        assert_int_equal(*code.steps[i].at, code.steps[i].entry); // with the bits that it set
    }
    assert_int_equal(code.steps[3].entry, CODE | PRESENT_WRITABLE_ACCESSED);
}

static void a_large_page_repeats_its_last_step(void **state)
{
    struct guest_code code;
    (void)state;
    *table_entry(2, 0) = PRESENT_WRITABLE | BIT(7); // 2 MiB from 0
    assert_true(find(ADDRESS, &code));
    assert_ptr_equal(code.bytes, guest_memory_at(&fake_machine.vm->memory, gpa(0x3123), 1));
    assert_ptr_equal(code.steps[2].at, table_entry(2, 0));
    assert_ptr_equal(code.steps[3].at, table_entry(2, 0));
}

static void what_cannot_be_executed_is_not_found(void **state)
{
    struct guest_code code;
    (void)state;
    assert_false(find(ADDRESS + PAGE_SIZE, &code)); // not mapped
    *table_entry(3, 3) = CODE | PRESENT_WRITABLE | NO_EXECUTE;
    assert_false(find(ADDRESS, &code));
    *table_entry(3, 3) = OUTSIDE | PRESENT_WRITABLE; // not RAM
    assert_false(find(ADDRESS, &code));
    *table_entry(2, 0) = OUTSIDE | PRESENT_WRITABLE; // its table is not
    assert_false(find(ADDRESS, &code));
}

static void without_long_mode_nothing_lasts(void **state)
{
    struct guest_code code;
    (void)state;
    fake_machine_set_register(REG_EFER, 0);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_ET);
    assert_true(find(CODE, &code));
    assert_ptr_equal(code.bytes, guest_memory_at(&fake_machine.vm->memory, gpa(CODE), 1));
    assert_false(code.lasting);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(code_is_found_with_its_steps),
        TEST(a_large_page_repeats_its_last_step),
        TEST(what_cannot_be_executed_is_not_found),
        TEST(without_long_mode_nothing_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
