// SPDX-License-Identifier: MIT
// A switch with senders and receivers at the same time, each a thread as VMs are on CPUs.
#include "vmm/net/net_switch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "tests/host/net/switch_fixture.h"
#include "vmm/devices/virtio/net_port.h"

#define FRAMES 3000
#define SENDERS 2

static unsigned running; // senders

// Each sender has frames for both receivers, and floods some.
static void *send(void *argument)
{
    unsigned port = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < FRAMES; i++) {
        uint64_t to = i % 64 == 0 ? NET_BROADCAST : lan_mac(SENDERS + i % 2);
        if (!lan_send(port, to, lan_mac(port), 60 + i % 1000)) {
            return argument;
        }
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    __atomic_sub_fetch(&running, 1, __ATOMIC_RELEASE);
    return NULL;
}

// Takes all that comes until the senders have ended. Returns how many frames that were.
static void *receive(void *argument)
{
    unsigned port = (unsigned)(uintptr_t)argument;
    uintptr_t frames = 0;
    bool ended = false;
    for (;;) {
        if (lan_take(port)) { // which checks what is in them
            frames++;
        } else if (ended) {
            return (void *)frames;
        } else {
            ended = __atomic_load_n(&running, __ATOMIC_ACQUIRE) == 0;
            sched_yield();
        }
    }
}

static void test_nothing_is_lost_but_what_is_counted(void **state)
{
    pthread_t threads[LAN_PORTS];
    uint64_t received = 0;
    (void)state;
    lan_set_up();
    running = SENDERS;
    for (uintptr_t i = 0; i < LAN_PORTS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i < SENDERS ? send : receive, (void *)i),
                         0);
    }
    for (unsigned i = 0; i < LAN_PORTS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_true(i >= SENDERS || !result);
        received += (uintptr_t)result;
        if (i >= SENDERS) {
            assert_int_equal(lan.ports[i].counters.received_frames, (uintptr_t)result);
        }
        assert_true(net_switch_is_idle(&lan.ports[i]));
    }
    for (unsigned i = SENDERS; i < LAN_PORTS; i++) {
        received += lan.ports[i].counters.full;
    }
    // A broadcast reaches both receivers.
    unsigned floods = SENDERS * ((FRAMES + 63) / 64);
    assert_int_equal(received, SENDERS * FRAMES + floods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_but_what_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
