// SPDX-License-Identifier: MIT
// The end of Husk after an access to a VMCS field that is not there.
#include "arch/vmx/vmcs_access.h"

#include "arch/x86/panic.h"

_Noreturn void vmcs_access_failed(uint32_t encoding, bool write)
{
    panic("%s of VMCS field 0x%04x failed", write ? "VMWRITE" : "VMREAD", encoding);
}
