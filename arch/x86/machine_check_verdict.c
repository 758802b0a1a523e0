// SPDX-License-Identifier: MIT
// The rules: a corrupt processor is lost, corrupt data are lost with the code that uses them.
#include "arch/x86/machine_check_verdict.h"

#include "vmm/util/types.h"

// Two entries of the TLB for one address, which a guest can bring about by its paging structures.
// The processor reports them in bank 0 as a corrupt context, but only the guest's is in doubt
// (Revision Guide for AMD Family 10h Processors, erratum 383). The overflow bit may be set.
#define ERRATUM_383_BANK 0
#define ERRATUM_383_STATUS 0xb600000000010015ULL

enum machine_check_verdict machine_check_verdict(const struct machine_check *check)
{
    if (check->status & MCG_STATUS_RESTART_VALID) {
        return MACHINE_CHECK_GO_ON;
    }
    return check->in_guest ? MACHINE_CHECK_CANNOT_RUN : MACHINE_CHECK_FATAL;
}

static bool is_erratum_383(const struct machine_check *check, uint32_t bank, uint64_t bank_status)
{
    return check->has_erratum_383 && check->in_guest && bank == ERRATUM_383_BANK &&
           (bank_status & ~MC_STATUS_OVERFLOW) == ERRATUM_383_STATUS;
}

// Whether the interrupted code was about to use data that are lost. It would find the same error
// again and again (SDM Vol. 3B 16.6.3). Without error recovery each uncorrected error may be one.
static bool needs_action(const struct machine_check *check, uint64_t bank_status)
{
    if (!(bank_status & MC_STATUS_UNCORRECTED)) {
        return false;
    }
    return !(check->capabilities & MCG_CAP_RECOVERY) ||
           ((bank_status & MC_STATUS_SIGNALED) && (bank_status & MC_STATUS_ACTION_REQUIRED));
}

enum machine_check_verdict machine_check_bank_verdict(const struct machine_check *check,
                                                      uint32_t bank, uint64_t bank_status)
{
    if (!(bank_status & MC_STATUS_VALID)) {
        return MACHINE_CHECK_GO_ON;
    }
    if (is_erratum_383(check, bank, bank_status)) {
        return MACHINE_CHECK_CANNOT_RUN;
    }
    if (bank_status & MC_STATUS_CONTEXT_CORRUPT) {
        return MACHINE_CHECK_FATAL;
    }
    if (!needs_action(check, bank_status)) {
        return MACHINE_CHECK_GO_ON;
    }
    if (check->in_guest) {
        return MACHINE_CHECK_CANNOT_RUN;
    }
    // Processors share banks. Only with this bit the error is one of the code that runs here.
    return check->status & MCG_STATUS_ERROR_VALID ? MACHINE_CHECK_FATAL : MACHINE_CHECK_GO_ON;
}
