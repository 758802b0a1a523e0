// SPDX-License-Identifier: MIT
// Takes RAM out of the nested page table where a local APIC hides it, and puts it back.
#include "vmm/vcpu/vcpu_apic_ram.h"

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

static uint64_t page_of(uint64_t address)
{
    return ALIGN_DOWN(address, PAGE_SIZE);
}

static uint64_t ram_under(const struct vcpu *vcpu)
{
    uint64_t page = page_of(lapic_base(&vcpu->lapic));
    bool covers = lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
                  guest_memory_at(&vcpu->vm->memory, gpa(page), PAGE_SIZE);
    return covers ? page : NO_APIC_RAM;
}

static bool hides(const struct vm *vm, uint64_t page)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->vcpus[i]->apic_ram == page) {
            return true;
        }
    }
    return false;
}

// It cannot fail: the tables down to the page's entry are there since the RAM was hidden.
static void show(struct vm *vm, uint64_t page)
{
    struct host_run run;
    if (vm->vmm->host->space_ram(&vm->space, gpa(page), &run) == STATUS_OK) {
        (void)!vm->vmm->ops->space->map(vm->nested, gpa(page), run.hpa, PAGE_SIZE, ACCESS_ALL);
    }
}

// Without frames to split a large page the RAM stays, and hides the APIC.
static uint64_t hide(struct vm *vm, uint64_t page)
{
    enum status status = vm->vmm->ops->space->unmap(vm->nested, gpa(page), PAGE_SIZE);
    return status == STATUS_OK ? page : NO_APIC_RAM;
}

void vcpu_apic_hide_ram(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    uint64_t before = vcpu->apic_ram;
    uint64_t page = ram_under(vcpu);
    if (page == before) {
        return;
    }
    lock_take(&vm->apic_lock);
    vcpu->apic_ram = NO_APIC_RAM;
    if (before != NO_APIC_RAM && !hides(vm, before)) {
        show(vm, before);
    }
    vcpu->apic_ram = page == NO_APIC_RAM || hides(vm, page) ? page : hide(vm, page);
    lock_give(&vm->apic_lock);
    guest_memory_without(&vm->memory, gpa(vcpu->apic_ram), &vcpu->memory_beside_apic);
    vcpu->memory = vcpu->apic_ram == NO_APIC_RAM ? &vm->memory : &vcpu->memory_beside_apic;
}

bool vcpu_apic_ram_is_hidden(struct vm *vm, gpa_t address)
{
    lock_take(&vm->apic_lock);
    bool hidden = hides(vm, page_of(address.value));
    lock_give(&vm->apic_lock);
    return hidden;
}
