// SPDX-License-Identifier: MIT
// The invariants of a machine with VMs.
#include "tests/host/vm/machine_check.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_backend.h"
#include "tests/host/fake_machine.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

#define SAID_MAX 8192
#define SEIZED (-1)

static struct seen {
    unsigned starts;
    uint64_t now_ns; // on the VM's clock
    unsigned said;
    unsigned heard;
    struct {
        unsigned start; // in which life of the VM
        uint8_t byte;
    } bytes[SAID_MAX];
} seen[CHECK_VMS];

void machine_check_init(void)
{
    for (unsigned i = 0; i < CHECK_VMS; i++) {
        seen[i] = (struct seen){0};
    }
}

// ---- Who holds what ----

static void check_vcpu(const struct vm *vm, unsigned index)
{
    const struct vm_slot *slot = &vm->slots[index];
    const struct vcpu *vcpu = vm->vcpus[index];
    assert_true(vcpu || !slot->held);
    if (vcpu && vcpu->core.backend->in_cpu) {
        assert_true(slot->held || vm_is_in_work(vm)); // then its home CPU has seized all
        assert_int_equal(vcpu->core.backend->cpu, slot->held ? slot->cpu : vm_home_cpu(vm));
    }
}

static unsigned check_vcpus(const struct vm *vm)
{
    unsigned made = 0;
    int held = 0;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        check_vcpu(vm, i);
        made += vm->vcpus[i] ? 1 : 0;
        held += vm->slots[i].held ? 1 : 0;
    }
    assert_int_equal(vm->holders == SEIZED ? 0 : vm->holders, held);
    return made;
}

static void check_state(const struct vm *vm, unsigned made)
{
    bool lives = vm->state == VM_RUNNING || vm->state == VM_PAUSED;
    assert_true(!lives || (made == vm->config.vcpus && vm->pc && vm->holders != SEIZED));
    assert_true(!vm_is_in_work(vm) || vm->holders == SEIZED);
    if (vm->state == VM_OFF) {
        assert_true(made == 0 && !vm->pc && !vm->entropy && !vm->nested && vm->space.cr3 == 0);
    }
    assert_true(made == 0 || vm->nested);
    assert_true(!vm->nested || vm->space.cr3 != 0);
}

static void check_clock(const struct vm *vm, struct seen *last)
{
    if (vm->state != VM_RUNNING) {
        return;
    }
    assert_true(vm->starts != last->starts || vm_now_ns(vm) >= last->now_ns);
    last->starts = vm->starts;
    last->now_ns = vm_now_ns(vm);
}

void machine_check(void)
{
    unsigned vcpus = 0;
    unsigned spaces = 0;
    unsigned nested = 0;
    unsigned boards = 0;
    unsigned functions = 0;
    for (unsigned i = 0; i < fake_machine.vmm.vm_count; i++) {
        const struct vm *vm = fake_machine.vmm.vms[i];
        unsigned made = check_vcpus(vm);
        check_state(vm, made);
        check_clock(vm, &seen[i]);
        vcpus += made;
        spaces += vm->space.cr3 ? 1 : 0;
        nested += vm->nested ? 1 : 0;
        boards += vm->pc ? 1 : 0;
        functions += vm->entropy ? 1 : 0;
        functions += vm->hvc ? 1 : 0;
    }
    assert_int_equal(fake_backend.live_vcpus, vcpus);
    assert_int_equal(fake_backend.live_nested, nested);
    assert_int_equal(fake_host.live_spaces, spaces);
    assert_int_equal(fake_host.live_allocations,
                     fake_machine.vmm.vm_count + vcpus + boards + functions);
}

// ---- Time ----

// Sums could hide that two things have changed.
static void mix(uint64_t *lives, uint64_t value)
{
    *lives = *lives * 1000003 + value;
}

struct machine_check_time machine_check_time(unsigned cpu)
{
    struct machine_check_time time = {.now_ns = fake_host.now_ns,
                                      .lives = fake_host.steps,
                                      .busy_ns = fake_machine.schedulers[cpu].busy_ns};
    for (unsigned i = 0; i < fake_machine.vmm.vm_count; i++) {
        const struct vm *vm = fake_machine.vmm.vms[i];
        time.charged_ns += vm_home_cpu(vm) == cpu ? vm->build_ns : 0;
        mix(&time.lives, vm->starts * 8ULL + vm->state);
        for (unsigned j = 0; j < vm->config.vcpus; j++) {
            if (vm->slots[j].cpu == cpu && vm->vcpus[j]) {
                time.charged_ns += vm->vcpus[j]->run_ns;
                mix(&time.lives, (uint64_t)vm->vcpus[j]);
            }
        }
    }
    return time;
}

void machine_check_charged(unsigned cpu, const struct machine_check_time *before, bool ran)
{
    struct machine_check_time after = machine_check_time(cpu);
    uint64_t spent_ns = after.now_ns - before->now_ns;
    assert_int_equal(after.busy_ns - before->busy_ns, ran ? spent_ns : 0);
    if (after.lives == before->lives) { // else the count of what was charged has begun anew
        assert_int_equal(after.charged_ns - before->charged_ns, ran ? spent_ns : 0);
    }
}

// ---- Output ----

void machine_check_said(unsigned vm, uint8_t byte)
{
    struct seen *at = &seen[vm];
    assert_true(at->said < SAID_MAX);
    at->bytes[at->said].byte = byte;
    at->bytes[at->said++].start = fake_machine.vmm.vms[vm]->starts;
}

// Where the next byte is that cannot have been lost, or the first `byte` if that comes earlier.
static unsigned next_heard(unsigned vm, int byte)
{
    const struct seen *at = &seen[vm];
    unsigned next = at->heard;
    while (next < at->said && at->bytes[next].start != fake_machine.vmm.vms[vm]->starts &&
           at->bytes[next].byte != byte) {
        next++;
    }
    return next;
}

void machine_check_heard(unsigned vm, uint8_t byte)
{
    unsigned next = next_heard(vm, byte);
    assert_true(next < seen[vm].said);
    assert_int_equal(seen[vm].bytes[next].byte, byte);
    seen[vm].heard = next + 1;
}

bool machine_check_all_heard(unsigned vm)
{
    return next_heard(vm, -1) == seen[vm].said;
}
