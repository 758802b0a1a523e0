// SPDX-License-Identifier: MIT
// Tests of single steps, over a fake back end whose guest does what a test says.
#include "vmm/debug/gdb/gdb_step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/debug/gdb/gdb_vms.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/vm/vm_life.h"

#define CODE 0x2000
#define STACK 0x8000

static struct gdb_vms vms;
static struct gdb_target *target;
static unsigned length;       // of the instruction; 0: it is not done in this run
static uint64_t step;         // what REG_STEP was at the run
static uint64_t syscall_mask; // and REG_SYSCALL_MASK
static uint64_t r11;

static void run_command(const char *line, struct gdb_writer *answer)
{
    gdb_write_text(answer, line);
}

// What a back end does with REG_STEP: it says whether RIP has changed.
static void guest(struct vcpu_core *vcpu)
{
    uint64_t *registers = vcpu->backend->registers;
    step = registers[REG_STEP];
    syscall_mask = registers[REG_SYSCALL_MASK];
    r11 = vcpu->registers.gpr[GPR_R11];
    registers[REG_RIP] += length;
    fake_host.now_ns += 1000;
    vcpu->work |= WORK_ENTRY;
}

static uint64_t (*plain_get)(const struct vcpu_core *vcpu, enum guest_register which);

static uint64_t get_register(const struct vcpu_core *vcpu, enum guest_register which)
{
    const struct backend_vcpu *backend = vcpu->backend;
    bool moved = backend->registers[REG_RIP] != CODE;
    return which == REG_STEP ? moved : plain_get(vcpu, which);
}

// While the VM is paused, no CPU has the vCPU.
static uint64_t *register_of(enum guest_register which)
{
    return &fake_machine.vcpu->core.backend->registers[which];
}

static uint8_t *memory_at(uint64_t address)
{
    fake_machine.vmm.host->space_enter(&fake_machine.vm->space);
    return guest_memory_at(&fake_machine.vm->memory, gpa(address), 16);
}

static void next_is(const char *bytes, unsigned count)
{
    memcpy(memory_at(CODE), bytes, count);
    *register_of(REG_RIP) = CODE;
    length = count;
}

static void start(unsigned features)
{
    gdb_vms_init(&vms, &fake_machine.vmm, run_command);
    target = &vms.target;
    plain_get = fake_backend.ops.get_register;
    fake_backend.ops.get_register = get_register;
    fake_backend.guest = guest;
    fake_machine.vcpu->features = features;
    assert_true(target->stop(target, 0));
    *register_of(REG_CR0) = 0;
    *register_of(REG_EFER) = 0;
    *register_of(REG_RFLAGS) = RFLAGS_FIXED | RFLAGS_IF;
    *register_of(REG_RSP) = STACK;
    next_is("\x90", 1);
}

static int set_up(void **state)
{
    fake_machine_set_up_long(state);
    start(FEATURE_STEP);
    return 0;
}

static enum gdb_step make_step(void)
{
    return target->step(target, (struct gdb_thread){0});
}

static void a_step_is_made_while_the_vm_is_paused(void **state)
{
    (void)state;
    uint64_t clock = fake_machine.vm->paused_at_ns - fake_machine.vm->clock_base_ns;
    fake_host.now_ns += 1000000;
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(step, STEP_INSTRUCTION);
    assert_int_equal(*register_of(REG_RIP), CODE + 1);
    assert_int_equal(vm_get_state(fake_machine.vm), VM_PAUSED);
    // The VM's clock has gone on for the run alone.
    assert_int_equal(fake_machine.vm->paused_at_ns - fake_machine.vm->clock_base_ns, clock + 1000);
}

static void a_step_that_takes_long_waits(void **state)
{
    (void)state;
    length = 0;
    assert_int_equal(make_step(), GDB_STEP_WAITS);
    length = 1;
    assert_int_equal(make_step(), GDB_STEP_DONE);
}

static void what_cannot_step_says_so(void **state)
{
    (void)state;
    fake_machine.vcpu->features = 0;
    assert_int_equal(make_step(), GDB_STEP_IMPOSSIBLE);
    fake_machine.vcpu->features = FEATURE_STEP;
    assert_true(target->resume(target, 0));
    assert_int_equal(make_step(), GDB_STEP_IMPOSSIBLE);
    assert_true(target->stop(target, 0));
    vm_request_reset(fake_machine.vm);
    assert_int_equal(make_step(), GDB_STEP_IMPOSSIBLE);
}

static void pushed_flags_have_no_tf(void **state)
{
    (void)state;
    next_is("\x66\x9c", 2);
    memcpy(memory_at(STACK), "\x02\x03\x04", 3); // the step's TF is bit 8
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_memory_equal(memory_at(STACK), "\x02\x02\x04", 3);
    // The guest's own TF stays, and so does that of an instruction that is not done.
    memcpy(memory_at(STACK), "\x02\x03\x04", 3);
    *register_of(REG_RFLAGS) = RFLAGS_FIXED | RFLAGS_TF;
    next_is("\x9c", 1);
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_memory_equal(memory_at(STACK), "\x02\x03\x04", 3);
}

static void instructions_with_another_effect_are_known(void **state)
{
    static const struct {
        const char *bytes;
        unsigned length;
        enum step step;
    } cases[] = {
        {"\x9d", 1, STEP_LOADS_FLAGS},     {"\xcf", 1, STEP_LOADS_FLAGS},
        {"\x66\xcf", 2, STEP_LOADS_FLAGS}, {"\xf4", 1, STEP_EXITS},
        {"\x40", 1, STEP_INSTRUCTION},     {"\x0f\xa2", 2, STEP_INSTRUCTION},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        next_is(cases[i].bytes, cases[i].length);
        assert_int_equal(make_step(), GDB_STEP_DONE);
        assert_int_equal(step, cases[i].step);
    }
}

static void a_call_of_a_handler_becomes_an_event(void **state)
{
    (void)state;
    next_is("\xcd\x15", 2);
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(fake_backend_last_event()->vector, 0x15);
    next_is("\xcc", 1);
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(fake_backend_last_event()->vector, VECTOR_BP);
    unsigned count = fake_backend.event_count;
    next_is("\xce", 1); // INTO without OF
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(fake_backend.event_count, count);
}

static void syscall_and_sysret_keep_tf_to_themselves(void **state)
{
    (void)state;
    *register_of(REG_SYSCALL_MASK) = RFLAGS_TF | RFLAGS_IF;
    fake_machine_gpr()[GPR_R11] = RFLAGS_FIXED | RFLAGS_TF; // as SYSCALL leaves it
    next_is("\x0f\x05", 2);
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(syscall_mask, RFLAGS_IF);
    assert_int_equal(*register_of(REG_SYSCALL_MASK), RFLAGS_TF | RFLAGS_IF);
    assert_int_equal(fake_machine_gpr()[GPR_R11], RFLAGS_FIXED);
    next_is("\x0f\x07", 2);
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(r11, RFLAGS_FIXED | RFLAGS_TF);
    assert_int_equal(fake_machine_gpr()[GPR_R11], RFLAGS_FIXED);
}

static void an_exact_step_needs_no_look(void **state)
{
    (void)state;
    fake_machine.vcpu->features = FEATURE_STEP | FEATURE_STEP_EXACT;
    next_is("\xcf", 1);
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(step, STEP_INSTRUCTION);
}

static void interrupts_wait_unless_the_vcpu_is_halted(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    lapic_post(&vcpu->lapic, 0x41, false);
    unsigned count = fake_backend.event_count;
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_int_equal(fake_backend.event_count, count);
    next_is("\x90", 1);
    vcpu->halted = true;
    assert_int_equal(make_step(), GDB_STEP_DONE);
    assert_false(vcpu->halted);
    assert_int_equal(fake_backend.event_count, count + 1);
    assert_int_equal(fake_backend_last_event()->vector, 0x41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_step_is_made_while_the_vm_is_paused, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(a_step_that_takes_long_waits, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_step_says_so, set_up, fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(pushed_flags_have_no_tf, set_up, fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(instructions_with_another_effect_are_known, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(a_call_of_a_handler_becomes_an_event, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(syscall_and_sysret_keep_tf_to_themselves, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(an_exact_step_needs_no_look, set_up,
                                        fake_machine_tear_down),
        cmocka_unit_test_setup_teardown(interrupts_wait_unless_the_vcpu_is_halted, set_up,
                                        fake_machine_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
