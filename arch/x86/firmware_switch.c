// SPDX-License-Identifier: MIT
// Decides what to write to an MSR that firmware may have locked.
#include "arch/x86/firmware_switch.h"

enum status firmware_switch_settle(const struct firmware_switch *firmware, uint64_t value,
                                   uint64_t *wanted, struct reason *why)
{
    *wanted = (value | firmware->on) & ~firmware->off;
    if (*wanted != value && (value & firmware->locked)) {
        return refuse(why, STATUS_HARDWARE,
                      "%s is switched off and locked by the firmware (%s = 0x%llx): enable %s in "
                      "the BIOS/UEFI setup",
                      firmware->technology, firmware->msr, (unsigned long long)value,
                      firmware->setting);
    }
    return STATUS_OK;
}
