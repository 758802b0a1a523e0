// SPDX-License-Identifier: MIT
// One attempt to get out: what it tries, and what a real machine answers.
#pragma once

#include "arch/x86/registers.h"
#include "vmm/util/types.h"

// The exceptions by their vectors, then the outcomes that are no exception.
enum outcome {
    OUTCOME_EXCEPTIONS = 32,
    OUTCOME_DONE = OUTCOME_EXCEPTIONS, // it went through and did no harm
    OUTCOME_ALL_ONES,                  // nothing was there
    OUTCOME_AS_CPUID,                  // #UD or done, whichever CPUID promises
    OUTCOME_WRONG,                     // never expected; attempt_wrong has said why
};

// Sets of outcomes.
#define DONE BIT(OUTCOME_DONE)
#define ALL_ONES BIT(OUTCOME_ALL_ONES)
#define AS_CPUID BIT(OUTCOME_AS_CPUID)
#define FAULT(name) BIT(VECTOR_##name)

struct attempt {
    const char *name;
    enum outcome (*run)(void); // if it raises an exception, that is its outcome
    uint64_t expected;         // the set of outcomes that are right
};

struct attempt_group {
    const struct attempt *attempts;
    unsigned count;
};

// Notes what was seen in place of the right value. Returns the outcome OUTCOME_WRONG.
enum outcome attempt_wrong(const char *what, uint64_t value);

// Runs an instruction that must work if CPUID has it (`present`) and raise #UD if not. Anything
// else is wrong.
enum outcome attempt_as_cpuid(bool present, void (*instruction)(void *unused));

// Tries `function` and returns its exception, or OUTCOME_DONE.
enum outcome attempt_fault(void (*function)(void *argument), void *argument);

// Try to access an MSR, and return the exception, or OUTCOME_DONE. If the read fails, `*value` is
// 0.
enum outcome attempt_read_msr(uint32_t msr, uint64_t *value);
enum outcome attempt_write_msr(uint32_t msr, uint64_t value);

// The results of many attempts.
struct tally {
    unsigned first; // only attempts with numbers from this one
    unsigned last;  // to this one are run
    unsigned next;  // the number of the next attempt
    unsigned runs;
    unsigned surprises;
};

// Runs all attempts of a group.
void attempt_run_group(const struct attempt_group *group, struct tally *tally);

// Runs one attempt. Returns true if the outcome was expected.
bool attempt_run(const struct attempt *attempt, unsigned number);

// A function of one instruction (or a few) without operands of C.
#define ATTEMPT_INSTRUCTION(name, text)                                                            \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        __asm__ volatile(text ::: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "memory", "cc");       \
        return OUTCOME_DONE;                                                                       \
    }

// The same in the form that attempt_as_cpuid takes.
#define TRIED_INSTRUCTION(name, text)                                                              \
    static void name(void *unused)                                                                 \
    {                                                                                              \
        (void)unused;                                                                              \
        __asm__ volatile(text ::: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "memory", "cc");       \
    }
