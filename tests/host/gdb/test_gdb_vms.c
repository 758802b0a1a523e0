// SPDX-License-Identifier: MIT
// Tests of the VMs as a debugger's target, over a fake back end.
#include "vmm/debug/gdb/gdb_vms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/debug/gdb/gdb_writer.h"

static struct gdb_vms vms;
static struct gdb_target *target;
static const struct gdb_thread first = {0};

static void run_command(const char *line, struct gdb_writer *answer)
{
    gdb_write_text(answer, line);
}

static int set_up(void **state)
{
    fake_machine_set_up_long(state);
    gdb_vms_init(&vms, &fake_machine.vmm, run_command);
    target = &vms.target;
    return 0;
}

static enum gdb_vm_state state_now(void)
{
    struct gdb_vm is;
    target->look(target, 0, &is);
    return is.state;
}

static void a_vm_stands_and_goes_on(void **state)
{
    struct gdb_vm is;
    (void)state;
    assert_int_equal(target->vm_count(target), 1);
    target->look(target, 0, &is);
    assert_string_equal(is.name, "web");
    assert_int_equal(is.state, GDB_VM_RUNS);
    assert_int_equal(is.vcpus, 1);
    assert_false(target->resume(target, 0));
    assert_true(target->stop(target, 0));
    assert_int_equal(state_now(), GDB_VM_STANDS);
    assert_false(target->stop(target, 0));
    assert_true(target->resume(target, 0));
    assert_int_equal(state_now(), GDB_VM_RUNS);
    assert_true(target->kill(target, 0));
    assert_int_equal(state_now(), GDB_VM_OFF);
}

static void registers_are_those_of_the_vcpu(void **state)
{
    struct gdb_registers registers;
    (void)state;
    fake_machine_gpr()[GPR_R15] = 15;
    fake_machine_set_register(REG_RSP, 0x8000);
    fake_machine_set_register(REG_CR2, 0x1234);
    assert_true(target->get_registers(target, first, &registers));
    assert_int_equal(registers.general[GDB_R15], 15);
    assert_int_equal(registers.general[GDB_RSP], 0x8000);
    assert_int_equal(registers.general[GDB_RIP], fake_machine_register(REG_RIP));
    assert_int_equal(registers.system[GDB_CR2], 0x1234);
    assert_int_equal(registers.system[GDB_APIC_BASE] & ~0xfffULL, 0xfee00000);
    registers.general[GDB_RBX] = 3;
    registers.general[GDB_RSP] = 0x9000;
    registers.general[GDB_RIP] = 0x2000;
    registers.rflags ^= RFLAGS_ZF;
    registers.fs_base = 0xffff800000000000;
    registers.xmm[2][0] = 7;
    registers.ymm_high[2][15] = 8;
    registers.mxcsr = 0x1f80;
    fake_machine_set_register(REG_INTERRUPT_SHADOW, SHADOW_STI | SHADOW_NMI);
    fake_machine.vcpu->halted = true;
    assert_true(target->set_registers(target, first, &registers));
    assert_int_equal(fake_machine_gpr()[GPR_RBX], 3);
    assert_int_equal(fake_machine_register(REG_RSP), 0x9000);
    assert_int_equal(fake_machine_register(REG_RIP), 0x2000);
    assert_int_equal(fake_machine_register(REG_INTERRUPT_SHADOW), SHADOW_NMI);
    assert_false(fake_machine.vcpu->halted);
    const struct backend_vcpu *backend = fake_machine.vcpu->core.backend;
    assert_int_equal(backend->segments[SEGMENT_FS].base, 0xffff800000000000);
    assert_int_equal(backend->vectors[2].bytes[0], 7);
    assert_int_equal(backend->vectors[2].bytes[31], 8);
    struct gdb_registers again;
    assert_true(target->get_registers(target, first, &again));
    assert_memory_equal(&again, &registers, sizeof(registers));
}

static void what_an_entry_would_refuse_is_not_written(void **state)
{
    struct gdb_registers before;
    struct gdb_registers registers;
    (void)state;
    assert_true(target->get_registers(target, first, &before));
    registers = before;
    registers.general[GDB_RAX] = before.general[GDB_RAX] + 1;
    registers.general[GDB_RIP] = 0x0000800000000000;
    assert_false(target->set_registers(target, first, &registers));
    registers.general[GDB_RIP] = before.general[GDB_RIP];
    registers.gs_base = 0x0000800000000000;
    assert_false(target->set_registers(target, first, &registers));
    registers.gs_base = before.gs_base;
    registers.rflags ^= RFLAGS_VM;
    assert_false(target->set_registers(target, first, &registers));
    registers.rflags = before.rflags & ~(uint32_t)RFLAGS_FIXED;
    assert_false(target->set_registers(target, first, &registers));
    registers.rflags = before.rflags;
    registers.selectors[GDB_CS] ^= 8;
    assert_false(target->set_registers(target, first, &registers));
    registers.selectors[GDB_CS] ^= 8;
    registers.system[GDB_CR0] ^= 1;
    assert_false(target->set_registers(target, first, &registers));
    assert_int_equal(fake_machine_gpr()[GPR_RAX], before.general[GDB_RAX]);
}

#define PAGE_TABLE 0x10000ULL

static uint64_t *entry_at(uint64_t address)
{
    fake_machine.vmm.host->space_enter(&fake_machine.vm->space);
    return guest_memory_at(&fake_machine.vm->memory, gpa(address), sizeof(uint64_t));
}

// Maps page 0x40000000 to 0x6000 and 0x40001000 to 0x9000, as a kernel's page that is not writable
// and not accessed yet.
static void map_two_pages(void)
{
    *entry_at(PAGE_TABLE) = (PAGE_TABLE + 0x1000) | 1;
    *entry_at(PAGE_TABLE + 0x1000 + 8) = (PAGE_TABLE + 0x2000) | 1;
    *entry_at(PAGE_TABLE + 0x2000) = (PAGE_TABLE + 0x3000) | 1;
    *entry_at(PAGE_TABLE + 0x3000) = 0x6000 | 1;
    *entry_at(PAGE_TABLE + 0x3000 + 8) = 0x9000 | 1;
    fake_machine_set_register(REG_CR3, PAGE_TABLE);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG | CR0_WP);
    fake_machine_set_register(REG_CR4, CR4_PAE);
    fake_machine_set_register(REG_EFER, EFER_LME | EFER_LMA);
}

static void memory_is_found_by_the_guests_tables(void **state)
{
    struct gdb_place place = {.thread = first, .address = 0x40000ffe};
    uint8_t bytes[4] = {0};
    (void)state;
    map_two_pages();
    assert_int_equal(target->write(target, place, "abcd", 4), 4);
    assert_memory_equal(entry_at(0x6ffe), "ab", 2);
    assert_memory_equal(entry_at(0x9000), "cd", 2);
    assert_int_equal(target->read(target, place, bytes, 4), 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_int_equal(*entry_at(PAGE_TABLE + 0x3000), 0x6001); // nothing is accessed or dirty
    place.address = 0x40001ffe;
    assert_int_equal(target->read(target, place, bytes, 4), 2);
    place.address = 0x800000000000;
    assert_int_equal(target->read(target, place, bytes, 4), 0);
    place = (struct gdb_place){.thread = first, .address = 0x6ffe, .physical = true};
    assert_int_equal(target->read(target, place, bytes, 2), 2);
    assert_memory_equal(bytes, "ab", 2);
    place.address = FAKE_VM_BYTES - 1;
    assert_int_equal(target->read(target, place, bytes, 2), 1);
    place.address = UINT64_MAX;
    assert_int_equal(target->read(target, place, bytes, 4), 0);
}

static void an_ended_vm_still_has_its_registers(void **state)
{
    struct gdb_registers registers;
    struct gdb_vm is;
    (void)state;
    vm_end(fake_machine.vm, 42, "done");
    target->look(target, 0, &is);
    assert_int_equal(is.state, GDB_VM_ENDED);
    assert_int_equal(is.status, 42);
    assert_false(is.failed);
    assert_true(target->get_registers(target, first, &registers));
    (void)fake_machine_vm_stop(fake_machine.vm, NULL);
    assert_false(target->get_registers(target, first, &registers));
}

static void a_reset_waits_for_the_debugger(void **state)
{
    struct gdb_registers registers;
    (void)state;
    target->set_caught(target, 0, true);
    vm_request_reset(fake_machine.vm);
    assert_int_equal(state_now(), GDB_VM_RESETS);
    assert_true(target->get_registers(target, first, &registers));
    assert_int_equal(state_now(), GDB_VM_RESETS);
    target->set_caught(target, 0, false);
    assert_int_equal(state_now(), GDB_VM_RUNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vm_stands_and_goes_on, set_up, fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(registers_are_those_of_the_vcpu, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(what_an_entry_would_refuse_is_not_written, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(memory_is_found_by_the_guests_tables, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(a_reset_waits_for_the_debugger, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(an_ended_vm_still_has_its_registers, set_up,
                                        fake_machine_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
