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
#include "arch/x86/msr_numbers.h"
#include "arch/x86/vectors.h"
#include "vmm/address.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// ---- A VM's part ----

// In x2APIC mode: what the CPU reads and writes in the page as the guest's registers are (30.5).
// The rest exits: ICR, current count, and what does not exist or goes the other way only.
static void open_x2apic_msrs(struct nested_space *space)
{
    static const struct {
        uint8_t first;
        uint8_t last;
    } readable[] = {
        {0x02, 0x03}, // ID, version
        {0x08, 0x08}, // TPR
        {0x0a, 0x0a}, // PPR
        {0x0d, 0x0d}, // LDR
        {0x0f, 0x28}, // SVR, ISR, TMR, IRR, ESR
        {0x32, 0x38}, // LVT, initial count
        {0x3e, 0x3e}, // divide configuration
    };
    static const uint8_t writable[] = {0x08, 0x0b, 0x3f}; // TPR, EOI, SELF IPI
    for (unsigned i = 0; i < ARRAY_SIZE(readable); i++) {
        for (uint32_t reg = readable[i].first; reg <= readable[i].last; reg++) {
            vmx_bitmap_set(space->x2apic_msr_bitmap, IA32_X2APIC_FIRST + reg, false);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(writable); i++) {
        vmx_bitmap_set(space->x2apic_msr_bitmap + MSR_BITMAP_WRITES,
                       IA32_X2APIC_FIRST + writable[i], false);
    }
}

static enum status map_access_page(struct nested_space *space)
{
    return ept_map(space, (gpa_t){BACKEND_APIC_GPA},
                   (hpa_t){frames_physical(space->apic_access_page)}, PAGE_SIZE,
                   ACCESS_READ | ACCESS_WRITE);
}

// The access page only marks the address. Guests get at what is in it after a vCPU has left xAPIC
// mode and before others of its VM notice that it is unmapped: so each VM has one of its own. It
// lies below the I/O bitmaps, which are allocated later: Bochs reads a byte beyond their end, and
// would take the access page there for what the guest accesses.
enum status vmx_apic_create(struct nested_space *space)
{
    space->apic_access_page = frames_allocate(1);
    space->x2apic_msr_bitmap = frames_allocate(1);
    if (!space->apic_access_page || !space->x2apic_msr_bitmap) {
        return STATUS_NO_MEMORY;
    }
    memset(space->x2apic_msr_bitmap, 0xff, PAGE_SIZE);
    open_x2apic_msrs(space);
    return map_access_page(space);
}

void vmx_show_apic_page(struct nested_space *space, bool shown)
{
    enum status status =
        shown ? map_access_page(space) : ept_unmap(space, (gpa_t){BACKEND_APIC_GPA}, PAGE_SIZE);
    (void)status; // vmx_apic_create made the tables for it, and it has an entry of its own
}

void vmx_apic_destroy(struct nested_space *space)
{
    if (space->apic_access_page) {
        frames_release(space->apic_access_page, 1);
    }
    if (space->x2apic_msr_bitmap) {
        frames_release(space->x2apic_msr_bitmap, 1);
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

// RVI in the low byte, SVI in the high one (25.4.2). The CPU changes both while the guest runs.
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

// Table 28-6: bits 0 to 11 the offset, 12 to 15 what it was.
enum access_type {
    ACCESS_TYPE_WRITE = 1,
    ACCESS_TYPE_FETCH = 2,
    ACCESS_TYPE_PHYSICAL = 15, // by its guest-physical address: a page walk
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
    uint64_t qualification = vmcs_read(EXIT_QUALIFICATION);
    enum access_type type = qualification >> 12 & 0xf;
    exit->kind = EXIT_MEMORY;
    exit->memory = (struct exit_memory){
        .gpa = {BACKEND_APIC_GPA | (qualification & 0xfff)},
        .access = (uint8_t)access_of(type),
        .page_walk = type == ACCESS_TYPE_PHYSICAL,
        .delivery = vmx_requeue_event(),
    };
}
