// SPDX-License-Identifier: MIT
// Tests of devices that work while the vCPU that keeps them is halted: their VM gets its share for
// that, and no more.
#include "vmm/vm/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/vm_nets.h"

#define US 1000ULL
#define MS NS_PER_MS
#define TURN_NS (200 * US)
#define RINGS 0x10000ULL // where the driver has its queue

static struct vm *copier; // its vCPU is halted
static struct vm *hog;
static unsigned turns;
static unsigned turns_left; // then the device has nothing more to do

static bool copy(struct virtio_device *device, unsigned queue, const struct virtqueue_rings *rings,
                 int64_t *budget)
{
    (void)device;
    (void)queue;
    (void)rings;
    turns++;
    turns_left--;
    fake_host.now_ns += TURN_NS;
    *budget = 0;
    return turns_left > 0;
}

static const struct virtio_device_ops copier_ops = {.type = VIRTIO_NETWORK, .serve = copy};

static struct vm *start(const char *line)
{
    struct reason why = {""};
    struct vm *vm = fake_machine_add_line(line, &why);
    assert_non_null(vm);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    return vm;
}

static struct pc_virtio *part(void)
{
    return &copier->nets->nets[0].device.part;
}

// The driver has set the device up, and halts.
static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    fake_backend.guest = fake_backend_compute;
    copier = start("vm=copier mem=2M cpu=0 net=lan");
    struct virtio_device *device = part()->pci.device;
    pci_function_set(&part()->pci.function, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    device->ops = &copier_ops;
    device->status = VIRTIO_DRIVER_OK;
    device->queues[0].enabled = true;
    device->queues[0].descriptors = RINGS;
    device->queues[0].available = RINGS + 0x1000;
    device->queues[0].used = RINGS + 0x2000;
    copier->vcpus[0]->halted = true;
    hog = start("vm=hog mem=2M cpu=0");
    turns = 0;
    return 0;
}

static struct scheduler *cpu0(void)
{
    return &fake_machine.schedulers[0];
}

static void notify(unsigned count)
{
    turns_left = count;
    pc_virtio_arrived(part());
    scheduler_notify(copier->vcpus[0], WORK_TIMERS, WAKE_ALWAYS);
}

// The longest step.
static uint64_t run_for(uint64_t ns)
{
    uint64_t end_ns = fake_host.now_ns + ns;
    uint64_t longest_ns = 0;
    while (fake_host.now_ns < end_ns) {
        uint64_t begin_ns = fake_host.now_ns;
        uint64_t wake_ns;
        assert_true(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
        longest_ns = MAX(longest_ns, fake_host.now_ns - begin_ns);
    }
    return longest_ns;
}

static uint64_t used_ns(const struct vm *vm)
{
    return cpu0()->accounts[vm->index].used_ns;
}

static void endless_work_gets_its_share(void **state)
{
    (void)state;
    notify(UINT32_MAX);
    (void)run_for(20 * MS);
    uint64_t copier_ns = used_ns(copier), hog_ns = used_ns(hog);
    (void)run_for(200 * MS);
    assert_in_range(used_ns(copier) - copier_ns, 95 * MS, 105 * MS);
    assert_in_range(used_ns(hog) - hog_ns, 95 * MS, 105 * MS);
    assert_int_equal(copier->vcpus[0]->paravirt.stolen_ns, 0); // it would not have run
}

// Without it, the CPU sees nothing else while a turn lasts.
static void between_turns_the_cpu_looks(void **state)
{
    (void)state;
    hog->vcpus[0]->halted = true;
    fake_machine_stop_timer(hog);
    notify(UINT32_MAX);
    (void)run_for(10 * MS);
    assert_in_range(run_for(100 * MS), 1, 2 * TURN_NS - 1);
}

// A VM that ends the run of another one by a wake-up pays for that. A turn ends by itself.
static void who_wakes_after_a_turn_does_not_pay_for_it(void **state)
{
    uint64_t wake_ns;
    (void)state;
    hog->vcpus[0]->halted = true;
    fake_machine_stop_timer(hog);
    notify(UINT32_MAX);
    (void)run_for(10 * MS);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(scheduler_step(cpu0(), NEVER_NS, &wake_ns));
        assert_false(cpu0()->kicked);
    }
}

// The time of a look is not chosen.
static void a_look_gives_no_turn(void **state)
{
    (void)state;
    (void)run_for(20 * MS); // the copier sleeps
    notify(1);
    scheduler_look(cpu0());
    assert_int_equal(turns, 0);
    assert_true(cpu0()->ready & BIT(copier->index));
    (void)run_for(MS);
    assert_int_equal(turns, 1);
    assert_false(cpu0()->ready & BIT(copier->index)); // it sleeps again
}

static void the_time_of_a_turn_is_none_between_runs(void **state)
{
    (void)state;
    (void)run_for(20 * MS);
    uint64_t turn_ns = cpu0()->turn_ns;
    notify(100);
    (void)run_for(100 * MS);
    assert_int_equal(turns, 100);
    assert_int_equal(cpu0()->turn_ns, turn_ns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(endless_work_gets_its_share),
        TEST(between_turns_the_cpu_looks),
        TEST(who_wakes_after_a_turn_does_not_pay_for_it),
        TEST(a_look_gives_no_turn),
        TEST(the_time_of_a_turn_is_none_between_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
