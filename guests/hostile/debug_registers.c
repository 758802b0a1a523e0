// SPDX-License-Identifier: MIT
// Attempts with the debug registers and with single steps over instructions that exit.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/cpu.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/traps.h"

#define DR7_GENERAL_DETECT BIT(13)
#define DR7_WATCH_WRITE_0 (BIT(0) | 1ULL << 16 | 3ULL << 18) // local, on writes, 4 bytes
#define DR6_B0 BIT(0)
#define PATTERN 0x0000123456789abcULL

static volatile uint32_t watched;

ATTEMPT_INSTRUCTION(read_dr4_with_de, "mov %%cr4, %%rax\n\t"
                                      "or $8, %%rax\n\t"
                                      "mov %%rax, %%cr4\n\t"
                                      ".byte 0x0f, 0x21, 0xe0") // mov rax, dr4

static enum outcome dr7_high(void)
{
    dr7_write(BIT(32) | DR7_FIXED);
    return OUTCOME_DONE;
}

static enum outcome dr6_high(void)
{
    dr6_write(BIT(32));
    return OUTCOME_DONE;
}

static enum outcome dr_survive_exits(void)
{
    dr0_write(PATTERN);
    for (unsigned i = 0; i < 1000; i++) {
        cpuid(0, 0);
    }
    return dr0_read() == PATTERN ? OUTCOME_DONE : attempt_wrong("dr0", dr0_read());
}

static void touch_dr0(void *unused)
{
    (void)unused;
    dr0_write(0);
}

static enum outcome general_detect(void)
{
    dr6_write(DR6_FIXED);
    dr7_write(DR7_FIXED | DR7_GENERAL_DETECT);
    const enum outcome outcome = attempt_fault(touch_dr0, NULL);
    const uint64_t dr6 = dr6_read();
    return (dr6 & DR6_BD) != 0 ? outcome : attempt_wrong("dr6", dr6);
}

static void write_watched(void *unused)
{
    (void)unused;
    watched = 1;
}

static enum outcome watchpoint(void)
{
    dr6_write(DR6_FIXED);
    dr0_write((uint64_t)(uintptr_t)&watched);
    dr7_write(DR7_FIXED | DR7_WATCH_WRITE_0);
    const enum outcome outcome = attempt_fault(write_watched, NULL);
    const uint64_t dr6 = dr6_read();
    return (dr6 & DR6_B0) != 0 ? outcome : attempt_wrong("dr6", dr6);
}

// Makes a function that sets TF, runs one instruction and would go on. The trap must come directly
// behind the instruction, at the label.
#define SINGLE_STEP(name, setup, instruction)                                                      \
    extern const uint8_t name##_end[];                                                             \
    static void name##_body(void *unused)                                                          \
    {                                                                                              \
        (void)unused;                                                                              \
        __asm__ volatile(setup "\n\t"                                                              \
                               "pushfq\n\t"                                                        \
                               "orq $0x100, (%%rsp)\n\t"                                           \
                               "popfq\n\t" instruction "\n"                                        \
                               ".globl " #name "_end\n" #name "_end:\n\t"                          \
                               "nop\n\tnop\n\tnop" ::                                              \
                                   : "rax", "rbx", "rcx", "rdx", "memory", "cc");                  \
    }                                                                                              \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        return step(name##_body, name##_end);                                                      \
    }

static enum outcome step(void (*body)(void *), const uint8_t *end)
{
    struct trap trap;
    if (!trap_catch(body, NULL, &trap)) {
        return OUTCOME_DONE;
    }
    if (trap.frame.rip != (uint64_t)(uintptr_t)end) {
        return attempt_wrong("trapped late by bytes", trap.frame.rip - (uint64_t)(uintptr_t)end);
    }
    return (enum outcome)trap.frame.vector;
}

SINGLE_STEP(step_nop, "", "nop")
SINGLE_STEP(step_cpuid, "xor %%eax, %%eax", "cpuid")
SINGLE_STEP(step_rdmsr, "mov $0xfe, %%ecx", "rdmsr")
SINGLE_STEP(step_in, "", "inb $0x21, %%al")
SINGLE_STEP(step_cr0, "mov %%cr0, %%rax\n\txor $0x40000000, %%rax", "mov %%rax, %%cr0")
SINGLE_STEP(step_wbinvd, "", "wbinvd")
SINGLE_STEP(step_mmio, "mov $0xfee00030, %%eax", "mov (%%rax), %%ebx")

static const struct attempt attempts[] = {
    {"DR4 with CR4.DE", read_dr4_with_de, FAULT(UD)},
    {"a high bit of DR7", dr7_high, FAULT(GP)},
    {"a high bit of DR6", dr6_high, FAULT(GP)},
    {"DR0 across a thousand exits", dr_survive_exits, DONE},
    {"general detect", general_detect, FAULT(DB)},
    {"a watched variable", watchpoint, FAULT(DB)},
    {"single step over NOP", step_nop, FAULT(DB)},
    {"single step over CPUID", step_cpuid, FAULT(DB)},
    {"single step over RDMSR", step_rdmsr, FAULT(DB)},
    {"single step over IN", step_in, FAULT(DB)},
    {"single step over MOV to CR0", step_cr0, FAULT(DB)},
    {"single step over WBINVD", step_wbinvd, FAULT(DB)},
    {"single step over an access to the APIC", step_mmio, FAULT(DB)},
};

const struct attempt_group debug_registers_group = {attempts, ARRAY_SIZE(attempts)};
