// SPDX-License-Identifier: MIT
// Tests of a local APIC whose page was moved over RAM: who finds what there, meanwhile and later.
#include "vmm/vcpu/vcpu_apic_ram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/apic_registers.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_apic.h"

#define CODE 0x1000
#define PAGE 0x80000
#define TPR 0x80
#define IN_RAM 0x11223344U

static uint32_t *ram(void)
{
    return guest_memory_at(&fake_machine.vm->memory, gpa(PAGE + TPR), 4);
}

static void use(unsigned index)
{
    fake_machine.vcpu = fake_machine.vm->vcpus[index];
    fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
}

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(3);
    fake_host.host.space_enter(&fake_machine.vm->space);
    fake_machine.vm->vcpus[1]->waits_for_startup = false;
    use(0);
    *ram() = IN_RAM;
    return 0;
}

static void move_to(uint64_t address)
{
    uint64_t kept = lapic_base(&fake_machine.vcpu->lapic) % PAGE_SIZE;
    assert_true(vcpu_set_apic_base(fake_machine.vcpu, address | kept));
}

static bool is_mapped(void)
{
    return fake_backend_mapping(fake_machine.vm->nested, gpa(PAGE)).access == ACCESS_ALL;
}

// The code is executed in 32-bit protected mode without paging.
static enum exit_action execute(const char *bytes, size_t length, unsigned access)
{
    struct segment code = {.selector = 8, .attributes = 0xc09b, .limit = UINT32_MAX};
    struct segment data = {.selector = 16, .attributes = 0xc093, .limit = UINT32_MAX};
    memcpy(guest_memory_at(&fake_machine.vm->memory, gpa(CODE), length), bytes, length);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        fake_machine.vcpu->core.backend->segments[i] = i == SEGMENT_CS ? code : data;
    }
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_ET);
    fake_machine_set_register(REG_RIP, CODE);
    return fake_machine_exit((struct vm_exit){
        .kind = EXIT_MEMORY,
        .memory = {
            .gpa = gpa(PAGE + TPR), .gva = gva(PAGE + TPR), .gva_valid = true, .access = access}});
}

static uint32_t read_there(void)
{
    static const char move[] = "\xa1\x80\x00\x08\x00"; // mov eax, [PAGE + TPR]
    assert_int_equal(execute(move, sizeof(move) - 1, ACCESS_READ), ADVANCE_DECODED);
    return (uint32_t)fake_machine_gpr()[GPR_RAX];
}

static void write_there(uint32_t value)
{
    static const char move[] = "\xa3\x80\x00\x08\x00";
    fake_machine_gpr()[GPR_RAX] = value;
    assert_int_equal(execute(move, sizeof(move) - 1, ACCESS_WRITE), ADVANCE_DECODED);
}

static void its_own_vcpu_finds_the_apic(void **state)
{
    (void)state;
    assert_true(is_mapped());
    move_to(PAGE);
    assert_false(is_mapped());
    write_there(0x70);
    assert_int_equal(read_there(), 0x70);
    assert_int_equal(lapic_cr8(&fake_machine.vcpu->lapic), 7);
    assert_int_equal(*ram(), IN_RAM);
}

static void other_vcpus_find_the_ram(void **state)
{
    (void)state;
    move_to(PAGE);
    use(1);
    assert_int_equal(read_there(), IN_RAM);
    write_there(0x55667788);
    assert_int_equal(*ram(), 0x55667788);
    assert_int_equal(fake_machine.vm->unclaimed_memory_accesses, 0);
    use(0);
    assert_int_equal(lapic_cr8(&fake_machine.vcpu->lapic), 0);
}

static void the_ram_is_there_again_after_the_move_back(void **state)
{
    uint64_t frame = fake_backend_mapping(fake_machine.vm->nested, gpa(PAGE)).hpa.value;
    (void)state;
    move_to(PAGE);
    move_to(APIC_DEFAULT_ADDRESS);
    assert_true(is_mapped());
    assert_int_equal(fake_backend_mapping(fake_machine.vm->nested, gpa(PAGE)).hpa.value, frame);
    assert_int_equal(*ram(), IN_RAM);
    assert_ptr_equal(fake_machine.vcpu->memory, &fake_machine.vm->memory);
}

static void two_apics_at_one_page_both_hide_it(void **state)
{
    (void)state;
    move_to(PAGE);
    use(1);
    move_to(PAGE);
    write_there(0x20);
    use(0);
    assert_int_equal(read_there(), 0);
    move_to(APIC_DEFAULT_ADDRESS);
    assert_false(is_mapped());
    use(1);
    assert_int_equal(read_there(), 0x20);
    move_to(2ULL * PAGE);
    assert_true(is_mapped());
}

static void an_apic_without_a_page_hides_nothing(void **state)
{
    (void)state;
    move_to(PAGE);
    assert_true(vcpu_set_apic_base(fake_machine.vcpu, PAGE | APIC_BASE_BSP));
    assert_true(is_mapped());
    assert_true(vcpu_set_apic_base(fake_machine.vcpu, PAGE | APIC_BASE_BSP | APIC_BASE_ENABLE));
    assert_false(is_mapped());
    assert_true(vcpu_set_apic_base(fake_machine.vcpu,
                                   PAGE | APIC_BASE_BSP | APIC_BASE_ENABLE | APIC_BASE_X2APIC));
    assert_true(is_mapped());
}

// The exit may come late: the APIC has been moved away meanwhile.
static void a_fetch_is_tried_again_once_the_ram_is_there(void **state)
{
    (void)state;
    move_to(PAGE);
    move_to(APIC_DEFAULT_ADDRESS);
    assert_int_equal(execute("", 0, ACCESS_EXECUTE), RETRY);
    move_to(PAGE);
    assert_int_equal(execute("", 0, ACCESS_EXECUTE), STOP);
    assert_non_null(strstr(fake_machine.vm->ended.text, "instruction fetch outside RAM"));
}

static void without_frames_the_ram_stays(void **state)
{
    (void)state;
    fake_host.failing_step = fake_host.steps + 1;
    move_to(PAGE);
    assert_true(is_mapped());
    assert_ptr_equal(fake_machine.vcpu->memory, &fake_machine.vm->memory);
    assert_int_equal(lapic_base(&fake_machine.vcpu->lapic) & ~(PAGE_SIZE - 1), PAGE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_own_vcpu_finds_the_apic),
        TEST(other_vcpus_find_the_ram),
        TEST(the_ram_is_there_again_after_the_move_back),
        TEST(two_apics_at_one_page_both_hide_it),
        TEST(an_apic_without_a_page_hides_nothing),
        TEST(a_fetch_is_tried_again_once_the_ram_is_there),
        TEST(without_frames_the_ram_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
