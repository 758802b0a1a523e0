// SPDX-License-Identifier: MIT
// INVEPT and INVVPID, of the narrowest type that this CPU has.
#include "arch/vmx/vmx_tlb.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_instructions.h"
#include "arch/x86/panic.h"

static void must(bool ok, const char *what)
{
    if (!ok) {
        panic("%s failed: VM-instruction error %u", what, vmcs_read32(VM_INSTRUCTION_ERROR));
    }
}

void vmx_flush_nested(const struct vmx_capability *capability, uint64_t eptp)
{
    bool single = capability->ept_vpid & EPT_CAP_INVEPT_SINGLE;
    must(vmx_invept(single ? INVALIDATE_SINGLE : INVALIDATE_ALL, eptp), "INVEPT");
}

void vmx_flush_vpid(const struct vmx_capability *capability, uint16_t vpid)
{
    if (!(capability->secondary & SECONDARY_ENABLE_VPID)) {
        return;
    }
    bool single = capability->ept_vpid & VPID_CAP_INVVPID_SINGLE;
    must(vmx_invvpid(single ? INVALIDATE_SINGLE : INVALIDATE_ALL, vpid), "INVVPID");
}

void vmx_flush_everything(const struct vmx_capability *capability)
{
    if (capability->ept_vpid & EPT_CAP_INVEPT_ALL) {
        must(vmx_invept(INVALIDATE_ALL, 0), "INVEPT");
    }
    if ((capability->secondary & SECONDARY_ENABLE_VPID) &&
        (capability->ept_vpid & VPID_CAP_INVVPID_ALL)) {
        must(vmx_invvpid(INVALIDATE_ALL, 0), "INVVPID");
    }
}
