// SPDX-License-Identifier: MIT
// CPUs that are real threads: they share the VMs, the schedulers, mail and holds as CPUs do. CPU 0
// is the user's. CPUs 1 to 3 run guests, and CPU 1 is the home of all VMs: only its thread makes
// and destroys things. The VMs send each other frames all the time.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "tests/host/vm/threaded_backend.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_life.h"
#include "vmm/vm/vm_nets.h"

#define CPUS 4
#define HOME 1
#define VMS 2
#define VCPUS 4
#define COMMANDS 400
#define LOOKS 20 // at a state that another CPU is to change

static _Thread_local unsigned own_cpu;
static _Thread_local bool own_disturbed; // by a kick
static struct host fake;                 // the fake host's own functions

static struct cpu {
    bool kicked;
    void (*call)(void *); // atomic; NULL: no CPU calls
    void *argument;
} cpus[CPUS];
static uint64_t clock_ns;
static bool over;

// ---- The host ----

static uint64_t now_ns(void)
{
    return __atomic_add_fetch(&clock_ns, 100, __ATOMIC_RELAXED);
}

static void set_deadline(uint64_t ns)
{
    (void)ns;
}

static void kick(unsigned cpu)
{
    __atomic_store_n(&cpus[cpu].kicked, true, __ATOMIC_SEQ_CST);
}

bool threaded_take_kick(void)
{
    bool kicked = __atomic_exchange_n(&cpus[own_cpu].kicked, false, __ATOMIC_SEQ_CST);
    own_disturbed |= kicked;
    return kicked;
}

static bool disturbed(void)
{
    bool was = own_disturbed;
    own_disturbed = false;
    return was;
}

static unsigned this_cpu(void)
{
    return own_cpu;
}

static enum status call_on(unsigned cpu, void (*call)(void *), void *argument)
{
    if (cpu == own_cpu) {
        call(argument);
        return STATUS_OK;
    }
    cpus[cpu].argument = argument;
    __atomic_store_n(&cpus[cpu].call, call, __ATOMIC_RELEASE);
    kick(cpu);
    while (__atomic_load_n(&cpus[cpu].call, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    return STATUS_OK;
}

static void take_call(struct cpu *cpu)
{
    void (*call)(void *) = __atomic_load_n(&cpu->call, __ATOMIC_ACQUIRE);
    if (call) {
        call(cpu->argument);
        __atomic_store_n(&cpu->call, NULL, __ATOMIC_RELEASE);
    }
}

// The memory of all VMs can be touched on all CPUs.
static void space_enter(const struct host_space *space)
{
    for (unsigned i = 0; space && i < space->extent_count; i++) {
        const struct guest_extent *extent = &space->extents[i];
        assert_int_equal(mprotect((void *)(space->window + extent->gpa.value), extent->bytes,
                                  PROT_READ | PROT_WRITE),
                         0);
    }
}

static uint64_t tsc(void)
{
    return __atomic_load_n(&clock_ns, __ATOMIC_RELAXED) * 2;
}

static void log_line(const char *line)
{
    (void)line;
}

// ---- CPUs ----

static void *run_cpu(void *argument)
{
    struct cpu *cpu = argument;
    own_cpu = (unsigned)(cpu - cpus);
    threaded_seed = own_cpu + 1;
    while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
        uint64_t wake_ns;
        take_call(cpu);
        if (!scheduler_step(&fake_machine.schedulers[own_cpu], NEVER_NS, &wake_ns)) {
            for (unsigned i = 0; i < LOOKS; i++) {
                sched_yield();
            }
        }
    }
    take_call(cpu);
    return NULL;
}

static void look_into(struct vm *vm, void *context)
{
    unsigned index = *(const unsigned *)context;
    const struct vcpu_core *core = vm_vcpu_core(vm, index);
    if (core) {
        (void)fake_backend.ops.get_register(core, REG_RIP);
    }
}

static void use_terminal(struct vm *vm)
{
    while (terminal_take(&vm->terminal) >= 0) {
    }
    (void)terminal_take_room_wanted(&vm->terminal);
    (void)!terminal_type(&vm->terminal, 'x');
    vm_terminal_ready(vm);
}

static void command(struct vm *vm)
{
    struct reason why;
    unsigned index = threaded_random(VCPUS);
    switch (threaded_random(12)) {
    case 0:
        (void)!vm_pause(vm, &why);
        break;
    case 1:
    case 2:
        (void)!vm_resume(vm, &why);
        break;
    case 3:
        (void)!vm_stop(vm, &why);
        break;
    case 4:
    case 5:
        (void)!vm_start(vm, &why);
        break;
    case 6:
        (void)!vm_reset(vm, &why);
        break;
    case 7:
    case 8:
        use_terminal(vm);
        break;
    default:
        (void)!vm_call(vm, index, look_into, &index, NULL);
        break;
    }
}

static void run_user(void)
{
    own_cpu = 0;
    threaded_seed = 99;
    for (unsigned i = 0; i < COMMANDS; i++) {
        command(fake_machine.vmm.vms[threaded_random(VMS)]);
        for (unsigned j = 0; j < LOOKS; j++) {
            sched_yield();
        }
    }
}

static void stop_all(void)
{
    for (unsigned i = 0; i < VMS; i++) {
        struct vm *vm = fake_machine.vmm.vms[i];
        struct reason why;
        (void)!vm_stop(vm, &why); // it may be off already
        while (vm_get_state(vm) != VM_OFF) {
            sched_yield();
        }
        assert_int_equal(vm->holders, -1);
        assert_true(vm->starts > 1);
    }
}

// ---- The machine ----

static void set_up(void)
{
    struct reason why;
    fake_machine_init();
    fake_host.cpus = CPUS;
    for (unsigned i = 0; i < VMS; i++) {
        static const char *const names[VMS] = {"a", "b"};
        struct vm *vm = fake_machine_add_smp(names[i], VCPUS, BIT(1) | BIT(2) | BIT(3));
        vm->config.restart = RESTART_ALWAYS;
        vm->config.nets[vm->config.net_count++] = (struct net_config){.name = "lan"};
        assert_int_equal(vm_nets_create(vm, &why), STATUS_OK);
        assert_int_equal(vm_home_cpu(vm), HOME);
        assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    }
    fake = fake_host.host;
    fake_host.cpu = HOME;
    clock_ns = fake_host.now_ns;
    struct host *host = &fake_host.host;
    host->now_ns = now_ns;
    host->set_deadline = set_deadline;
    host->kick = kick;
    host->disturbed = disturbed;
    host->this_cpu = this_cpu;
    host->call = call_on;
    host->space_enter = space_enter;
    host->tsc = tsc;
    host->log = log_line;
    threaded_backend_init();
}

static void test_cpus_share_vms(void **state)
{
    (void)state;
    pthread_t threads[CPUS];
    alarm(60);
    set_up();
    for (unsigned i = 1; i < CPUS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_cpu, &cpus[i]), 0);
    }
    run_user();
    stop_all();
    __atomic_store_n(&over, true, __ATOMIC_RELEASE);
    for (unsigned i = 1; i < CPUS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    fake_host.host = fake;
    fake_machine_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpus_share_vms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
