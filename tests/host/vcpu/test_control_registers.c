// SPDX-License-Identifier: MIT
// Tests of writes to CR0, CR4, CR8 and XCR0 in every mode.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/control_registers.h"
#include "vmm/vcpu/cpuid_build.h"

#define PDPT 0x3000

// Returns true if the write did not fault.
static bool writes(uint8_t number, uint64_t value)
{
    struct vm_exit exit = {.kind = EXIT_CONTROL_REGISTER,
                           .cr = {.number = number, .write = true, .gpr = GPR_RDX}};
    uint64_t rip = fake_machine_register(REG_RIP);
    fake_machine_gpr()[GPR_RDX] = value;
    if (fake_machine_exit(exit) == RETRY) {
        assert_true(fake_backend_last_event()->has_error_code);
        assert_int_equal(fake_backend_last_event()->error_code, 0);
        assert_true(fake_machine_take_fault(VECTOR_GP));
        assert_int_equal(fake_machine_register(REG_RIP), rip);
        return false;
    }
    assert_int_equal(fake_machine_register(REG_RIP), rip + FAKE_INSTRUCTION_BYTES);
    return true;
}

static bool writes_whole(uint8_t number, uint64_t value) // CLTS, LMSW
{
    struct vm_exit exit = {
        .kind = EXIT_CONTROL_REGISTER,
        .cr = {.number = number, .write = true, .immediate = true, .value = value}};
    return fake_machine_exit(exit) == ADVANCE;
}

static uint64_t read_cr(uint8_t number, uint8_t gpr)
{
    struct vm_exit exit = {.kind = EXIT_CONTROL_REGISTER, .cr = {.number = number, .gpr = gpr}};
    assert_int_equal(fake_machine_exit(exit), ADVANCE);
    return vcpu_gpr(fake_machine.vcpu, gpr);
}

static void set_long(bool active, bool code64)
{
    struct segment *cs = &fake_machine.vcpu->core.backend->segments[SEGMENT_CS];
    cs->attributes = code64 ? 0xa09b : 0xc09b;
    fake_machine_set_register(REG_EFER, EFER_LME | (active ? EFER_LMA : 0));
}

// ---- Reading ----

static void reading_goes_to_any_register(void **state)
{
    (void)state;
    fake_machine_set_register(REG_CR0, 0x60000010);
    fake_machine_set_register(REG_CR4, 0x20);
    assert_int_equal(read_cr(0, GPR_R9), 0x60000010);
    assert_int_equal(read_cr(4, GPR_RSP), 0x20);
    assert_int_equal(fake_machine_register(REG_RSP), 0x20);
    lapic_set_cr8(&fake_machine.vcpu->lapic, 5);
    assert_int_equal(read_cr(8, GPR_RAX), 5);
}

// ---- CR0 ----

static void cr0_takes_what_exists(void **state)
{
    (void)state;
    assert_true(writes(0, CR0_PE));
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE | CR0_ET); // ET is always 1
    assert_true(writes(0, 0xffffffff));                                // unknown bits are ignored
    assert_int_equal(fake_machine_register(REG_CR0), CR0_DEFINED);
    assert_true(writes(0, 0));
    assert_int_equal(fake_machine_register(REG_CR0), CR0_ET);
}

static void cr0_refuses_contradictions(void **state)
{
    (void)state;
    assert_false(writes(0, CR0_PG));
    assert_false(writes(0, CR0_NW));
    assert_false(writes(0, CR0_NW | CR0_PE));
    assert_true(writes(0, CR0_NW | CR0_CD));
    assert_true(writes(0, CR0_CD));
}

static void cr0_outside_of_64_bit_mode_is_32_bits(void **state)
{
    (void)state;
    assert_true(writes(0, 0xff00000000000000 | CR0_PE));
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE | CR0_ET);
}

static void cr0_in_64_bit_mode_refuses_upper_bits(void **state)
{
    (void)state;
    set_long(true, true);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG);
    assert_false(writes(0, BIT(32) | CR0_PE | CR0_PG));
    assert_true(writes(0, CR0_PE | CR0_PG | CR0_WP));
}

static void clts_and_lmsw_give_the_whole_value(void **state)
{
    (void)state;
    fake_machine_gpr()[0] = UINT64_MAX; // not looked at
    assert_true(writes_whole(0, CR0_PE | CR0_TS | CR0_ET));
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE | CR0_TS | CR0_ET);
    assert_true(writes_whole(0, CR0_PE | CR0_ET));
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE | CR0_ET);
}

// ---- Long mode on and off ----

static void paging_with_lme_activates_long_mode(void **state)
{
    (void)state;
    set_long(false, false);
    fake_machine_set_register(REG_CR0, CR0_PE);
    assert_false(writes(0, CR0_PE | CR0_PG)); // PAE is off
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    assert_true(writes(0, CR0_PE | CR0_PG));
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME | EFER_LMA);
}

static void long_mode_is_not_entered_from_a_64_bit_segment(void **state)
{
    (void)state;
    set_long(false, true);
    fake_machine_set_register(REG_CR0, CR0_PE);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    assert_false(writes(0, CR0_PE | CR0_PG));
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME);
    assert_int_equal(fake_machine_register(REG_CR0), CR0_PE);
}

static void long_mode_is_left_from_compatibility_mode(void **state)
{
    (void)state;
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    set_long(true, true);
    assert_false(writes(0, CR0_PE)); // 64-bit mode cannot
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME | EFER_LMA);
    set_long(true, false);
    fake_machine_set_register(REG_CR4, CR4_PAE | CR4_PCIDE);
    assert_false(writes(0, CR0_PE));
    fake_machine_set_register(REG_CR4, CR4_PAE);
    assert_true(writes(0, CR0_PE));
    assert_int_equal(fake_machine_register(REG_EFER), EFER_LME);
}

// ---- PAE paging ----

static void write_pdptes(uint64_t third)
{
    const uint64_t entries[4] = {0x4001, 0, third, 0x7001};
    void *table = guest_memory_at(&fake_machine.vm->memory, gpa(PDPT), sizeof(entries));
    assert_non_null(table);
    memcpy(table, entries, sizeof(entries));
    fake_machine_set_register(REG_CR3, PDPT | 0x18); // PWT and PCD are no part of the address
}

static void pae_paging_loads_its_four_entries(void **state)
{
    (void)state;
    write_pdptes(0x6001);
    fake_machine_set_register(REG_CR0, CR0_PE);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    assert_true(writes(0, CR0_PE | CR0_PG));
    assert_int_equal(fake_machine_register(REG_PDPTE0), 0x4001);
    assert_int_equal(fake_machine_register(REG_PDPTE1), 0);
    assert_int_equal(fake_machine_register(REG_PDPTE2), 0x6001);
    assert_int_equal(fake_machine_register(REG_PDPTE3), 0x7001);
    assert_int_equal(fake_machine_register(REG_EFER), 0);
}

static void reserved_bits_of_an_entry_fault(void **state)
{
    static const uint64_t bad[] = {BIT(1), BIT(2), BIT(5), BIT(6), BIT(8), BIT(46), BIT(63)};
    (void)state;
    fake_machine_set_register(REG_CR0, CR0_PE);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        write_pdptes(0x6001 | bad[i]);
        assert_false(writes(0, CR0_PE | CR0_PG));
        assert_int_equal(fake_machine_register(REG_PDPTE0), 0); // nothing was loaded
        assert_int_equal(fake_machine_register(REG_CR0), CR0_PE);
    }
    write_pdptes(0x6000 | BIT(5)); // not present, so its reserved bit does not count
    assert_true(writes(0, CR0_PE | CR0_PG));
}

static void where_walks_read_the_entries_nobody_looks_at_them_before(void **state)
{
    (void)state;
    fake_backend.ops.loads_pdptes = false;
    fake_machine_set_register(REG_CR0, CR0_PE);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    write_pdptes(0x6001 | BIT(5));
    assert_true(writes(0, CR0_PE | CR0_PG));
}

static void entries_outside_ram_fault(void **state)
{
    (void)state;
    fake_machine_set_register(REG_CR0, CR0_PE);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    fake_machine_set_register(REG_CR3, FAKE_VM_BYTES);
    assert_false(writes(0, CR0_PE | CR0_PG));
    fake_machine_set_register(REG_CR3, 0xffffffe0);
    assert_false(writes(0, CR0_PE | CR0_PG));
}

static void changes_that_reload_the_entries(void **state)
{
    (void)state;
    write_pdptes(0x6001);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG | CR0_ET);
    assert_true(writes(4, CR4_PAE)); // from 32-bit paging
    assert_int_equal(fake_machine_register(REG_PDPTE2), 0x6001);
    write_pdptes(0x8001);
    assert_true(writes(0, CR0_PE | CR0_PG | CR0_WP)); // WP does not load them
    assert_int_equal(fake_machine_register(REG_PDPTE2), 0x6001);
    assert_true(writes(4, CR4_PAE | CR4_PGE));
    assert_int_equal(fake_machine_register(REG_PDPTE2), 0x8001);
    write_pdptes(0x9001);
    assert_true(writes(0, CR0_PE | CR0_PG | CR0_CD));
    assert_int_equal(fake_machine_register(REG_PDPTE2), 0x9001);
    write_pdptes(0x9003);
    assert_false(writes(4, CR4_PAE));
    assert_int_equal(fake_machine_register(REG_CR4), CR4_PAE | CR4_PGE);
}

static void paging_of_other_kinds_loads_none(void **state)
{
    (void)state;
    write_pdptes(0xffffffffffffffff);
    fake_machine_set_register(REG_CR0, CR0_PE);
    assert_true(writes(0, CR0_PE | CR0_PG)); // 32 bits
    assert_true(writes(0, CR0_PE));
    fake_machine_set_register(REG_CR4, CR4_PAE);
    set_long(false, false);
    assert_true(writes(0, CR0_PE | CR0_PG)); // long mode
    assert_int_equal(fake_machine_register(REG_PDPTE2), 0);
}

// ---- CR4 ----

static void cr4_takes_only_what_cpuid_shows(void **state)
{
    (void)state;
    assert_true(writes(4, CR4_PAE | CR4_PGE | CR4_OSFXSR));
    assert_int_equal(fake_machine_register(REG_CR4), CR4_PAE | CR4_PGE | CR4_OSFXSR);
    assert_false(writes(4, CR4_VMXE));
    assert_false(writes(4, CR4_SMXE));
    assert_false(writes(4, CR4_LA57));
    assert_false(writes(4, BIT(31)));
    assert_int_equal(fake_machine_register(REG_CR4), CR4_PAE | CR4_PGE | CR4_OSFXSR);
    for (unsigned bit = 0; bit < 32; bit++) {
        bool allowed = (fake_machine.vcpu->core.cr4_allowed & BIT(bit)) && BIT(bit) != CR4_PCIDE;

        assert_int_equal(writes(4, BIT(bit)), allowed);
    }
}

static void cr4_in_64_bit_mode_refuses_upper_bits(void **state)
{
    (void)state;
    set_long(true, true);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    assert_false(writes(4, CR4_PAE | BIT(32)));
    assert_false(writes(4, CR4_PAE | BIT(63)));
    assert_false(writes(4, 0)); // PAE stays on in long mode
    assert_true(writes(4, CR4_PAE | CR4_PSE));
}

static void pcide_needs_long_mode_and_process_0(void **state)
{
    (void)state;
    assert_false(writes(4, CR4_PAE | CR4_PCIDE));
    set_long(true, true);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    fake_machine_set_register(REG_CR3, 0x1001);
    assert_false(writes(4, CR4_PAE | CR4_PCIDE));
    fake_machine_set_register(REG_CR3, 0x1000);
    assert_true(writes(4, CR4_PAE | CR4_PCIDE));
    fake_machine_set_register(REG_CR3, 0x1001);
    assert_true(writes(4, CR4_PAE | CR4_PCIDE | CR4_PSE)); // once on, CR3 may be anything
    assert_true(writes(4, CR4_PAE));
}

static void cpuid_follows_cr4(void **state)
{
    const struct cpuid_table *table = &fake_machine.vcpu->cpuid;
    (void)state;
    assert_true(writes(4, CR4_OSXSAVE));
    assert_true(cpuid_table_find(table, 1, 0).ecx & BIT(27));
    assert_true(writes(4, 0));
    assert_false(cpuid_table_find(table, 1, 0).ecx & BIT(27));
}

// ---- CR8 ----

static void cr8_is_the_task_priority(void **state)
{
    (void)state;
    set_long(true, true);
    fake_machine.vcpu->core.work = 0;
    assert_true(writes(8, 5));
    assert_int_equal(lapic_cr8(&fake_machine.vcpu->lapic), 5);
    assert_true(fake_machine.vcpu->core.work & WORK_EVENTS); // an interrupt may be deliverable
    assert_true(writes(8, 15));
    assert_false(writes(8, 16));
    assert_false(writes(8, BIT(63)));
    assert_int_equal(read_cr(8, GPR_RBX), 15);
}

// ---- XCR0 ----

static bool sets_xcr0(uint32_t index, uint64_t value)
{
    uint64_t *gpr = fake_machine_gpr();
    gpr[GPR_RCX] = 0x7777777700000000 | index;
    gpr[GPR_RAX] = 0x7777777700000000 | (uint32_t)value;
    gpr[GPR_RDX] = 0x7777777700000000 | value >> 32;
    if (fake_machine_exit((struct vm_exit){.kind = EXIT_XSETBV}) == RETRY) {
        assert_true(fake_machine_take_fault(VECTOR_GP));
        return false;
    }
    return true;
}

static void xcr0_takes_sensible_sets(void **state)
{
    static const uint64_t good[] = {1, 3, 7, 0xe7, 0x201, 0x2e7};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(sets_xcr0(0, good[i]));
        assert_int_equal(fake_machine_register(REG_XCR0), good[i]);
    }
    assert_int_equal(cpuid_table_find(&fake_machine.vcpu->cpuid, 0xd, 0).ebx, 0xa88);
}

static void xcr0_refuses_the_rest(void **state)
{
    static const uint64_t bad[] = {0,    2,    5,     4,           0x27,        0x67,   0xc7,
                                   0xe3, 0x19, 0x107, BIT(32) | 7, BIT(63) | 7, 0x60007};
    (void)state;
    assert_true(sets_xcr0(0, 3));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(sets_xcr0(0, bad[i]));
    }
    assert_false(sets_xcr0(1, 3));
    assert_false(sets_xcr0(UINT32_MAX, 3));
    assert_int_equal(fake_machine_register(REG_XCR0), 3);
    fake_machine_set_cpl(3);
    assert_false(sets_xcr0(0, 7));
}

// ---- Properties ----

static void no_write_makes_a_state_that_cannot_be(void **state)
{
    uint64_t seed = 1;
    (void)state;
    write_pdptes(0x6001);
    for (unsigned i = 0; i < 100000; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        uint8_t number = seed >> 63 ? 4 : 0;
        uint64_t bit = BIT(seed >> 58 & 31);
        uint64_t old = fake_machine_register(number == 0 ? REG_CR0 : REG_CR4);
        struct segment *cs = &fake_machine.vcpu->core.backend->segments[SEGMENT_CS];

        if (seed >> 40 & 1) {
            vcpu_write_efer(fake_machine.vcpu, seed >> 41 & 0xfff);
        }
        cs->attributes = seed >> 39 & 1 ? 0xa09b : 0xc09b;
        writes(number, old ^ bit);
        uint64_t cr0 = fake_machine_register(REG_CR0);
        uint64_t cr4 = fake_machine_register(REG_CR4);
        uint64_t efer = fake_machine_register(REG_EFER);

        // SDM Vol. 3C 27.3.1.1: what a VM entry checks.
        assert_true(!(cr0 & CR0_PG) || (cr0 & CR0_PE));
        assert_true(!(cr0 & CR0_NW) || (cr0 & CR0_CD));
        assert_int_equal(!!(efer & EFER_LMA), (efer & EFER_LME) && (cr0 & CR0_PG));
        assert_true(!(efer & EFER_LMA) || (cr4 & CR4_PAE));
        assert_true(!(cr4 & CR4_PCIDE) || (efer & EFER_LMA));
        assert_int_equal(cr4 & ~fake_machine.vcpu->core.cr4_allowed, 0);
        assert_int_equal(efer & ~cpuid_table_efer_allowed(&fake_machine.vcpu->cpuid), 0);
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reading_goes_to_any_register),
        TEST(cr0_takes_what_exists),
        TEST(cr0_refuses_contradictions),
        TEST(cr0_outside_of_64_bit_mode_is_32_bits),
        TEST(cr0_in_64_bit_mode_refuses_upper_bits),
        TEST(clts_and_lmsw_give_the_whole_value),
        TEST(paging_with_lme_activates_long_mode),
        TEST(long_mode_is_not_entered_from_a_64_bit_segment),
        TEST(long_mode_is_left_from_compatibility_mode),
        TEST(pae_paging_loads_its_four_entries),
        TEST(reserved_bits_of_an_entry_fault),
        TEST(where_walks_read_the_entries_nobody_looks_at_them_before),
        TEST(entries_outside_ram_fault),
        TEST(changes_that_reload_the_entries),
        TEST(paging_of_other_kinds_loads_none),
        TEST(cr4_takes_only_what_cpuid_shows),
        TEST(cr4_in_64_bit_mode_refuses_upper_bits),
        TEST(pcide_needs_long_mode_and_process_0),
        TEST(cpuid_follows_cr4),
        TEST(cr8_is_the_task_priority),
        TEST(xcr0_takes_sensible_sets),
        TEST(xcr0_refuses_the_rest),
        TEST(no_write_makes_a_state_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
