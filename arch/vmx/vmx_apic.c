// SPDX-License-Identifier: MIT
// APIC virtualization: the CPU serves a guest's local APIC out of a page (SDM Vol. 3C chapter 30).
#include "arch/vmx/vmx_apic.h"

#include "arch/vmx/ept.h"
#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/x86/frames.h"
#include "arch/x86/vectors.h"
#include "vmm/address.h"
#include "vmm/util/types.h"

// ---- A VM's part ----

static enum status map_access_page(struct nested_space *space)
{
    hpa_t page = {frames_physical(space->apic_access_page)};
    uint64_t mapped =
        ept_map(space, (gpa_t){BACKEND_APIC_GPA}, page, PAGE_SIZE, ACCESS_READ | ACCESS_WRITE);
    return mapped ? STATUS_OK : STATUS_NO_MEMORY;
}

// The access page only marks the address. But a guest can reach its contents for a moment: when a
// vCPU leaves xAPIC mode, the page is unmapped, and another vCPU may still have it in its TLB. So
// each VM has a page of its own.
enum status vmx_apic_create(struct nested_space *space)
{
    space->apic_access_page = frames_allocate(1);
    return space->apic_access_page ? map_access_page(space) : STATUS_NO_MEMORY;
}

void vmx_show_apic_page(struct nested_space *space, bool shown)
{
    enum status status =
        shown ? map_access_page(space) : ept_unmap(space, (gpa_t){BACKEND_APIC_GPA}, PAGE_SIZE);
    (void)status; // it cannot fail: vmx_apic_create made the tables down to the page's entry
}

void vmx_apic_destroy(struct nested_space *space)
{
    if (space->apic_access_page) {
        frames_release(space->apic_access_page, 1);
    }
}

// ---- A vCPU's part: its VMCS is the current one ----

void vmx_apic_start(struct vcpu_core *vcpu)
{
    vmcs_write64(VIRTUAL_APIC_ADDRESS, frames_physical(vcpu->apic_page));
    vmcs_write64(APIC_ACCESS_ADDRESS, frames_physical(vcpu->nested->apic_access_page));
    vmcs_write32(TPR_THRESHOLD, 0);
    vmx_set_interrupt_status(vcpu, 0, 0);
    vmx_set_eoi_exits(vcpu, (const uint64_t[4]){0});
    if (vmx_capability()->pin & PIN_POSTED_INTERRUPTS) {
        vmcs_write16(POSTED_NOTIFICATION_VECTOR, VECTOR_POSTED);
        vmcs_write64(POSTED_DESCRIPTOR_ADDRESS, frames_physical(vcpu->posted));
    }
}

void vmx_set_apic_access(struct vcpu_core *vcpu, enum apic_access access)
{
    vmx_controls_set_apic(vcpu, access);
    // The TLB's entries for the page may be wrong now (30.4.5), and the page may just have been
    // unmapped.
    vcpu->backend->flush = true;
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
}

// RVI is the low byte, SVI the high byte (25.4.2). The CPU changes both while the guest runs.
void vmx_set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service)
{
    (void)vcpu;
    uint16_t status = (uint16_t)(requested | in_service << 8);
    if (vmcs_read16(GUEST_INTERRUPT_STATUS) != status) {
        vmcs_write16(GUEST_INTERRUPT_STATUS, status);
    }
}

void vmx_set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4])
{
    (void)vcpu;
    for (unsigned i = 0; i < 4; i++) {
        vmcs_write64(VMCS64(EOI_EXIT_BITMAP_0.encoding + 2 * i), vectors[i]);
    }
}

// ---- Exits ----

// Exit qualification, table 28-6: bits 0 to 11 are the offset, bits 12 to 15 the type of access.
enum access_type {
    ACCESS_TYPE_WRITE = 1,
    ACCESS_TYPE_FETCH = 2,
    ACCESS_TYPE_PHYSICAL = 15, // by a guest-physical address: a page walk
};

static unsigned access_of(enum access_type type)
{
    switch (type) {
    case ACCESS_TYPE_WRITE:
        return ACCESS_WRITE;
    case ACCESS_TYPE_FETCH:
        return ACCESS_EXECUTE;
    default:
        return ACCESS_READ;
    }
}

void vmx_decode_apic_access(struct vm_exit *exit)
{
    uint64_t qualification = vmcs_read(VM_EXIT_QUALIFICATION);
    enum access_type type = qualification >> 12 & 0xf;
    exit->kind = EXIT_MEMORY;
    exit->memory = (struct exit_memory){
        .gpa = {BACKEND_APIC_GPA | (qualification & 0xfff)},
        .access = (uint8_t)access_of(type),
        .page_walk = type == ACCESS_TYPE_PHYSICAL,
        .delivery = vmx_requeue_event(),
    };
}
