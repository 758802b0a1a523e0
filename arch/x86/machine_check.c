// SPDX-License-Identifier: MIT
// Reads the machine-check banks, logs their errors, and decides whether to go on.
#include "arch/x86/machine_check.h"

#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/log.h"
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
#define MCG_CAP_BANKS 0xff
#define MCG_CAP_CTL BIT(8)
#define MCG_STATUS_RESTART_VALID BIT(0)
#define MC_STATUS_ADDRESS_VALID BIT(58)
#define MC_STATUS_CONTEXT_CORRUPT BIT(57)
#define MC_STATUS_UNCORRECTED BIT(61)
#define MC_STATUS_VALID BIT(63)

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

// Logs and clears one bank. True: the code that ran at the error cannot go on.
static bool bank_report(uint32_t bank)
{
    uint64_t status;
    uint64_t address = 0;
    if (!rdmsr_safe(bank_msr(bank, IA32_MC0_STATUS), &status) || !(status & MC_STATUS_VALID)) {
        return false;
    }
    if ((status & MC_STATUS_ADDRESS_VALID) &&
        !rdmsr_safe(bank_msr(bank, IA32_MC0_ADDR), &address)) {
        address = 0;
    }
    log_line("machine check: CPU %u bank %u status %#lx address %#lx, %s", cpu_this()->index, bank,
             status, address, status & MC_STATUS_UNCORRECTED ? "not corrected" : "corrected");
    if (!wrmsr_safe(bank_msr(bank, IA32_MC0_STATUS), 0)) {
        return true;
    }
    return (status & MC_STATUS_CONTEXT_CORRUPT) != 0;
}

void machine_check_handle(struct interrupt_frame *frame)
{
    cpu_this()->machine_check_count++;
    uint32_t banks = read_capabilities() & MCG_CAP_BANKS;
    if (banks == 0) {
        panic_frame(frame, "machine check, and this CPU has no banks to say more");
    }

    uint64_t status = rdmsr(IA32_MCG_STATUS);
    bool fatal = !(status & MCG_STATUS_RESTART_VALID);
    for (uint32_t bank = 0; bank < banks; bank++) {
        fatal |= bank_report(bank);
    }
    if (fatal) {
        panic_frame(frame, "machine check that cannot be survived, MCG_STATUS %#lx", status);
    }
    // Clears MCIP. With MCIP set, the next machine check would shut the CPU down.
    wrmsr(IA32_MCG_STATUS, 0);
}
