// SPDX-License-Identifier: MIT
// Attempts from privilege level 3.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/traps.h"

#define USER_STACK_BYTES 4096

static uint8_t user_stack[USER_STACK_BYTES] __attribute__((aligned(16)));

// The address in the window of an object of the image, which lies below 4 MiB.
static uint64_t in_window(const void *object)
{
    return PROBE_WINDOW + (uint64_t)(uintptr_t)object;
}

static void enter_user(void *code)
{
    __asm__ volatile("pushq %0\n\t"
                     "pushq %1\n\t"
                     "pushq $2\n\t"
                     "pushq %2\n\t"
                     "pushq %3\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "xorl %%edx, %%edx\n\t"
                     "iretq" ::"i"(SELECTOR_USER_DATA),
                     "r"(in_window(user_stack + USER_STACK_BYTES)), "i"(SELECTOR_USER_CODE),
                     "r"(in_window(code))
                     : "rax", "rcx", "rdx", "memory");
}

// Runs a piece of user.asm and returns its outcome. Its INT3 counts as done.
static enum outcome run_user(void (*piece)(void), struct trap *trap)
{
    idt_set(VECTOR_BP, trap_entry(VECTOR_BP), 0, 3);
    probe_map(0, PAGE_WRITABLE | PAGE_USER);
    if (!trap_catch(enter_user, (void *)(uintptr_t)piece, trap)) {
        return attempt_wrong("no way to level 3", 0);
    }
    idt_set(VECTOR_BP, trap_entry(VECTOR_BP), 0, 0);
    return trap->frame.vector == VECTOR_BP ? OUTCOME_DONE : (enum outcome)trap->frame.vector;
}

#define USER_ATTEMPT(name)                                                                         \
    void user_##name(void);                                                                        \
    static enum outcome name##_at_3(void)                                                          \
    {                                                                                              \
        struct trap trap;                                                                          \
        return run_user(user_##name, &trap);                                                       \
    }

USER_ATTEMPT(nothing)
USER_ATTEMPT(cpuid)
USER_ATTEMPT(rdtsc)
USER_ATTEMPT(in)
USER_ATTEMPT(out)
USER_ATTEMPT(cli)
USER_ATTEMPT(hlt)
USER_ATTEMPT(rdmsr)
USER_ATTEMPT(wrmsr)
USER_ATTEMPT(read_cr0)
USER_ATTEMPT(read_cr8)
USER_ATTEMPT(read_dr7)
USER_ATTEMPT(clts)
USER_ATTEMPT(lmsw)
USER_ATTEMPT(invlpg)
USER_ATTEMPT(wbinvd)
USER_ATTEMPT(invd)
USER_ATTEMPT(rdpmc)
USER_ATTEMPT(lgdt)
USER_ATTEMPT(lidt)
USER_ATTEMPT(ltr)
USER_ATTEMPT(swapgs)
USER_ATTEMPT(sysret)
USER_ATTEMPT(vmxon)
USER_ATTEMPT(vmrun)
USER_ATTEMPT(xsetbv)
USER_ATTEMPT(int8)
USER_ATTEMPT(read_supervisor)

void user_vmcall(void);
void user_vmmcall(void);

static enum outcome hypercall_at_3(void)
{
    struct trap trap;
    if (!husk_present()) {
        return OUTCOME_DONE;
    }
    const enum outcome outcome = run_user(cpu_is_amd() ? user_vmmcall : user_vmcall, &trap);
    if (outcome == OUTCOME_DONE && trap.frame.rax != HYPERCALL_FORBIDDEN) {
        return attempt_wrong("answer", trap.frame.rax);
    }
    return outcome;
}

static enum outcome xsetbv_with_osxsave(void)
{
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
        return (enum outcome)VECTOR_GP;
    }
    cr4_write(cr4_read() | CR4_OSXSAVE);
    return xsetbv_at_3();
}

static const struct attempt attempts[] = {
    {"level 3 at all", nothing_at_3, DONE},
    {"CPUID at level 3", cpuid_at_3, DONE},
    {"RDTSC at level 3", rdtsc_at_3, DONE},
    {"IN at level 3", in_at_3, FAULT(GP)},
    {"OUT at level 3", out_at_3, FAULT(GP)},
    {"CLI at level 3", cli_at_3, FAULT(GP)},
    {"HLT at level 3", hlt_at_3, FAULT(GP)},
    {"RDMSR at level 3", rdmsr_at_3, FAULT(GP)},
    {"WRMSR at level 3", wrmsr_at_3, FAULT(GP)},
    {"read CR0 at level 3", read_cr0_at_3, FAULT(GP)},
    {"read CR8 at level 3", read_cr8_at_3, FAULT(GP)},
    {"read DR7 at level 3", read_dr7_at_3, FAULT(GP)},
    {"CLTS at level 3", clts_at_3, FAULT(GP)},
    {"LMSW at level 3", lmsw_at_3, FAULT(GP)},
    {"INVLPG at level 3", invlpg_at_3, FAULT(GP)},
    {"WBINVD at level 3", wbinvd_at_3, FAULT(GP)},
    {"INVD at level 3", invd_at_3, FAULT(GP)},
    {"RDPMC at level 3", rdpmc_at_3, FAULT(GP)},
    {"LGDT at level 3", lgdt_at_3, FAULT(GP)},
    {"LIDT at level 3", lidt_at_3, FAULT(GP)},
    {"LTR at level 3", ltr_at_3, FAULT(GP)},
    {"SWAPGS at level 3", swapgs_at_3, FAULT(GP)},
    {"SYSRET at level 3", sysret_at_3, FAULT(GP) | FAULT(UD)},
    {"VMXON at level 3", vmxon_at_3, FAULT(UD)},
    // Under AMD-V the CPU checks the privilege level before it exits (APM Vol. 2 table 15-7).
    {"VMRUN at level 3", vmrun_at_3, FAULT(UD) | FAULT(GP)},
    {"XSETBV at level 3", xsetbv_with_osxsave, FAULT(GP)},
    {"INT 8 at level 3", int8_at_3, FAULT(GP)},
    {"a supervisor's page at level 3", read_supervisor_at_3, FAULT(PF)},
    {"hypercall at level 3", hypercall_at_3, DONE},
};

const struct attempt_group user_group = {attempts, ARRAY_SIZE(attempts)};
