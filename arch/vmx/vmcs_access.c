// SPDX-License-Identifier: MIT
// The panic after an access to a VMCS field that failed.
#include "arch/vmx/vmcs_access.h"

#include "arch/x86/panic.h"

_Noreturn void vmcs_access_failed(uint32_t encoding, bool write)
{
    panic("%s of VMCS field 0x%04x failed", write ? "VMWRITE" : "VMREAD", encoding);
}
