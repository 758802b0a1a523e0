// SPDX-License-Identifier: MIT
// What all vCPUs of a VM use: its EPT, its permission bitmaps and its APIC-access page.
#include "arch/vmx/vmx_space.h"

#include "arch/vmx/ept.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_apic.h"
#include "arch/vmx/vmx_bitmaps.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/x86/frames.h"
#include "vmm/util/types.h"

bool vmx_destroy_space(struct nested_space *space)
{
    if (!ept_destroy(space)) {
        return false;
    }
    vmx_bitmaps_destroy(space);
    vmx_apic_destroy(space);
    frames_release(space, 1);
    return true;
}

// The APIC-access page comes before the I/O bitmaps. Bochs reads a byte beyond their end. If the
// access page lay there, Bochs would take this read for the guest's.
static enum status create_parts(struct nested_space *space)
{
    bool serves_apic = vmx_serves_apic(vmx_capability());
    enum status status = ept_create(space);
    if (status != STATUS_OK) {
        return status;
    }
    if (serves_apic) {
        status = vmx_apic_create(space);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return vmx_bitmaps_create(space, serves_apic);
}

enum status vmx_create_space(struct nested_space **result)
{
    static uint64_t generations; // so that no CPU has seen it with an EPTP that is used again
    struct nested_space *space = frames_allocate(1);
    if (!space) {
        return STATUS_NO_MEMORY;
    }
    enum status status = create_parts(space);
    if (status != STATUS_OK) {
        (void)!vmx_destroy_space(space); // the few tables are one piece
        return status;
    }
    space->generation = __atomic_add_fetch(&generations, 1ULL << 32, __ATOMIC_RELAXED);
    *result = space;
    return STATUS_OK;
}
