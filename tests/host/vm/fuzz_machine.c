// SPDX-License-Identifier: MIT
// Fuzzes the whole machine over the fake back end: 1 to 4 VMs with 1 to 4 vCPUs each on 1 to 4
// CPUs. The input says what guests do, which CPU goes on next, and what the user does.
//
// While a guest is between two exits, other CPUs may go on: they are stepped then, in that call.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "tests/host/vm/machine_check.h"
#include "tests/host/vm/machine_cpus.h"
#include "tests/host/vm/random_guest.h"
#include "tests/host/vm/random_input.h"
#include "tests/host/vm/random_system.h"
#include "vmm/board/pc_front.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"
#include "vmm/vm/vm_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct random_input input;
    struct random_guest guests[CHECK_VMS];
} fuzz;

static unsigned vm_number(const struct vm *vm)
{
    unsigned i = 0;
    while (fake_machine.vmm.vms[i] != vm) {
        i++;
    }
    return i;
}

static void pass(unsigned shift)
{
    fake_host.now_ns += UINT64_C(1) << shift;
}

// ---- The user, at CPU 0 ----

// Whether CPU 0, and each CPU that it calls for that VM, is between two runs of guests.
static bool can_call(const struct vm *vm)
{
    bool can = !machine_cpus[0].steps;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        can = can && !machine_cpus[vm->slots[i].cpu].steps;
    }
    return can;
}

static void check_stopped(const struct vm *vm)
{
    assert_true(vm->state == VM_OFF || vm->state == VM_STOPPING);
    assert_int_equal(vm->holders, -1);
}

static void command(struct vm *vm, unsigned which)
{
    struct reason why = {""};
    bool was_off = vm->state == VM_OFF;
    switch (which % 6) {
    case 0:
    case 1:
        (void)!vm_start(vm, &why);
        break;
    case 2: // always succeeds
        assert_int_equal(vm_stop(vm, &why) != STATUS_OK, was_off);
        check_stopped(vm);
        break;
    case 3:
        (void)!vm_pause(vm, &why);
        break;
    case 4:
        (void)!vm_resume(vm, &why);
        break;
    default:
        (void)!vm_reset(vm, &why);
        break;
    }
}

struct look {
    unsigned vcpu;
    uint8_t key;
};

// What `registers`, `memory`, `type` and `powerbutton` do.
static void look_into(struct vm *vm, void *context)
{
    const struct look *look = context;
    const struct vcpu_core *core = vm_vcpu_core(vm, look->vcpu);
    for (unsigned i = 0; core && i < REG_COUNT; i++) {
        (void)fake_backend.ops.get_register(core, i);
    }
    volatile const uint8_t *ram = guest_memory_at(&vm->memory, gpa(0), 1);
    if (ram) {
        (void)*ram;
    }
    if (vm->pc && vm->state == VM_RUNNING) {
        (void)!(look->key & 0x40 ? pc_press_power_button(vm->pc) : pc_type(vm->pc, &look->key, 1));
    }
}

static void by_hand(struct vm *vm, uint8_t which)
{
    if (!can_call(vm)) {
        return;
    }
    if (which & 0x80) {
        struct look look = {.vcpu = which % vm->config.vcpus, .key = which};
        assert_int_equal(vm_call(vm, look.vcpu, look_into, &look, NULL), STATUS_OK);
    } else {
        command(vm, which);
    }
    machine_cpus[0].kicked = true; // it looks after each of them
}

static void take_output(struct vm *vm, unsigned most)
{
    unsigned number = vm_number(vm);
    for (unsigned i = 0; i < most && terminal_has_output(&vm->terminal); i++) {
        int byte = terminal_take(&vm->terminal);
        if (fuzz.guests[number].speaks) {
            machine_check_heard(number, (uint8_t)byte);
        }
    }
    if (terminal_take_room_wanted(&vm->terminal)) {
        vm_terminal_ready(vm);
    }
}

static void type(struct vm *vm, uint8_t byte)
{
    (void)!terminal_type(&vm->terminal, byte);
    if (vm->hvc) {
        (void)!terminal_type(&vm->hvc->terminal, byte);
    }
    vm_terminal_ready(vm);
}

// ---- What happens ----

static void use_console(struct vm *vm, unsigned which)
{
    unsigned before = fake_host.cpu;
    fake_host.cpu = 0;
    switch (which % 4) {
    case 0:
        take_output(vm, random_byte(&fuzz.input));
        break;
    case 1:
        type(vm, random_byte(&fuzz.input));
        break;
    default:
        by_hand(vm, random_byte(&fuzz.input));
        break;
    }
    fake_host.cpu = before;
}

static void act(uint8_t what)
{
    struct vm *vm = fake_machine.vmm.vms[(what >> 4) % fake_machine.vmm.vm_count];
    switch (what & 0xf) {
    case 0:
    case 1:
    case 2:
    case 3:
        use_console(vm, what);
        break;
    case 4:
        pass(random_byte(&fuzz.input) % 32);
        break;
    case 5:
        fake_host.failing_step = fake_host.steps + 1 + (what >> 4);
        break;
    default:
        machine_cpus_step((what >> 4) % fake_host.cpus);
        break;
    }
    machine_check();
}

// ---- Guests ----

// A guest is inside, so it has no work that its CPU will not be told of. WORK_YIELD comes only from
// code on the same CPU. In a machine that code is in an exit of the guest, which looks at it.
static void check_told(const struct vcpu_core *core)
{
    unsigned cpu = fake_host.cpu;
    bool told = machine_cpus[cpu].kicked;
    uint32_t work = __atomic_load_n(&core->work, __ATOMIC_RELAXED) & ~(uint32_t)WORK_YIELD;
    assert_true(told || work == 0);
    if (core->backend->apic_access != APIC_ACCESS_EXITS) {
        bool posted = __atomic_load_n(&core->posted->flags, __ATOMIC_RELAXED) & POSTED_ON;
        assert_true(told || !posted || fake_host.posted_kicks[cpu] != 0);
    }
}

static void leave(struct vcpu_core *core)
{
    core->exits[EXIT_HOST]++;
    __atomic_or_fetch(&core->work, WORK_HOST, __ATOMIC_RELAXED);
}

static void live(struct vcpu_core *core, uint8_t what)
{
    unsigned number = vm_number(vcpu_of(core)->vm);
    struct random_guest *guest = &fuzz.guests[number];
    uint8_t byte;
    switch (what >> 4) {
    case 0:
    case 1:
    case 2:
    case 3:
        act(random_byte(&fuzz.input));
        check_told(core);
        break;
    case 4:
        pass(what % 16 + 8);
        break;
    case 5:
        if (guest->speaks && random_system_say(core, guest, &byte)) {
            machine_check_said(number, byte);
        }
        break;
    case 6:
        random_guest_change(core, &fuzz.input);
        break;
    case 7:
        random_system_set_up(core, guest);
        break;
    default:
        random_guest_exit(core, guest, &fuzz.input);
        break;
    }
}

// Between an entry and the next exit.
static void guest(struct vcpu_core *core)
{
    struct machine_cpu *cpu = &machine_cpus[fake_host.cpu];
    fake_host.posted_kicks[fake_host.cpu] = 0; // the entry has taken them
    machine_check();
    check_told(core);
    core->backend->registers[REG_INTERRUPT_SHADOW] &= ~(uint64_t)(SHADOW_STI | SHADOW_MOV_SS);
    if (cpu->kicked) {
        cpu->kicked = false;
        cpu->disturbed = true;
        leave(core);
    } else if (fuzz.input.left == 0) {
        fake_backend_compute(core);
    } else {
        live(core, random_byte(&fuzz.input));
        if (fake_host.now_ns >= core->deadline_ns) {
            leave(core);
        }
    }
}

// ---- From the start to the end ----

static void add_vm(unsigned number, uint8_t what)
{
    static const char *const names[CHECK_VMS] = {"a", "b", "c", "d"};
    uint64_t cpus = BIT(fake_host.cpus) - 1;
    uint64_t wanted = random_byte(&fuzz.input) & cpus;
    struct vm *vm = fake_machine_add_smp(names[number], 1 + what % 4, wanted ? wanted : cpus);
    vm->config.restart = (what >> 2) % 3;
    vm->config.random = what & 0x20;
    if (what & 0x10) {
        assert_true(vm_hvc_create(vm));
    }
    fuzz.guests[number] = (struct random_guest){.speaks = what & 0x40};
    if (what & 0x80) {
        command(vm, 0);
    }
}

static void set_up(void)
{
    static const unsigned features[] = {
        0, FEATURE_APIC, FEATURE_APIC | FEATURE_APIC_MSR | FEATURE_APIC_EXTINT,
        FEATURE_APIC | FEATURE_APIC_MSR | FEATURE_APIC_EXTINT | FEATURE_POSTED};
    uint8_t what = random_byte(&fuzz.input);
    fake_machine_init();
    machine_check_init();
    machine_cpus_init();
    fake_host.zero_ns_per_kib = 100;
    fake_host.cpus = 1 + what % FAKE_CPUS_MAX;
    fake_backend.features |= features[(what >> 2) % ARRAY_SIZE(features)];
    fake_backend.guest = guest;
    for (unsigned i = 0; i <= (what >> 4) % CHECK_VMS; i++) {
        add_vm(i, random_byte(&fuzz.input));
    }
}

static void all_step(void)
{
    for (unsigned i = 0; i < fake_machine.vmm.vm_count; i++) {
        fake_host.cpu = 0;
        take_output(fake_machine.vmm.vms[i], UINT32_MAX);
    }
    for (unsigned cpu = 0; cpu < fake_host.cpus; cpu++) {
        machine_cpus_step(cpu);
        machine_check();
    }
}

static bool is_settled(unsigned number)
{
    const struct vm *vm = fake_machine.vmm.vms[number];
    switch (vm->state) {
    case VM_STARTING:
    case VM_STOPPING:
        return false;
    case VM_RUNNING:
        return !vm->reset_requested &&
               (!fuzz.guests[number].speaks || machine_check_all_heard(number));
    case VM_ENDED:
        return vm->restart_at_ns == NEVER_NS;
    default:
        return true;
    }
}

static bool are_settled(void)
{
    bool settled = true;
    for (unsigned i = 0; i < fake_machine.vmm.vm_count; i++) {
        settled = settled && is_settled(i);
    }
    return settled;
}

// The clock of a fuzzed guest may go on by seconds in one run. Its VM then waits until the others
// have had as much of the CPU, in slices of 5 ms.
#define SETTLING_STEPS 20000

// The guests only compute from now on. What waits for a time or for another CPU must get it: output
// arrives, and each reset, restart and start is carried out.
static void settle(void)
{
    fake_host.failing_step = 0;
    for (unsigned i = 0; i < SETTLING_STEPS && !are_settled(); i++) {
        all_step();
        fake_host.now_ns += 20 * NS_PER_MS;
    }
    assert_true(are_settled());
    all_step();
}

static void tear_down(void)
{
    fake_host.cpu = 0;
    for (unsigned i = 0; i < fake_machine.vmm.vm_count; i++) {
        command(fake_machine.vmm.vms[i], 2);
        fake_machine_finish(fake_machine.vmm.vms[i]);
    }
    machine_check();
    assert_int_equal(fake_backend.live_vcpus, 0);
    fake_machine_free();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz.input = (struct random_input){data, size};
    set_up();
    while (fuzz.input.left > 0) {
        act(random_byte(&fuzz.input));
    }
    settle();
    tear_down();
    return 0;
}
