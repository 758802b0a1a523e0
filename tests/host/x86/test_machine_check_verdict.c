// SPDX-License-Identifier: MIT
// Tests of the verdicts on machine checks: what goes on, which guest ends, when Husk stops.
#include "arch/x86/machine_check_verdict.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ERRATUM_383 0xb600000000010015ULL
#define UNCORRECTED (MC_STATUS_VALID | MC_STATUS_UNCORRECTED)
#define POISON (UNCORRECTED | MC_STATUS_SIGNALED | MC_STATUS_ACTION_REQUIRED)

static const struct machine_check guest = {
    .capabilities = MCG_CAP_RECOVERY | 8, .status = MCG_STATUS_RESTART_VALID, .in_guest = true};
static const struct machine_check husk = {.capabilities = MCG_CAP_RECOVERY | 8,
                                          .status = MCG_STATUS_RESTART_VALID};

static void an_instruction_that_cannot_be_run_again_ends_what_ran(void **state)
{
    (void)state;
    assert_int_equal(machine_check_verdict(&guest), MACHINE_CHECK_GO_ON);
    assert_int_equal(machine_check_verdict(&husk), MACHINE_CHECK_GO_ON);
    struct machine_check check = guest;
    check.status = MCG_STATUS_ERROR_VALID;
    assert_int_equal(machine_check_verdict(&check), MACHINE_CHECK_CANNOT_RUN);
    check.in_guest = false;
    assert_int_equal(machine_check_verdict(&check), MACHINE_CHECK_FATAL);
}

static void a_bank_without_an_error_says_nothing(void **state)
{
    (void)state;
    uint64_t rest = UINT64_MAX & ~MC_STATUS_VALID;
    assert_int_equal(machine_check_bank_verdict(&guest, 0, rest), MACHINE_CHECK_GO_ON);
    assert_int_equal(machine_check_bank_verdict(&husk, 0, rest), MACHINE_CHECK_GO_ON);
}

static void a_corrected_error_is_none(void **state)
{
    (void)state;
    assert_int_equal(machine_check_bank_verdict(&guest, 1, MC_STATUS_VALID), MACHINE_CHECK_GO_ON);
    assert_int_equal(machine_check_bank_verdict(&husk, 1, MC_STATUS_VALID), MACHINE_CHECK_GO_ON);
}

static void a_corrupt_processor_is_lost(void **state)
{
    (void)state;
    uint64_t status = UNCORRECTED | MC_STATUS_CONTEXT_CORRUPT;
    assert_int_equal(machine_check_bank_verdict(&guest, 1, status), MACHINE_CHECK_FATAL);
    assert_int_equal(machine_check_bank_verdict(&husk, 1, status), MACHINE_CHECK_FATAL);
}

// The guest would read the same memory again, for ever.
static void poisoned_memory_ends_the_guest_that_uses_it(void **state)
{
    (void)state;
    assert_int_equal(machine_check_bank_verdict(&guest, 1, POISON), MACHINE_CHECK_CANNOT_RUN);
    assert_int_equal(machine_check_bank_verdict(&guest, 1, POISON & ~MC_STATUS_ACTION_REQUIRED),
                     MACHINE_CHECK_GO_ON);
    assert_int_equal(machine_check_bank_verdict(&guest, 1, POISON & ~MC_STATUS_SIGNALED),
                     MACHINE_CHECK_GO_ON);
}

static void poisoned_memory_stops_husk_only_where_husk_uses_it(void **state)
{
    (void)state;
    struct machine_check check = husk;
    assert_int_equal(machine_check_bank_verdict(&check, 1, POISON), MACHINE_CHECK_GO_ON);
    check.status |= MCG_STATUS_ERROR_VALID;
    assert_int_equal(machine_check_bank_verdict(&check, 1, POISON), MACHINE_CHECK_FATAL);
}

// AMD's processors and old ones of Intel.
static void without_error_recovery_each_uncorrected_error_counts(void **state)
{
    (void)state;
    struct machine_check check = guest;
    check.capabilities = 6;
    assert_int_equal(machine_check_bank_verdict(&check, 4, UNCORRECTED), MACHINE_CHECK_CANNOT_RUN);
}

static void erratum_383_ends_the_guest(void **state)
{
    (void)state;
    struct machine_check check = {.capabilities = 6, .in_guest = true, .has_erratum_383 = true};
    assert_int_equal(machine_check_bank_verdict(&check, 0, ERRATUM_383), MACHINE_CHECK_CANNOT_RUN);
    assert_int_equal(machine_check_bank_verdict(&check, 0, ERRATUM_383 | MC_STATUS_OVERFLOW),
                     MACHINE_CHECK_CANNOT_RUN);
    assert_int_equal(machine_check_bank_verdict(&check, 0, ERRATUM_383 | 2), MACHINE_CHECK_FATAL);
    assert_int_equal(machine_check_bank_verdict(&check, 1, ERRATUM_383), MACHINE_CHECK_FATAL);
    check.in_guest = false;
    assert_int_equal(machine_check_bank_verdict(&check, 0, ERRATUM_383), MACHINE_CHECK_FATAL);
    check.in_guest = true;
    check.has_erratum_383 = false;
    assert_int_equal(machine_check_bank_verdict(&check, 0, ERRATUM_383), MACHINE_CHECK_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instruction_that_cannot_be_run_again_ends_what_ran),
        cmocka_unit_test(a_bank_without_an_error_says_nothing),
        cmocka_unit_test(a_corrected_error_is_none),
        cmocka_unit_test(a_corrupt_processor_is_lost),
        cmocka_unit_test(poisoned_memory_ends_the_guest_that_uses_it),
        cmocka_unit_test(poisoned_memory_stops_husk_only_where_husk_uses_it),
        cmocka_unit_test(without_error_recovery_each_uncorrected_error_counts),
        cmocka_unit_test(erratum_383_ends_the_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
