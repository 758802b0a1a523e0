// SPDX-License-Identifier: MIT
// Reads the machine-check banks, logs their errors, and carries out the verdict on them.
#include "arch/x86/machine_check.h"

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/errata.h"
#include "arch/x86/log.h"
#include "arch/x86/machine_check_verdict.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/panic.h"
#include "vmm/util/types.h"

// SDM Vol. 4 table 2-2, SDM Vol. 3B 16.3.
#define IA32_MCG_CTL 0x17b
#define IA32_MC0_CTL 0x400
#define IA32_MC0_STATUS 0x401
#define IA32_MC0_ADDR 0x402
#define BANK_MSRS 4

// IA32_MCG_CAP. 0: the CPU has no banks, or a hypervisor promises them in CPUID but has no MSRs.
static uint64_t read_capabilities(void)
{
    uint64_t capabilities;
    bool promised = (cpuid(CPUID_FEATURES, 0).edx & CPUID_1_EDX_MCA) != 0;
    return promised && rdmsr_safe(IA32_MCG_CAP, &capabilities) ? capabilities : 0;
}

static uint32_t bank_msr(uint32_t bank, uint32_t first)
{
    return first + bank * BANK_MSRS;
}

void machine_check_enable(void)
{
    uint64_t capabilities = read_capabilities();
    if (capabilities & MCG_CAP_CTL) {
        wrmsr(IA32_MCG_CTL, UINT64_MAX);
    }
    for (uint32_t bank = 0; bank < (capabilities & MCG_CAP_BANKS); bank++) {
        // Some models have reserved banks. A bank that refuses the write stays silent.
        if (wrmsr_safe(bank_msr(bank, IA32_MC0_CTL), UINT64_MAX) &&
            !wrmsr_safe(bank_msr(bank, IA32_MC0_STATUS), 0)) {
            log_line("machine check: bank %u does not clear", bank);
        }
    }
}

// Logs and clears one bank.
static enum machine_check_verdict bank_report(const struct machine_check *check, uint32_t bank)
{
    uint64_t status;
    uint64_t address = 0;
    if (!rdmsr_safe(bank_msr(bank, IA32_MC0_STATUS), &status) || !(status & MC_STATUS_VALID)) {
        return MACHINE_CHECK_GO_ON;
    }
    if ((status & MC_STATUS_ADDRESS_VALID) &&
        !rdmsr_safe(bank_msr(bank, IA32_MC0_ADDR), &address)) {
        address = 0;
    }
    log_line("machine check: CPU %u bank %u status %#lx address %#lx, %s", cpu_this()->index, bank,
             status, address, status & MC_STATUS_UNCORRECTED ? "not corrected" : "corrected");
    if (!wrmsr_safe(bank_msr(bank, IA32_MC0_STATUS), 0)) {
        return MACHINE_CHECK_FATAL;
    }
    return machine_check_bank_verdict(check, bank, status);
}

// Fills `check`, and logs and clears all banks.
static enum machine_check_verdict take(struct machine_check *check)
{
    cpu_this()->machine_check_count++;
    check->capabilities = read_capabilities();
    uint32_t banks = check->capabilities & MCG_CAP_BANKS;
    if (banks == 0) {
        log_line("machine check: this CPU has no banks to say more");
        return MACHINE_CHECK_FATAL;
    }
    check->status = rdmsr(IA32_MCG_STATUS);
    check->has_erratum_383 = erratum_in_force(ERRATUM_383);
    enum machine_check_verdict worst = machine_check_verdict(check);
    for (uint32_t bank = 0; bank < banks; bank++) {
        enum machine_check_verdict verdict = bank_report(check, bank);
        worst = MAX(worst, verdict);
    }
    if (worst != MACHINE_CHECK_FATAL) {
        // Clears MCIP. With MCIP set, the next machine check would shut the CPU down.
        wrmsr(IA32_MCG_STATUS, 0);
    }
    return worst;
}

void machine_check_handle(struct interrupt_frame *frame)
{
    struct machine_check check = {.in_guest = false};
    if (take(&check) != MACHINE_CHECK_GO_ON) {
        panic_frame(frame, "machine check that cannot be survived, MCG_STATUS %#lx", check.status);
    }
}

bool machine_check_in_guest(void)
{
    struct machine_check check = {.in_guest = true};
    enum machine_check_verdict verdict = take(&check);
    if (verdict == MACHINE_CHECK_FATAL) {
        panic("machine check that cannot be survived, MCG_STATUS %#lx", check.status);
    }
    return verdict == MACHINE_CHECK_GO_ON;
}
