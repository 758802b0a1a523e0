// SPDX-License-Identifier: MIT
// Tests of the disks of a VM: what outlives a reset and a stop, and what is refused.
#include "vmm/vm/vm_disks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_life.h"

#define IMAGE_BYTES (24 * KIB)

static struct reason why;
static struct vm *vm;
static uint8_t image[IMAGE_BYTES];

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    memset(image, 0x11, sizeof(image));
    vm = fake_machine_add("web");
    why.text[0] = '\0';
    return 0;
}

static struct vm_payload module_of(uint64_t bytes)
{
    return (struct vm_payload){.start = hpa((uint64_t)image), .size = bytes};
}

static struct disk_config config_of(const char *name)
{
    struct disk_config config = {.overlay_bytes = MIB};
    strcpy(config.name, name);
    return config;
}

static enum status add(struct disk_config config, uint64_t bytes)
{
    struct vm_payload module = module_of(bytes);
    return vm_disks_add(vm, &config, config.ram_bytes ? NULL : &module, &why);
}

static struct block_backend *backend_of(unsigned index)
{
    return &vm->disks->disks[index].disk.backend;
}

static uint8_t read_byte(unsigned index, uint64_t at)
{
    uint8_t byte = 0;
    fake_host.host.space_enter(&vm->space);
    assert_true(backend_of(index)->read(backend_of(index), at, &byte, 1));
    fake_host.host.space_enter(NULL);
    return byte;
}

static bool write_byte(unsigned index, uint64_t at, uint8_t byte)
{
    fake_host.host.space_enter(&vm->space);
    bool done = backend_of(index)->write(backend_of(index), at, &byte, 1);
    fake_host.host.space_enter(NULL);
    return done;
}

static void start(void)
{
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
}

static void stop(void)
{
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
}

static void a_disk_reads_its_image(void **state)
{
    (void)state;
    assert_int_equal(add(config_of("root"), IMAGE_BYTES), STATUS_OK);
    start();
    assert_int_equal(read_byte(0, 0), 0x11);
    assert_int_equal(read_byte(0, IMAGE_BYTES - 1), 0x11);
    assert_int_equal(backend_of(0)->bytes, IMAGE_BYTES);
    assert_true(write_byte(0, 5000, 0x22));
    assert_int_equal(read_byte(0, 5000), 0x22);
    assert_int_equal(image[5000], 0x11);
}

static void what_was_written_outlives_a_reset_but_not_a_stop(void **state)
{
    (void)state;
    assert_int_equal(add(config_of("root"), IMAGE_BYTES), STATUS_OK);
    start();
    assert_true(write_byte(0, 5000, 0x22));
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    assert_int_equal(read_byte(0, 5000), 0x22);
    stop();
    assert_int_equal(vm->space.cr3, 0);
    start();
    assert_int_equal(read_byte(0, 5000), 0x11);
}

static void what_was_written_with_keep_outlives_a_stop(void **state)
{
    struct disk_config kept = config_of("kept");
    struct disk_config scratch = config_of("scratch");
    (void)state;
    kept.keep = true;
    scratch.ram_bytes = MIB;
    assert_int_equal(add(kept, IMAGE_BYTES), STATUS_OK);
    assert_int_equal(add(scratch, 0), STATUS_OK);
    start();
    assert_true(write_byte(0, 5000, 0x22));
    for (uint64_t at = 0; at < MIB; at += BLOCK_BYTES) { // all of it fits
        assert_true(write_byte(1, at, 0x33));
    }
    stop();
    assert_int_equal(vm->state, VM_OFF);
    assert_int_equal(vm->space.ram_end, 0);
    start();
    assert_int_equal(read_byte(0, 5000), 0x22);
    assert_int_equal(read_byte(1, 0), 0);
    assert_int_equal(vm->disks->store.taken, vm->disks->disks[0].disk.overlay.held);
}

static void the_counts_are_those_of_the_disk(void **state)
{
    struct disk_config kept = config_of("kept");
    (void)state;
    kept.keep = true;
    assert_int_equal(add(config_of("root"), IMAGE_BYTES), STATUS_OK);
    assert_int_equal(add(kept, IMAGE_BYTES), STATUS_OK);
    start();
    for (unsigned i = 0; i < 2; i++) {
        backend_of(i)->counters.reads = 3;
        backend_of(i)->counters.writes = 4;
        backend_of(i)->counters.errors = 5;
    }
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK); // nothing was written
    assert_int_equal(backend_of(0)->counters.reads, 3);
    assert_int_equal(backend_of(0)->counters.writes, 4);
    assert_int_equal(backend_of(0)->counters.errors, 5);
    stop();
    start();
    assert_int_equal(backend_of(0)->counters.reads, 0);
    assert_int_equal(backend_of(0)->counters.writes, 0);
    assert_int_equal(backend_of(0)->counters.errors, 0);
    assert_int_equal(backend_of(1)->counters.reads, 3);
}

static void devices_that_work_later_work_in_their_own_vm(void **state)
{
    struct vm *other = fake_machine_add("other");
    (void)state;
    assert_int_equal(add(config_of("root"), IMAGE_BYTES), STATUS_OK);
    start();
    assert_int_equal(fake_machine_vm_start(other, &why), STATUS_OK);
    fake_host.host.space_enter(&other->space);
    vm->pc_output.enter_memory(&vm->pc_output);
    assert_int_equal(fake_host.cr3[0], vm->space.cr3);
    fake_host.host.space_enter(NULL);
}

static void a_kept_disk_without_writes_keeps_nothing(void **state)
{
    struct disk_config kept = config_of("kept");
    (void)state;
    kept.keep = true;
    assert_int_equal(add(kept, IMAGE_BYTES), STATUS_OK);
    start();
    stop();
    assert_int_equal(vm->space.cr3, 0);
}

static void a_full_overlay_is_an_error_of_the_write_only(void **state)
{
    struct disk_config scratch = config_of("scratch");
    uint64_t at = 0;
    (void)state;
    scratch.ram_bytes = 64 * MIB; // the fake machine has less for it
    scratch.overlay_bytes = 64 * MIB;
    assert_int_equal(add(scratch, 0), STATUS_OK);
    start();
    while (write_byte(0, at, 0x44)) {
        at += BLOCK_BYTES;
    }
    assert_in_range(at, FAKE_STORE_BYTES_MAX / 2, FAKE_STORE_BYTES_MAX);
    assert_int_equal(read_byte(0, at - BLOCK_BYTES), 0x44);
    assert_int_equal(vm->state, VM_RUNNING);
}

static void assert_refused(struct disk_config config, uint64_t bytes, const char *text)
{
    assert_int_not_equal(add(config, bytes), STATUS_OK);
    assert_string_equal(why.text, text);
}

static void bad_disks_are_refused(void **state)
{
    struct disk_config huge = config_of("huge");
    (void)state;
    assert_refused(config_of("root"), 0, "disk=root: the image is empty");
    assert_refused(config_of("root"), 1000,
                   "disk=root: the image has 1000 bytes; a disk has whole sectors of 512");
    huge.overlay_bytes = 100 * GIB;
    assert_int_not_equal(add(huge, IMAGE_BYTES), STATUS_OK);
    assert_non_null(strstr(why.text, "disk=huge: 102400 MiB for what is written, but this machine "
                                     "has "));
    assert_int_equal(add(config_of("root"), IMAGE_BYTES), STATUS_OK);
    assert_refused(config_of("root"), IMAGE_BYTES, "disk=root: web has a disk of that name");
    for (unsigned i = 1; i < VM_DISKS_MAX; i++) {
        char name[] = {(char)('a' + i), '\0'};
        assert_int_equal(add(config_of(name), IMAGE_BYTES), STATUS_OK);
    }
    assert_refused(config_of("ninth"), IMAGE_BYTES,
                   "disk=ninth: web has 8 disks already, which is the most");
}

static void a_refused_vm_does_not_start_and_says_why(void **state)
{
    struct reason first = {"disk=root: the image is empty"};
    struct reason second = {"another"};
    (void)state;
    vm_refuse(vm, &first);
    vm_refuse(vm, &second);
    assert_int_not_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_string_equal(why.text, first.text);
}

static void a_start_can_fail_anywhere(void **state)
{
    bool failed = true;
    (void)state;
    for (uint64_t step = 1; failed; step++) {
        fake_machine_free(); // finds leaks
        set_up(state);
        assert_int_equal(add(config_of("root"), IMAGE_BYTES), STATUS_OK);
        fake_host.failing_step = fake_host.steps + step;
        failed = fake_machine_vm_start(vm, &why) != STATUS_OK || vm->state != VM_RUNNING;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_disk_reads_its_image),
        TEST(what_was_written_outlives_a_reset_but_not_a_stop),
        TEST(what_was_written_with_keep_outlives_a_stop),
        TEST(the_counts_are_those_of_the_disk),
        TEST(devices_that_work_later_work_in_their_own_vm),
        TEST(a_kept_disk_without_writes_keeps_nothing),
        TEST(a_full_overlay_is_an_error_of_the_write_only),
        TEST(bad_disks_are_refused),
        TEST(a_refused_vm_does_not_start_and_says_why),
        TEST(a_start_can_fail_anywhere),
    };
    return cmocka_run_group_tests_name("vm_disks", tests, NULL, NULL);
}
