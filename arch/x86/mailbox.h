// SPDX-License-Identifier: MIT
// A call from one CPU to another: the caller posts it, the other CPU takes it, runs it, and says
// that it is done. A call that is not taken in time is withdrawn.
#pragma once

#include "vmm/util/types.h"

// How long a call may wait until it is taken.
#define MAILBOX_PATIENCE_NS 1000000000ULL

enum mailbox_state {
    MAILBOX_FREE,
    MAILBOX_CLAIMED, // a caller fills it
    MAILBOX_POSTED,
    MAILBOX_RUNNING, // taken: from here on it cannot be withdrawn
    MAILBOX_DONE,    // its caller makes it free again
};

// One for each CPU that is called. It holds one call at a time. All zeros: it is free.
struct mailbox {
    uint32_t state; // atomic
    void (*function)(void *);
    void *argument;  // may lie on the caller's stack
    bool unanswered; // atomic: a call was given up, and the CPU has not looked since
};

// What a caller does while it waits.
struct mailbox_caller {
    uint64_t (*now_ns)(void);
    void (*kick)(unsigned cpu); // makes that CPU look into its mailbox
    void (*meanwhile)(void);    // runs the calls of others to this CPU, and takes interrupts
};

// Runs `function` on the CPU `cpu`, which owns the mailbox, and waits for its end. False: the CPU
// did not take the call in time. Then `function` will not run any more, and `argument` may go. A
// call that was taken is Husk's own code, which ends: it is waited for as long as it runs.
MUST_CHECK bool mailbox_call(struct mailbox *mailbox, unsigned cpu, void (*function)(void *),
                             void *argument, const struct mailbox_caller *caller);

// Marks the CPU as one that does not answer.
void mailbox_give_up(struct mailbox *mailbox);
bool mailbox_is_given_up(const struct mailbox *mailbox);

// On the CPU that owns the mailbox: whether a call waits.
bool mailbox_has_call(const struct mailbox *mailbox);
// Likewise: takes and runs the call that waits. Returns whether the CPU had been given up: it
// answers again now.
bool mailbox_look(struct mailbox *mailbox);
