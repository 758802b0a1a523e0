// SPDX-License-Identifier: MIT
// What the VT-x of all CPUs that run guests can do. It is narrowed while CPUs start. After that
// there are VMs, and it stays.
#include "arch/vmx/vmx_capability_shared.h"

#include "arch/vmx/vmx_capability.h"
#include "vmm/util/types.h"

// A VM may use several CPUs with one set of tables, so it can use only what all of them have.
static struct vmx_capability common;
static bool has_common;

const struct vmx_capability *vmx_capability(void)
{
    return &common;
}

enum status vmx_capability_join(const struct vmx_capability *own, struct reason *why)
{
    if (has_common) {
        return vmx_capability_narrow(&common, own, why);
    }
    common = *own;
    has_common = true;
    return STATUS_OK;
}
