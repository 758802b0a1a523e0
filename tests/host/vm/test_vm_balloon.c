// SPDX-License-Identifier: MIT
// Tests of RAM that a VM gives away: when a unit leaves it, when it comes back, and what happens if
// the machine has none.
#include "vmm/vm/vm_balloon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/backend.h"
#include "vmm/config/config_vm.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

#define UNIT_PAGES 512U
#define UNIT 2U // the one that the tests give away

static struct reason why;
static struct vm *vm;

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    vm = fake_machine_add_line("vm=web mem=9M cpus=2 cpu=0,1 balloon=yes", &why);
    assert_non_null(vm);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_RUNNING);
    return 0;
}

static bool move(uint32_t page, bool away)
{
    return vm->balloon->owner.move(&vm->balloon->owner, page, away);
}

static void give(uint32_t unit)
{
    for (uint32_t i = 0; i < UNIT_PAGES; i++) {
        assert_true(move(unit * UNIT_PAGES + i, true));
    }
}

// The CPUs take steps until the VM runs again, or has ended.
static void resize(void)
{
    assert_true(vm->resize_requested);
    assert_false(vm_wants_to_run(vm));
    for (unsigned i = 0; i < 100 && (vm->resize_requested || vm_is_in_work(vm)); i++) {
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            fake_host.cpu = cpu;
            (void)fake_machine_step(cpu, NULL);
        }
    }
    assert_false(vm->resize_requested || vm_is_in_work(vm));
    fake_host.cpu = 0;
}

static unsigned access_of(uint32_t unit)
{
    return fake_backend_mapping(vm->nested, gpa(unit * (uint64_t)HOST_UNIT_BYTES)).access;
}

static uint64_t free_bytes(void)
{
    return fake_host.host.memory_use().guest_free;
}

static uint8_t *byte_of(uint32_t unit)
{
    fake_host.host.space_enter(&vm->space);
    return guest_memory_at(&vm->memory, gpa(unit * (uint64_t)HOST_UNIT_BYTES + 5), 1);
}

static void whole_units_leave_the_vm(void **state)
{
    (void)state;
    uint64_t before = free_bytes();
    for (uint32_t i = 1; i < UNIT_PAGES; i++) {
        assert_true(move(UNIT * UNIT_PAGES + i, true));
    }
    assert_false(vm->resize_requested);
    assert_true(move(UNIT * UNIT_PAGES, true));
    resize();
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(vm->space.holes, 1);
    assert_int_equal(access_of(UNIT), 0);
    assert_int_equal(access_of(UNIT - 1), ACCESS_ALL);
    assert_int_equal(free_bytes(), before + HOST_UNIT_BYTES);
}

static void a_unit_comes_back_for_one_page(void **state)
{
    (void)state;
    *byte_of(UNIT) = 7;
    give(UNIT);
    resize();
    *byte_of(UNIT) = 9; // of an earlier owner
    uint64_t zeroed = fake_host.zeroed_bytes;
    assert_false(move(UNIT * UNIT_PAGES + 3, false));
    resize();
    assert_int_equal(vm->space.holes, 0);
    assert_int_equal(access_of(UNIT), ACCESS_ALL);
    assert_int_equal(*byte_of(UNIT), 0);
    assert_int_equal(fake_host.zeroed_bytes, zeroed + HOST_UNIT_BYTES);
    assert_true(move(UNIT * UNIT_PAGES + 3, false));
    assert_true(move(UNIT * UNIT_PAGES + 3, true)); // full again
    resize();
    assert_int_equal(vm->space.holes, 1);
}

static void a_page_that_is_wanted_in_time_keeps_its_unit(void **state)
{
    (void)state;
    give(UNIT);
    assert_true(move(UNIT * UNIT_PAGES, false));
    resize();
    assert_int_equal(vm->space.holes, 0);
}

static void strange_pages_change_nothing(void **state)
{
    (void)state;
    give(0);        // the VGA hole is in it
    give(4);        // of which 1 MiB is RAM
    give(5);        // behind the RAM
    give(0x7fffff); // the last numbers that there are
    assert_true(move(UINT32_MAX, false));
    assert_false(vm->resize_requested);
    for (unsigned i = 0; i < 3; i++) {
        give(UNIT); // twice the same
    }
    resize();
    assert_int_equal(vm->space.holes, 1);
    for (uint32_t i = 0; i < 2 * UNIT_PAGES; i++) {
        (void)move(UNIT_PAGES + i % UNIT_PAGES, false); // that were never given
    }
    assert_false(vm->resize_requested);
    assert_int_equal(vm->space.holes, 1);
}

static void a_touch_brings_the_unit_back(void **state)
{
    (void)state;
    assert_false(vm_touch(vm, gpa(UNIT * HOST_UNIT_BYTES)));
    give(UNIT);
    resize();
    assert_false(vm_touch(vm, gpa((UNIT - 1) * HOST_UNIT_BYTES)));
    assert_false(vm_touch(vm, gpa(1ULL << 45)));
    assert_true(vm_touch(vm, gpa(UNIT * HOST_UNIT_BYTES + 12345)));
    resize();
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(access_of(UNIT), ACCESS_ALL);
    assert_false(vm_touch(vm, gpa(UNIT * HOST_UNIT_BYTES + 12345)));
}

static void devices_do_not_reach_what_is_not_there(void **state)
{
    struct virtio_memory *memory = &vm->pc->virtio_memory;
    (void)state;
    fake_host.host.space_enter(&vm->space);
    assert_non_null(virtio_memory_at(memory, UNIT * HOST_UNIT_BYTES, 8));
    give(UNIT);
    resize();
    fake_host.host.space_enter(&vm->space);
    assert_null(virtio_memory_at(memory, UNIT * HOST_UNIT_BYTES, 8));
    assert_null(virtio_memory_at(memory, UNIT * HOST_UNIT_BYTES - 4, 8));
    assert_null(virtio_memory_at(memory, (UNIT + 1) * HOST_UNIT_BYTES - 1, 1));
    assert_non_null(virtio_memory_at(memory, UNIT * HOST_UNIT_BYTES - 4, 4));
    assert_non_null(virtio_memory_at(memory, (UNIT + 1) * HOST_UNIT_BYTES, 8));
    assert_null(virtio_memory_at(memory, 9 * MIB, 1));
}

static void without_memory_a_touch_ends_the_vm(void **state)
{
    (void)state;
    give(UNIT);
    resize();
    fake_host.guest_bytes = fake_host.space_bytes;
    assert_true(vm_touch(vm, gpa(UNIT * HOST_UNIT_BYTES)));
    resize();
    assert_int_equal(vm->state, VM_ENDED);
    assert_true(vm->failed);
    assert_string_equal(vm->ended.text,
                        "it uses memory that it gave away, and the machine has none left");
}

static void without_memory_a_wish_waits(void **state)
{
    uint64_t none = 0;
    (void)state;
    give(UNIT);
    resize();
    uint64_t before = fake_host.guest_bytes;
    fake_host.guest_bytes = fake_host.space_bytes;
    assert_false(move(UNIT * UNIT_PAGES, false));
    resize();
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(vm->space.holes, 1);
    assert_string_equal(fake_host.log[(fake_host.log_lines - 1) % FAKE_LOG_LINES],
                        "[web] waits for memory that it gave away");
    assert_false(vm->resize_requested);
    fake_host.guest_bytes = before;
    vm_balloon_tell(vm, &none);
    resize();
    assert_int_equal(vm->space.holes, 0);
}

static void a_reset_of_the_device_wants_all_back(void **state)
{
    (void)state;
    give(1);
    give(UNIT);
    resize();
    assert_int_equal(vm->space.holes, 2);
    vm->balloon->owner.reset(&vm->balloon->owner);
    resize();
    assert_int_equal(vm->space.holes, 0);
    assert_int_equal(access_of(1), ACCESS_ALL);
    give(UNIT); // is counted from nothing
    resize();
    assert_int_equal(vm->space.holes, 1);
}

static void a_reset_of_the_vm_takes_all_back(void **state)
{
    (void)state;
    uint64_t before = free_bytes();
    give(UNIT);
    resize();
    uint64_t bytes = fake_host.guest_bytes;
    fake_host.guest_bytes = fake_host.space_bytes;
    assert_int_equal(vm_reset(vm, &why), STATUS_NO_MEMORY);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_true(vm_hold(vm, 0)); // it runs on
    fake_host.guest_bytes = bytes;
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(free_bytes(), before);
    give(UNIT);
    resize();
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    assert_int_equal(free_bytes(), fake_host.guest_bytes);
}

static void a_vm_can_be_stopped_while_it_gets_memory(void **state)
{
    (void)state;
    give(UNIT);
    resize();
    assert_true(vm_touch(vm, gpa(UNIT * HOST_UNIT_BYTES)));
    fake_host.cpu = 1; // it lets go of its vCPU
    (void)fake_machine_step(1, NULL);
    fake_host.cpu = 0;
    (void)vm_begin_due_start(vm);
    assert_int_equal(vm->state, VM_RESIZING);
    assert_string_equal(vm_state_name(vm->state), "resizing");
    assert_false(vm_balloon_continue(vm, 0));
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_OFF);
    assert_int_equal(free_bytes(), fake_host.guest_bytes);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_false(vm->resize_requested);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_machine_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(whole_units_leave_the_vm),
        TEST(a_unit_comes_back_for_one_page),
        TEST(a_page_that_is_wanted_in_time_keeps_its_unit),
        TEST(strange_pages_change_nothing),
        TEST(a_touch_brings_the_unit_back),
        TEST(devices_do_not_reach_what_is_not_there),
        TEST(without_memory_a_touch_ends_the_vm),
        TEST(without_memory_a_wish_waits),
        TEST(a_reset_of_the_device_wants_all_back),
        TEST(a_reset_of_the_vm_takes_all_back),
        TEST(a_vm_can_be_stopped_while_it_gets_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
