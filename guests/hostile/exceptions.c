// SPDX-License-Identifier: MIT
// Every exception that an instruction can raise, each interrupt vector, and where they arrive.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/traps.h"

#define FIRST_INTERRUPT 32

ATTEMPT_INSTRUCTION(divide_by_zero, "xor %%ecx, %%ecx\n\tdiv %%ecx")
ATTEMPT_INSTRUCTION(divide_overflow, "mov $0x8000000000000000, %%rax\n\tcqo\n\t"
                                     "mov $-1, %%rcx\n\tidiv %%rcx")
ATTEMPT_INSTRUCTION(breakpoint, "int3")
ATTEMPT_INSTRUCTION(icebp, ".byte 0xf1")
ATTEMPT_INSTRUCTION(into, ".byte 0xce")
ATTEMPT_INSTRUCTION(device_not_available, "mov %%cr0, %%rax\n\tor $8, %%rax\n\tmov %%rax, %%cr0\n\t"
                                          "fninit")
ATTEMPT_INSTRUCTION(read_noncanonical, "mov $0x8000000000000000, %%rax\n\tmov (%%rax), %%rbx")
ATTEMPT_INSTRUCTION(read_unmapped, "mov $0x8040000000, %%rax\n\tmov (%%rax), %%rbx")
ATTEMPT_INSTRUCTION(jump_unmapped, "mov $0x8040000000, %%rax\n\tpush %%rax\n\tret")
ATTEMPT_INSTRUCTION(jump_noncanonical, "mov $0x8000000000000000, %%rax\n\tjmp *%%rax")
ATTEMPT_INSTRUCTION(sse_without_osfxsr, "mov %%cr4, %%rax\n\tand $~0x200, %%rax\n\t"
                                        "mov %%rax, %%cr4\n\txorps %%xmm0, %%xmm0")

static void read_unmapped_body(void *unused)
{
    (void)unused;
    __asm__ volatile("movb (%0), %%al" ::"r"(UNMAPPED_ADDRESS + 5) : "rax", "memory");
}

// The guest must get the exact address and error code of the fault.
static enum outcome page_fault_details(void)
{
    struct trap trap;
    if (!trap_catch(read_unmapped_body, NULL, &trap)) {
        return OUTCOME_DONE;
    }
    if (trap.cr2 != UNMAPPED_ADDRESS + 5) {
        return attempt_wrong("cr2", trap.cr2);
    }
    return trap.frame.error_code == 0 ? (enum outcome)trap.frame.vector
                                      : attempt_wrong("error code", trap.frame.error_code);
}

// Makes code at run time: INT n; RET.
static enum outcome all_vectors(void)
{
    static uint8_t code[3] = {0xcd, 0, 0xc3};
    for (unsigned vector = FIRST_INTERRUPT; vector < IDT_VECTORS; vector++) {
        const uint32_t seen = machine_interrupts(vector);
        code[1] = (uint8_t)vector;
        __asm__ volatile("call *%0" ::"r"(code) : "memory");
        if (machine_interrupts(vector) != seen + 1) {
            return attempt_wrong("lost INT of vector", vector);
        }
    }
    return OUTCOME_DONE;
}

// Raises a thousand exceptions of each of two kinds, each with its way through the handler and
// back.
static enum outcome exception_storm(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (attempt_fault(read_unmapped_body, NULL) != (enum outcome)VECTOR_PF) {
            return attempt_wrong("round", i);
        }
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"divide by zero", divide_by_zero, FAULT(DE)},
    {"divide overflow", divide_overflow, FAULT(DE)},
    {"INT3", breakpoint, FAULT(BP)},
    {"INT1", icebp, FAULT(DB)},
    {"INTO in 64-bit mode", into, FAULT(UD)},
    {"x87 with CR0.TS", device_not_available, FAULT(NM)},
    {"SSE without CR4.OSFXSR", sse_without_osfxsr, FAULT(UD)},
    {"read a non-canonical address", read_noncanonical, FAULT(GP)},
    {"read an unmapped page", read_unmapped, FAULT(PF)},
    {"the address and code of a page fault", page_fault_details, FAULT(PF)},
    {"jump to an unmapped page", jump_unmapped, FAULT(PF)},
    {"jump to a non-canonical address", jump_noncanonical, FAULT(GP)},
    {"INT of every vector from 32 on", all_vectors, DONE},
    {"a thousand page faults", exception_storm, DONE},
};

const struct attempt_group exceptions_group = {attempts, ARRAY_SIZE(attempts)};
