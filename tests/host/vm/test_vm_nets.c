// SPDX-License-Identifier: MIT
// Tests of the network cards of VMs: addresses, starts and stops, and who is woken for a frame.
#include "vmm/vm/vm_nets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/config/config_vm.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_life.h"

static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_machine_init();
    why.text[0] = '\0';
    return 0;
}

static struct vm *try_to_add(const char *line)
{
    return fake_machine_add_line(line, &why);
}

static struct vm *add(const char *line)
{
    struct vm *vm = try_to_add(line);
    assert_non_null(vm);
    return vm;
}

static void start(struct vm *vm)
{
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_RUNNING);
}

static void stop(struct vm *vm)
{
    assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_OFF);
}

static uint64_t mac_of(const struct vm *vm, unsigned card)
{
    return net_mac(vm->nets->nets[card].mac.bytes);
}

// A card sends a frame of 100 bytes.
static void send(struct vm *vm, unsigned card, uint64_t to)
{
    static const uint8_t rest[100 - NET_ETHERNET_BYTES] = {0x5a};
    struct net_port *port = &vm->nets->nets[card].port.port;
    struct net_packet packet = {.bytes = 100, .rest = rest};
    int64_t budget = MIB;
    memcpy(packet.ethernet, &to, NET_MAC_BYTES);
    memcpy(packet.ethernet + NET_MAC_BYTES, vm->nets->nets[card].mac.bytes, NET_MAC_BYTES);
    assert_true(port->send(port, &packet, &budget));
}

// Takes the frames that wait for a card.
static unsigned take(const struct vm *vm, unsigned card)
{
    struct net_port *port = &vm->nets->nets[card].port.port;
    unsigned count = 0;
    for (struct net_frame *frame = port->next(port); frame; frame = port->next(port)) {
        port->release(port, frame);
        count++;
    }
    return count;
}

// ---- Making cards ----

static void cards_have_addresses_of_their_own(void **state)
{
    (void)state;
    struct vm *a = add("vm=a mem=2M net=lan net=lan");
    struct vm *b = add("vm=b mem=2M net=lan,mac=52:54:00:12:34:56");
    assert_null(add("vm=c mem=2M")->nets);
    assert_int_equal(fake_machine.vmm.switch_count, 1);
    assert_int_equal(a->nets->count, 2);
    assert_true(mac_of(a, 0) != mac_of(a, 1));
    assert_false(net_mac_is_group(mac_of(a, 0)));
    assert_true(mac_of(b, 0) == 0x563412005452);
}

static void bad_cards_are_refused(void **state)
{
    char line[64];
    (void)state;
    add("vm=a mem=2M net=lan,mac=52:54:00:12:34:56");
    assert_null(try_to_add("vm=b mem=2M net=lan,mac=52:54:00:12:34:56"));
    assert_string_equal(why.text, "net=lan: a card of a has the same address");
    assert_null(try_to_add("vm=b mem=2M net=dmz,mac=02:00:00:00:00:01 "
                           "net=dmz,mac=02:00:00:00:00:01"));
    assert_string_equal(why.text, "net=dmz: a card of b has the same address");
    add("vm=b mem=2M net=other,mac=52:54:00:12:34:56"); // of another switch
    for (unsigned i = 1; i < SWITCH_PORTS_MAX; i++) {
        snprintf(line, sizeof(line), "vm=x%u mem=2M net=lan", i);
        add(line);
    }
    assert_null(try_to_add("vm=z mem=2M net=lan"));
    assert_string_equal(why.text, "net=lan: the switch has 32 ports already, which is the most");
}

static void there_are_so_many_switches(void **state)
{
    char line[128];
    (void)state;
    for (unsigned i = 0; i < VM_SWITCHES_MAX; i += 2) {
        snprintf(line, sizeof(line), "vm=x%u mem=2M net=s%u net=s%u", i, i, i + 1);
        add(line);
    }
    assert_null(try_to_add("vm=z mem=2M net=more"));
    assert_string_equal(why.text, "net=more: there are 16 switches already, which is the most");
}

static void a_vm_can_fail_to_be_made_anywhere(void **state)
{
    struct vm *vm = NULL;
    (void)state;
    for (uint64_t step = 1; !vm; step++) {
        fake_machine_free(); // finds leaks
        set_up(state);
        fake_host.failing_step = fake_host.steps + step;
        vm = try_to_add("vm=a mem=2M ram-disk=d:1M net=lan net=dmz");
    }
    fake_host.failing_step = 0;
    start(vm);
}

static void a_start_can_fail_anywhere(void **state)
{
    bool failed = true;
    (void)state;
    for (uint64_t step = 1; failed; step++) {
        fake_machine_free(); // finds leaks
        set_up(state);
        struct vm *vm = add("vm=a mem=2M net=lan net=dmz");
        fake_host.failing_step = fake_host.steps + step;
        failed = fake_machine_vm_start(vm, &why) != STATUS_OK || vm->state != VM_RUNNING;
    }
}

// ---- Frames ----

static void frames_cross(void **state)
{
    (void)state;
    struct vm *a = add("vm=a mem=2M net=lan net=dmz");
    struct vm *b = add("vm=b mem=2M net=lan");
    struct vm *c = add("vm=c mem=2M net=dmz");
    start(a);
    start(b);
    start(c);
    send(a, 0, mac_of(b, 0));
    assert_int_equal(take(b, 0), 1);
    send(a, 0, NET_BROADCAST);
    assert_int_equal(take(b, 0), 1);
    assert_int_equal(take(c, 0), 0); // at another switch
    send(b, 0, mac_of(c, 0));
    assert_int_equal(take(c, 0), 0);
    send(c, 0, mac_of(a, 1));
    assert_int_equal(take(a, 0) + 2 * take(a, 1), 3); // b's frame for nobody, c's for a
}

static void frames_for_a_vm_that_is_off_are_lost(void **state)
{
    (void)state;
    struct vm *a = add("vm=a mem=2M net=lan");
    struct vm *b = add("vm=b mem=2M net=lan");
    start(a);
    send(a, 0, mac_of(b, 0));
    start(b);
    assert_int_equal(take(b, 0), 0);
    send(a, 0, mac_of(b, 0));
    stop(b);
    send(a, 0, mac_of(b, 0));
    start(b);
    assert_int_equal(take(b, 0), 0);
    send(a, 0, mac_of(b, 0));
    assert_int_equal(fake_machine_vm_reset(b, &why), STATUS_OK);
    assert_int_equal(take(b, 0), 0); // a reset empties the card
    send(a, 0, mac_of(b, 0));
    assert_int_equal(take(b, 0), 1);
}

static void a_stop_waits_for_who_fills_a_ring(void **state)
{
    (void)state;
    struct vm *a = add("vm=a mem=2M net=lan");
    start(a);
    a->nets->nets[0].port.writers = 1;
    assert_int_equal(vm_stop(a, &why), STATUS_OK);
    for (unsigned i = 0; i < 100; i++) {
        vm_continue(a, fake_host.now_ns);
    }
    assert_int_equal(a->state, VM_STOPPING);
    assert_non_null(a->nets->nets[0].ring);
    assert_non_null(a->vcpus[0]); // whom it may wake
    a->nets->nets[0].port.writers = 0;
    fake_machine_finish(a);
    assert_int_equal(a->state, VM_OFF);
    assert_null(a->nets->nets[0].ring);
}

static void the_receiver_is_woken_once(void **state)
{
    (void)state;
    struct vm *a = add("vm=a mem=2M cpu=0 net=lan");
    struct vm *b = add("vm=b mem=2M cpu=1 net=lan");
    start(a);
    start(b);
    assert_int_equal(take(b, 0), 0); // its card has looked, and waits
    fake_machine_sleep(b, 0, WAKE_ALWAYS);
    fake_host.kicks[1] = 0;
    send(a, 0, mac_of(b, 0));
    assert_true(fake_machine_woken(b, 0));
    assert_int_equal(fake_host.kicks[1], 1);
    assert_true(b->vcpus[0]->mail.posted.flags & MAIL_VIRTIO);
    assert_true(vcpu_has_waking_mail(b->vcpus[0]));
    assert_int_equal(b->pc->virtio_arrived, 1U << b->nets->nets[0].device.part.slot.number);
    send(a, 0, mac_of(b, 0));
    assert_int_equal(fake_host.kicks[1], 1);
    assert_int_equal(fake_host.kicks[0], 0);
}

// Without a look at the timers, and nothing is left for later.
static void a_frame_is_served_with_the_mail(void **state)
{
    (void)state;
    struct vm *a = add("vm=a mem=2M cpu=0 net=lan");
    struct vm *b = add("vm=b mem=2M cpu=1 net=lan");
    start(a);
    start(b);
    struct vcpu *vcpu = b->vcpus[0];
    assert_int_equal(take(b, 0), 0);
    vcpu->core.work = 0;
    vcpu->next_event_ns = 12345;
    send(a, 0, mac_of(b, 0));
    vcpu_mail_take(vcpu);
    assert_int_equal(b->pc->virtio_arrived, 0);
    assert_int_equal(vcpu->mail.posted.flags, 0);
    assert_int_equal(vcpu->core.work, 0);
    assert_int_equal(vcpu->next_event_ns, 12345);
}

// The receiver shares its CPU with the sender, and sleeps.
static void the_memory_of_a_sleeper_is_entered(void **state)
{
    struct scheduler *cpu = &fake_machine.schedulers[0];
    (void)state;
    struct vm *a = add("vm=a mem=2M cpu=0 net=lan");
    struct vm *b = add("vm=b mem=2M cpu=0 net=lan");
    start(a);
    start(b);
    b->vcpus[0]->halted = true;
    fake_machine_step(0, NULL);
    assert_int_equal(take(b, 0), 0);
    fake_host.host.space_enter(&a->space);
    send(a, 0, mac_of(b, 0));
    cpu->accounts[a->index].virtual_time_ns = cpu->accounts[b->index].virtual_time_ns + 1;
    fake_machine_step(0, NULL);
    assert_int_equal(fake_host.cr3[0], b->space.cr3);
    assert_int_equal(b->pc->virtio_arrived, 0);
    assert_true(b->vcpus[0]->halted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cards_have_addresses_of_their_own),
        TEST(bad_cards_are_refused),
        TEST(there_are_so_many_switches),
        TEST(a_vm_can_fail_to_be_made_anywhere),
        TEST(a_start_can_fail_anywhere),
        TEST(frames_cross),
        TEST(frames_for_a_vm_that_is_off_are_lost),
        TEST(a_stop_waits_for_who_fills_a_ring),
        TEST(the_receiver_is_woken_once),
        TEST(a_frame_is_served_with_the_mail),
        TEST(the_memory_of_a_sleeper_is_entered),
    };
    return cmocka_run_group_tests_name("vm_nets", tests, NULL, NULL);
}
