// SPDX-License-Identifier: MIT
// Tests of what a VM gets when it starts, and that all of it is taken back wherever the start
// fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/util/string.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_life.h"

static struct reason why;
static uint8_t sector[512];

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    memset(sector, 0x42, sizeof(sector));
    sector[510] = 0x55;
    sector[511] = 0xaa;
    why.text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_machine_free();
    return 0;
}

// A VM whose payload is a module in the machine's memory.
static struct vm *add_with_module(uint64_t memory_bytes)
{
    struct vm_config config = {
        .name = "web", .memory_bytes = memory_bytes, .vcpus = 1, .command_line = ""};
    struct vm_payload payload = {
        .start = hpa((uint64_t)sector), .size = sizeof(sector), .command_line = ""};
    struct vm *vm = NULL;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    assert_true(vm_add_payload(vm, &payload));
    return vm;
}

static struct vm *start_with_module(uint64_t memory_bytes)
{
    struct vm *vm = add_with_module(memory_bytes);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    return vm;
}

// ---- Memory ----

static void assert_mapped(const struct vm *vm, uint64_t address)
{
    struct fake_map map = fake_backend_mapping(vm->nested, gpa(address));
    struct host_space space = vm->space;
    struct host_run run;
    assert_int_equal(map.access, ACCESS_ALL);
    assert_int_equal(fake_host.host.space_ram(&space, gpa(address), &run), STATUS_OK);
    assert_int_equal(run.gpa.value, address);
    assert_int_equal(map.hpa.value, run.hpa.value);
}

static void assert_not_mapped(const struct vm *vm, uint64_t address)
{
    assert_int_equal(fake_backend_mapping(vm->nested, gpa(address)).access, 0);
}

static void all_ram_is_mapped_and_nothing_else(void **state)
{
    (void)state;
    for (fake_host.frame_run = 0; fake_host.frame_run < 8; fake_host.frame_run += 3) {
        struct vm *vm = fake_machine.vmm.vm_count ? fake_machine.vmm.vms[0] : add_with_module(MIB);

        assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
        for (uint64_t address = 0; address < 2 * MIB; address += PAGE_SIZE) {
            if (address < 0xa0000 || (address >= 0xb8000 && address < MIB)) {
                assert_mapped(vm, address);
            } else {
                assert_not_mapped(vm, address);
            }
        }
        assert_not_mapped(vm, 0xfee00000);
        assert_not_mapped(vm, 0xfec00000);
        assert_not_mapped(vm, UINT64_MAX - PAGE_SIZE + 1);
        assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    }
}

static void the_device_hole_stays_open_in_a_large_vm(void **state)
{
    (void)state;
    fake_host.guest_bytes = 8 * GIB;
    struct vm *vm = start_with_module(5 * GIB);

    assert_mapped(vm, 3 * GIB - PAGE_SIZE);
    assert_not_mapped(vm, 3 * GIB);
    assert_not_mapped(vm, 4 * GIB - PAGE_SIZE);
    assert_mapped(vm, 4 * GIB);
    assert_mapped(vm, 6 * GIB - PAGE_SIZE);
    assert_not_mapped(vm, 6 * GIB);
    assert_int_equal(guest_memory_size(&vm->memory), 5 * GIB - 0x20000);
}

static void two_vms_share_no_frame(void **state)
{
    struct vm *a = start_with_module(2 * MIB);
    (void)state;
    struct vm *b = fake_machine_add("b");

    assert_int_equal(fake_machine_vm_start(b, &why), STATUS_OK);
    assert_int_not_equal(a->space.cr3, b->space.cr3);
    for (unsigned i = 0; i < a->nested->map_count; i++) {
        for (unsigned j = 0; j < b->nested->map_count; j++) {
            const struct fake_map *x = &a->nested->maps[i];
            const struct fake_map *y = &b->nested->maps[j];

            assert_true(x->hpa.value + x->bytes <= y->hpa.value ||
                        y->hpa.value + y->bytes <= x->hpa.value);
        }
    }
}

// ---- What others left ----

static bool zeroed[5 * MIB / PAGE_SIZE];
static void (*real_zero)(const struct host_space *space, gpa_t gpa, uint64_t bytes);

static void watched_zero(const struct host_space *space, gpa_t gpa, uint64_t bytes)
{
    assert_int_equal(fake_host.cr3[fake_host.cpu], space->cr3);
    for (uint64_t at = gpa.value; at < gpa.value + bytes; at += PAGE_SIZE) {
        assert_false(zeroed[at / PAGE_SIZE]); // none of it twice
        zeroed[at / PAGE_SIZE] = true;
    }
    real_zero(space, gpa, bytes);
}

static void all_ram_is_zeroed_before_anything_is_in_it(void **state)
{
    struct vm *vm = add_with_module(5 * MIB - PAGE_SIZE);
    (void)state;
    real_zero = fake_host.host.space_zero;
    fake_host.host.space_zero = watched_zero;
    memset(zeroed, 0, sizeof(zeroed));
    assert_int_equal(vm_start(vm, &why), STATUS_OK);
    fake_host.host.space_enter(&vm->space);
    for (unsigned i = 0; i < vm->memory.extent_count; i++) {
        const struct guest_extent *extent = &vm->memory.extents[i];

        memset(guest_memory_at(&vm->memory, extent->gpa, extent->bytes), 0xa5, extent->bytes);
    }
    fake_host.host.space_enter(NULL);
    fake_machine_finish(vm);
    assert_int_equal(vm->state, VM_RUNNING);
    for (uint64_t at = 0; at < 5 * MIB; at += PAGE_SIZE) {
        assert_int_equal(zeroed[at / PAGE_SIZE],
                         fake_backend_mapping(vm->nested, gpa(at)).access != 0);
    }
    fake_host.host.space_enter(&vm->space);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0x7c00), 512), sector, 512);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(5 * MIB - 2 * PAGE_SIZE), 1), "", 1);
}

// ---- Payloads ----

static void a_module_is_loaded_into_ram(void **state)
{
    struct vm *vm = start_with_module(2 * MIB);
    (void)state;
    fake_host.host.space_enter(&vm->space);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0x7c00), 512), sector, 512);
}

static void firmware_is_there_when_the_payload_is(void **state)
{
    static const uint8_t rom[] = {0x00, 0xf0, 0xff, 0x90, 0x90, 0x90, 0x90, 0x90};
    static const struct linked_payload firmware = {.start = rom, .size = sizeof(rom)};
    (void)state;
    fake_machine.vmm.firmware = &firmware;
    struct vm *vm = start_with_module(2 * MIB);

    fake_host.host.space_enter(&vm->space);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(MIB - 8), 8), rom, 8);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0x40), 4), "\x00\xf0\x00\xf0", 4);
    // Its handlers are in place: a payload in real mode starts with interrupts on, as from a BIOS.
    const struct backend_vcpu *backend = vm->vcpus[0]->core.backend;
    assert_int_equal(backend->registers[REG_RIP], 0x7c00);
    assert_int_equal(backend->registers[REG_RFLAGS], RFLAGS_FIXED | RFLAGS_IF);
}

static void acpi_tables_are_there_when_the_payload_is(void **state)
{
    struct vm *vm = start_with_module(MIB);
    (void)state;
    fake_host.host.space_enter(&vm->space);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0xe0000), 8), "RSD PTR ", 8);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0xf0000), 4), "_MP_", 4);
}

static void the_bios_data_area_is_there_again_after_a_reset(void **state)
{
    struct vm *vm = start_with_module(MIB);
    (void)state;
    fake_host.host.space_enter(&vm->space);
    memset(guest_memory_at(&vm->memory, gpa(0x400), 256), 0, 256);
    fake_host.host.space_enter(NULL);
    assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
    fake_host.host.space_enter(&vm->space);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0x40e), 2), "\xc0\x9f", 2);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0x413), 2), "\x7f\x02", 2);
    assert_memory_equal(guest_memory_at(&vm->memory, gpa(0x9fc00), 1), "\x01", 1);
}

static void assert_nothing_is_left(const struct vm *vm)
{
    assert_int_equal(vm->state, VM_OFF);
    assert_int_equal(fake_host.live_allocations, fake_machine.vmm.vm_count);
    assert_int_equal(fake_host.live_spaces, 0);
    assert_int_equal(fake_backend.live_vcpus, 0);
    assert_int_equal(fake_backend.live_nested, 0);
    assert_int_equal(fake_host.cr3[fake_host.cpu], 0);
    assert_null(vm->pc);
    assert_null(vm->vcpus[0]);
    assert_int_equal(vm->memory.extent_count, 0);
}

// A start that fails late has its reason in the log.
static void start_fails_late(struct vm *vm)
{
    unsigned before = fake_host_logged("[web] not started: ");
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_nothing_is_left(vm);
    assert_int_equal(fake_host_logged("[web] not started: "), before + 1);
}

static void a_bad_payload_costs_nothing(void **state)
{
    struct vm *vm = add_with_module(2 * MIB);
    (void)state;
    sector[511] = 0;
    start_fails_late(vm);
    sector[511] = 0xaa;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
}

static void firmware_that_does_not_fit_costs_nothing(void **state)
{
    static const struct linked_payload firmware = {.start = sector, .size = 1};
    (void)state;
    fake_machine.vmm.firmware = &firmware;
    struct vm *vm = add_with_module(2 * MIB);

    start_fails_late(vm);
}

static void a_vm_has_random_numbers_only_from_the_cpu(void **state)
{
    struct vm_config config = {
        .name = "rt", .memory_bytes = MIB, .vcpus = 1, .random = true, .command_line = ""};
    struct vm *vm = NULL;
    (void)state;
    fake_host.has_no_random = true;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, "vm=rt: rng=yes: this CPU has neither RDSEED nor RDRAND");
    fake_host.has_no_random = false;
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
}

// ---- Every step fails once ----

static void a_start_that_fails_anywhere_costs_nothing(void **state)
{
    struct vm *vm = add_with_module(2 * MIB);
    unsigned at_once = 0;
    unsigned late = 0;
    (void)state;
    vm->config.random = true;
    fake_host.frame_run = 64;
    for (;;) {
        fake_host.failing_step = fake_host.steps + at_once + late + 1;
        enum status status = fake_machine_vm_start(vm, &why);

        if (vm->state == VM_RUNNING) {
            break;
        }
        assert_nothing_is_left(vm);
        assert_int_equal(vm->starts, 0);
        bool fails_at_once = status != STATUS_OK;
        at_once += fails_at_once;
        late += !fails_at_once;
        assert_true(!fails_at_once || late == 0);
        assert_int_equal(fake_host_logged("[web] not started: no "), late);
    }
    // The reservation; then the nested table, each run and its mapping, devices, entropy device,
    // vCPU (frame and hardware), module.
    assert_int_equal(at_once, 1);
    assert_int_equal(late, 1 + 2 * vm->nested->map_count + 5);
    assert_true(late > 10);
    assert_int_equal(vm->starts, 1);
}

static void a_reset_that_fails_anywhere_costs_only_the_vm(void **state)
{
    struct vm *vm = start_with_module(2 * MIB);
    struct vm *other = fake_machine_add("other");
    (void)state;
    assert_int_equal(fake_machine_vm_start(other, &why), STATUS_OK);
    uint64_t cr3 = other->space.cr3;

    for (unsigned step = 1; step <= 7; step++) {
        fake_host.failing_step = fake_host.steps + step;
        // It never lacks memory, because it keeps what it has.
        assert_int_equal(fake_machine_vm_reset(vm, &why), STATUS_OK);
        assert_int_equal(fake_host_logged("[web] not reset: no "), step);
        assert_int_equal(vm->state, VM_OFF);
        assert_int_equal(fake_backend.live_vcpus, 1);
        assert_int_equal(other->state, VM_RUNNING);
        assert_int_equal(other->space.cr3, cr3);
        fake_host.failing_step = 0;
        assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    }
}

// Each VM fits into the machine, but not all of them.
static void memory_that_others_have_is_not_there(void **state)
{
    struct vm *vm = start_with_module(32 * MIB);
    uint64_t all = fake_host.guest_bytes;
    (void)state;
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    fake_host.guest_bytes = 16 * MIB; // the rest is taken
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_NO_MEMORY);
    assert_nothing_is_left(vm);
    fake_host.guest_bytes = all;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_ram_is_mapped_and_nothing_else),
        TEST(the_device_hole_stays_open_in_a_large_vm),
        TEST(two_vms_share_no_frame),
        TEST(all_ram_is_zeroed_before_anything_is_in_it),
        TEST(a_module_is_loaded_into_ram),
        TEST(firmware_is_there_when_the_payload_is),
        TEST(acpi_tables_are_there_when_the_payload_is),
        TEST(the_bios_data_area_is_there_again_after_a_reset),
        TEST(a_bad_payload_costs_nothing),
        TEST(firmware_that_does_not_fit_costs_nothing),
        TEST(a_vm_has_random_numbers_only_from_the_cpu),
        TEST(a_start_that_fails_anywhere_costs_nothing),
        TEST(a_reset_that_fails_anywhere_costs_only_the_vm),
        TEST(memory_that_others_have_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
