// SPDX-License-Identifier: MIT
// Names what is at a guest-physical address.
#include "vmm/debug/device_name.h"

#include "arch/x86/pci_registers.h"
#include "vmm/address.h"
#include "vmm/board/memory_bus.h"
#include "vmm/board/pc.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/pci_host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/format.h"
#include "vmm/util/lock.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic_ram.h"
#include "vmm/vm/vm.h"

static bool is_own_lapic(const struct vcpu *vcpu, gpa_t address)
{
    return lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
           ALIGN_DOWN(address.value, PAGE_SIZE) == ALIGN_DOWN(lapic_base(&vcpu->lapic), PAGE_SIZE);
}

// False: the range is no base address of that slot.
static bool name_slot(const struct pci_slot *slot, const struct memory_range *range,
                      char text[DEVICE_NAME_BYTES])
{
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        if (&slot->windows[bar].memory == range) {
            uint32_t id = pci_function_get(slot->function, PCI_ID, 4);
            format_text(text, DEVICE_NAME_BYTES, "PCI device %u (%04x:%04x), BAR %u", slot->number,
                        id & UINT16_MAX, id >> 16, bar);
            return true;
        }
    }
    return false;
}

static void name_range(const struct pc *pc, const struct memory_range *range,
                       char text[DEVICE_NAME_BYTES])
{
    switch (range->base) {
    case IOAPIC_DEFAULT_BASE:
        text_copy(text, DEVICE_NAME_BYTES, "I/O APIC");
        return;
    case HPET_BASE:
        text_copy(text, DEVICE_NAME_BYTES, "HPET");
        return;
    case PCI_BUS_ECAM_BASE:
        text_copy(text, DEVICE_NAME_BYTES, "PCI configuration space");
        return;
    default:
        break;
    }
    for (unsigned i = 0; i < PCI_HOST_SLOTS; i++) {
        if (pc->pci.slots[i] && name_slot(pc->pci.slots[i], range, text)) {
            return;
        }
    }
    text_copy(text, DEVICE_NAME_BYTES, "a device");
}

void device_name(struct vcpu *vcpu, gpa_t address, char text[DEVICE_NAME_BYTES])
{
    struct vm *vm = vcpu->vm;
    if (is_own_lapic(vcpu, address)) {
        text_copy(text, DEVICE_NAME_BYTES, "local APIC");
        return;
    }
    lock_take(&vm->pc->lock);
    const struct memory_range *range = memory_bus_find(&vm->pc->memory, address.value);
    if (range) {
        name_range(vm->pc, range, text);
    }
    lock_give(&vm->pc->lock);
    if (range) {
        return;
    }
    if (guest_memory_at(&vm->memory, address, 1)) {
        text_copy(text, DEVICE_NAME_BYTES,
                  vcpu_apic_ram_is_hidden(vm, address) ? "RAM under another vCPU's local APIC"
                                                       : "RAM");
        return;
    }
    text_copy(text, DEVICE_NAME_BYTES, "no device");
}
