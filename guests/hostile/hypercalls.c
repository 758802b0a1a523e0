// SPDX-License-Identifier: MIT
// Attempts with hypercalls: every number, wild arguments, the wrong instruction.
#include "guests/lib/hypercall.h"

#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"

#define NUMBERS 4096U

// Without Husk below, there is nothing to call.
static enum outcome version(void)
{
    if (!husk_present()) {
        return OUTCOME_DONE;
    }
    const uint64_t answer = hypercall(HYPERCALL_VERSION, UINT64_MAX, UINT64_MAX);
    return answer == HUSK_VERSION ? OUTCOME_DONE : attempt_wrong("answer", answer);
}

static bool is_call(uint64_t number)
{
    return number <= HYPERCALL_CLOCK_NS || number == KVM_HC_KICK_CPU || number == KVM_HC_SEND_IPI;
}

static enum outcome unknown(uint64_t number)
{
    static const uint64_t arguments[] = {0, UINT64_MAX, 0xfee00000, BIT(47), BIT(63)};
    for (unsigned i = 0; i < ARRAY_SIZE(arguments); i++) {
        const uint64_t answer = hypercall(number, arguments[i], arguments[i]);
        if (answer != HYPERCALL_UNKNOWN) {
            return attempt_wrong("number", number);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome powers_of_two(void)
{
    for (unsigned bit = 0; husk_present() && bit < 64; bit++) {
        if (!is_call(BIT(bit)) && unknown(BIT(bit)) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
        if (unknown(~BIT(bit)) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome small_numbers(void)
{
    for (unsigned number = 0; husk_present() && number < NUMBERS; number++) {
        if (!is_call(number) && unknown(number) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome clock_forward(void)
{
    uint64_t last = 0;
    for (unsigned i = 0; husk_present() && i < 1000; i++) {
        const uint64_t now = hypercall(HYPERCALL_CLOCK_NS, 0, 0);
        if (now < last) {
            return attempt_wrong("back by", last - now);
        }
        last = now;
    }
    return OUTCOME_DONE;
}

// Uses the instruction of the other vendor.
static enum outcome wrong_instruction(void)
{
    if (cpu_is_amd()) {
        hypercall_vmcall(HYPERCALL_VERSION, 0, 0);
    } else {
        hypercall_vmmcall(HYPERCALL_VERSION, 0, 0);
    }
    return OUTCOME_DONE;
}

ATTEMPT_INSTRUCTION(locked_vmcall, ".byte 0xf0, 0x0f, 0x01, 0xc1")
ATTEMPT_INSTRUCTION(locked_vmmcall, ".byte 0xf0, 0x0f, 0x01, 0xd9")

static const struct attempt attempts[] = {
    {"hypercall 0 with wild arguments", version, DONE},
    {"hypercalls of 2^k and its complement", powers_of_two, DONE},
    {"hypercalls up to 4096", small_numbers, DONE},
    {"the clock 1000 times", clock_forward, DONE},
    {"the other vendor's hypercall", wrong_instruction, FAULT(UD)},
    {"LOCK VMCALL", locked_vmcall, FAULT(UD)},
    {"LOCK VMMCALL", locked_vmmcall, FAULT(UD)},
};

const struct attempt_group hypercalls_group = {attempts, ARRAY_SIZE(attempts)};
