// SPDX-License-Identifier: MIT
// A guest that does what a fuzzer's input says: one exit of any kind at a time.
#pragma once

#include "tests/host/vm/random_input.h"

struct vcpu_core;

// What the guests of one VM share.
struct random_guest {
    bool speaks; // all that reaches its serial line is what random_system_say sends
    bool may_say;
    uint8_t next_said;
    unsigned set_up; // how far random_system_set_up has come
};

// Changes what a guest can change without an exit: flags, the interrupt shadow, the mode.
void random_guest_change(struct vcpu_core *core, struct random_input *input);
// Makes one exit.
void random_guest_exit(struct vcpu_core *core, const struct random_guest *guest,
                       struct random_input *input);
