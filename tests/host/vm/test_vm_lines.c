// SPDX-License-Identifier: MIT
// Tests of the second console of a VM: who has one, and its way to CPU 0 and back.
#include "vmm/vm/vm_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/board/pc.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_create.h"

static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    return 0;
}

static struct vm *create(bool hvc)
{
    struct vm_config config = {
        .name = "web", .memory_bytes = MIB, .vcpus = 1, .hvc = hvc, .command_line = ""};
    struct vm *vm = NULL;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    return vm;
}

static void a_vm_without_it_has_nothing_of_it(void **state)
{
    (void)state;
    struct vm *vm = create(false);
    assert_null(vm->hvc);
    assert_null(vm_line_terminal(vm, VM_LINE_HVC));
    assert_ptr_equal(vm_line_terminal(vm, VM_LINE_UART), &vm->terminal);
}

static void without_memory_the_vm_is_not_made(void **state)
{
    struct vm_config config = {
        .name = "web", .memory_bytes = MIB, .vcpus = 1, .hvc = true, .command_line = ""};
    struct vm *vm = NULL;
    (void)state;
    fake_host.failing_step = fake_host.steps + 2;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_NO_MEMORY);
    assert_string_equal(why.text, "vm=web: no frames for hvc0");
    assert_int_equal(fake_machine.vmm.vm_count, 0);
}

static void each_life_has_it_on_the_board(void **state)
{
    (void)state;
    struct vm *vm = fake_machine_add("web");
    assert_true(vm_hvc_create(vm));
    for (unsigned life = 0; life < 2; life++) {
        assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
        assert_ptr_equal(vm->pc->console, &vm->hvc->device);
        assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    }
}

static void what_it_prints_wakes_cpu_0_once(void **state)
{
    (void)state;
    struct vm *vm = create(true);
    struct console_line *line = &vm->hvc->line;
    fake_host.now_ns = TERMINAL_WAKE_INTERVAL_NS;
    assert_false(vm_has_output(vm));
    assert_int_equal(line->put(line, (const uint8_t *)"ab", 2), 2);
    assert_int_equal(line->put(line, (const uint8_t *)"c", 1), 1);
    assert_int_equal(fake_host.kicks[0], 1);
    assert_true(vm_has_output(vm));
    assert_int_equal(fake_machine.vmm.talking, BIT(vm->index));
    for (const char *text = "abc"; *text != '\0'; text++) {
        assert_int_equal(terminal_take(&vm->hvc->terminal), *text);
    }
    assert_false(vm_has_output(vm));
}

static void a_full_terminal_takes_what_fits(void **state)
{
    static uint8_t text[TERMINAL_OUTPUT_BYTES + 10];
    (void)state;
    struct vm *vm = create(true);
    struct console_line *line = &vm->hvc->line;
    assert_int_equal(line->put(line, text, sizeof(text)), TERMINAL_OUTPUT_BYTES);
    assert_int_equal(line->put(line, text, 1), 0);
    assert_int_equal(terminal_take(&vm->hvc->terminal), 0);
    assert_true(terminal_take_room_wanted(&vm->hvc->terminal));
}

static void what_is_typed_is_taken_in_pieces(void **state)
{
    uint8_t bytes[4];
    (void)state;
    struct vm *vm = create(true);
    struct console_line *line = &vm->hvc->line;
    assert_int_equal(line->take(line, bytes, sizeof(bytes)), 0);
    for (const char *text = "abcdef"; *text != '\0'; text++) {
        assert_true(terminal_type(&vm->hvc->terminal, (uint8_t)*text));
    }
    assert_int_equal(line->take(line, bytes, sizeof(bytes)), 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_int_equal(line->take(line, bytes, sizeof(bytes)), 2);
    assert_memory_equal(bytes, "ef", 2);
}

static struct vm *start_on_cpu_0(const char *name)
{
    struct vm *vm = fake_machine_add_smp(name, 1, BIT(0));
    assert_true(vm_hvc_create(vm));
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    return vm;
}

// What is typed is for a VM that sleeps, while the memory of another is mapped.
static void the_memory_of_a_sleeper_is_entered(void **state)
{
    (void)state;
    struct vm *a = start_on_cpu_0("a");
    struct vm *b = start_on_cpu_0("b");
    struct virtio_device *device = &b->hvc->device.console.device;
    device->status = VIRTIO_DRIVER_OK;
    device->queues[VIRTIO_CONSOLE_RECEIVE].enabled = true;
    b->vcpus[0]->halted = true;
    fake_machine_step(0, NULL);
    fake_host.host.space_enter(&a->space);
    assert_true(terminal_type(&b->hvc->terminal, 'x'));
    vm_terminal_ready(b);
    scheduler_look(&fake_machine.schedulers[0]);
    assert_int_equal(fake_host.cr3[0], b->space.cr3);
    assert_int_equal(terminal_get(&b->hvc->terminal), -1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_vm_without_it_has_nothing_of_it),  TEST(without_memory_the_vm_is_not_made),
        TEST(each_life_has_it_on_the_board),      TEST(what_it_prints_wakes_cpu_0_once),
        TEST(a_full_terminal_takes_what_fits),    TEST(what_is_typed_is_taken_in_pieces),
        TEST(the_memory_of_a_sleeper_is_entered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
