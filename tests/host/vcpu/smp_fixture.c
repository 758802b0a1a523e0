// SPDX-License-Identifier: MIT
// What tests do with the vCPUs of a VM that has several.
#include "tests/host/vcpu/smp_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vm/vm_hold.h"

void smp_begin(unsigned vcpus)
{
    fake_machine_start_smp(vcpus);
    for (unsigned i = 0; i < vcpus; i++) {
        struct vcpu *vcpu = smp_on(i);

        smp_send(i, APIC_STARTUP, 0x10);
        vcpu_mail_take(vcpu);
        assert_true(lapic_write(&vcpu->lapic, LAPIC_SVR, 0x1ff, 0));
    }
}

struct vcpu *smp_on(unsigned index)
{
    struct vm *vm = fake_machine.vm;
    fake_host.cpu = vm->slots[index].cpu;
    assert_true(vm_hold(vm, index));
    fake_host.host.space_enter(&vm->space);
    fake_backend.ops.load_vcpu(&vm->vcpus[index]->core);
    return vm->vcpus[index];
}

void smp_send(unsigned index, enum apic_delivery delivery, uint8_t vector)
{
    vcpu_mail_message(fake_machine.vm->vcpus[index],
                      &(struct apic_message){.delivery = delivery, .vector = vector});
}

void smp_halt(unsigned index, uint64_t interrupts)
{
    struct vcpu *vcpu = smp_on(index);
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED | interrupts);
    assert_int_equal(fake_backend_exit(&vcpu->core, (struct vm_exit){.kind = EXIT_HLT}), ADVANCE);
}

bool smp_runnable(unsigned index)
{
    struct vcpu *vcpu = smp_on(index);
    vcpu_mail_take(vcpu);
    return vcpu_runnable(vcpu);
}
