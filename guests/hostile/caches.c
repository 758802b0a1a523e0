// SPDX-License-Identifier: MIT
// Attempts with caches, TLBs, waiting, counters and other instructions that a guest may or may not
// have: they work as CPUID promises or are undefined.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/cpu.h"

static uint8_t save_area[4096] __attribute__((aligned(64)));

ATTEMPT_INSTRUCTION(wbinvd, "wbinvd")
ATTEMPT_INSTRUCTION(invd, "wbinvd\n\tinvd")
ATTEMPT_INSTRUCTION(invlpg_anywhere, "mov $0x8000000000000000, %%rax\n\tinvlpg (%%rax)\n\t"
                                     "mov $0x12345678, %%eax\n\tinvlpg (%%rax)")
ATTEMPT_INSTRUCTION(clflush_apic, "mov $0xfee00000, %%eax\n\tclflush (%%rax)")
ATTEMPT_INSTRUCTION(clflush_unmapped, "mov $0x8040000000, %%rax\n\tclflush (%%rax)")
ATTEMPT_INSTRUCTION(prefetch, "mov $0x8000000000000000, %%rax\n\tprefetcht0 (%%rax)\n\t"
                              "mov $0xfee00000, %%eax\n\tprefetchnta (%%rax)")
ATTEMPT_INSTRUCTION(rdpmc_none, "mov $0x7fffffff, %%ecx\n\trdpmc")
ATTEMPT_INSTRUCTION(rdpmc_first, "xor %%ecx, %%ecx\n\trdpmc")
ATTEMPT_INSTRUCTION(pause_loop, "mov $20000, %%ecx\n1:\tpause\n\tdec %%ecx\n\tjnz 1b")
ATTEMPT_INSTRUCTION(ud2, "ud2")
ATTEMPT_INSTRUCTION(locked_nop, ".byte 0xf0, 0x90")
ATTEMPT_INSTRUCTION(too_long, ".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, "
                              "0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2")
TRIED_INSTRUCTION(rdtscp, "rdtscp")
TRIED_INSTRUCTION(rdrand, "rdrand %%rax")
TRIED_INSTRUCTION(rdseed, "rdseed %%rax")
TRIED_INSTRUCTION(rdpid, "rdpid %%rax")
TRIED_INSTRUCTION(invpcid_all, "push $0\n\tpush $0\n\tmov $2, %%eax\n\tinvpcid (%%rsp), %%rax\n\t"
                               "pop %%rax\n\tpop %%rax")
TRIED_INSTRUCTION(clflushopt, "clflushopt (%%rsp)")
TRIED_INSTRUCTION(monitor, "mov %%rsp, %%rax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tmonitor")
TRIED_INSTRUCTION(monitorx, "mov %%rsp, %%rax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tmonitorx")
TRIED_INSTRUCTION(mwait, "xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\tmwait")
TRIED_INSTRUCTION(tpause, "xor %%eax, %%eax\n\txor %%edx, %%edx\n\tmov $1, %%ecx\n\ttpause %%ecx")
TRIED_INSTRUCTION(umonitor, "mov %%rsp, %%rax\n\tumonitor %%rax")
TRIED_INSTRUCTION(xgetbv, "xor %%ecx, %%ecx\n\txgetbv")

static void xsavec(void *unused)
{
    (void)unused;
    __asm__ volatile("xsavec (%0)" ::"r"(save_area), "a"(3), "d"(0) : "memory");
}

static void xsaves(void *unused)
{
    (void)unused;
    __asm__ volatile("xsaves (%0)\n\txrstors (%0)" ::"r"(save_area), "a"(3), "d"(0) : "memory");
}

static bool has_xsave(void)
{
    return (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) != 0;
}

static void switch_xsave_on(void)
{
    cr4_write(cr4_read() | CR4_OSFXSR | (has_xsave() ? CR4_OSXSAVE : 0));
}

static enum outcome try_rdtscp(void)
{
    return attempt_as_cpuid((cpuid_if_present(0x80000001, 0).edx & CPUID_80000001_EDX_RDTSCP) != 0,
                            rdtscp);
}

static enum outcome try_rdpid(void)
{
    return attempt_as_cpuid((cpuid_if_present(7, 0).ecx & CPUID_7_ECX_RDPID) != 0, rdpid);
}

static enum outcome try_rdrand(void)
{
    return attempt_as_cpuid((cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND) != 0, rdrand);
}

static enum outcome try_rdseed(void)
{
    return attempt_as_cpuid((cpuid_if_present(7, 0).ebx & CPUID_7_EBX_RDSEED) != 0, rdseed);
}

static enum outcome try_invpcid(void)
{
    return attempt_as_cpuid((cpuid_if_present(7, 0).ebx & CPUID_7_EBX_INVPCID) != 0, invpcid_all);
}

static enum outcome try_clflushopt(void)
{
    return attempt_as_cpuid((cpuid_if_present(7, 0).ebx & CPUID_7_EBX_CLFLUSHOPT) != 0, clflushopt);
}

static enum outcome try_monitor(void)
{
    return attempt_as_cpuid((cpuid(1, 0).ecx & CPUID_1_ECX_MONITOR) != 0, monitor);
}

static enum outcome try_monitorx(void)
{
    return attempt_as_cpuid(
        (cpuid_if_present(0x80000001, 0).ecx & CPUID_80000001_ECX_MONITORX) != 0, monitorx);
}

// MWAIT does not wait if there was no MONITOR before it.
static enum outcome try_mwait(void)
{
    return attempt_as_cpuid((cpuid(1, 0).ecx & CPUID_1_ECX_MONITOR) != 0, mwait);
}

static enum outcome try_tpause(void)
{
    return attempt_as_cpuid((cpuid_if_present(7, 0).ecx & CPUID_7_ECX_WAITPKG) != 0, tpause);
}

static enum outcome try_umonitor(void)
{
    return attempt_as_cpuid((cpuid_if_present(7, 0).ecx & CPUID_7_ECX_WAITPKG) != 0, umonitor);
}

static enum outcome try_xgetbv(void)
{
    switch_xsave_on();
    return attempt_as_cpuid(has_xsave(), xgetbv);
}

// A hypervisor cannot take XSAVEC away from a guest that has XSAVE. So it may work even if CPUID
// denies it.
static enum outcome try_xsavec(void)
{
    switch_xsave_on();
    const bool shown = has_xsave() && (cpuid_if_present(0xd, 1).eax & CPUID_D_1_EAX_XSAVEC) != 0;
    const bool works = has_xsave() && attempt_fault(xsavec, NULL) == OUTCOME_DONE;
    return attempt_as_cpuid(shown || works, xsavec);
}

static enum outcome try_xsaves(void)
{
    switch_xsave_on();
    return attempt_as_cpuid(has_xsave() && (cpuid_if_present(0xd, 1).eax & CPUID_D_1_EAX_XSAVES),
                            xsaves);
}

static const struct attempt attempts[] = {
    {"WBINVD", wbinvd, DONE},
    {"INVD", invd, DONE},
    {"INVLPG of any address", invlpg_anywhere, DONE},
    {"CLFLUSH of the APIC", clflush_apic, DONE},
    {"CLFLUSH of an unmapped page", clflush_unmapped, FAULT(PF)},
    {"PREFETCH of any address", prefetch, DONE},
    {"PAUSE 20000 times", pause_loop, DONE},
    {"RDPMC of no counter", rdpmc_none, FAULT(GP)},
    {"RDPMC of counter 0", rdpmc_first, FAULT(GP) | DONE},
    {"UD2", ud2, FAULT(UD)},
    {"LOCK NOP", locked_nop, FAULT(UD)},
    {"an instruction of 17 bytes", too_long, FAULT(GP)},
    {"RDTSCP", try_rdtscp, AS_CPUID},
    {"RDPID", try_rdpid, AS_CPUID},
    {"RDRAND", try_rdrand, AS_CPUID},
    {"RDSEED", try_rdseed, AS_CPUID},
    {"INVPCID", try_invpcid, AS_CPUID},
    {"CLFLUSHOPT", try_clflushopt, AS_CPUID},
    {"MONITOR", try_monitor, AS_CPUID},
    {"MONITORX", try_monitorx, AS_CPUID},
    {"MWAIT", try_mwait, AS_CPUID},
    {"TPAUSE", try_tpause, AS_CPUID},
    {"UMONITOR", try_umonitor, AS_CPUID},
    {"XGETBV", try_xgetbv, AS_CPUID},
    {"XSAVEC", try_xsavec, AS_CPUID},
    {"XSAVES", try_xsaves, AS_CPUID},
};

const struct attempt_group caches_group = {attempts, ARRAY_SIZE(attempts)};
