// SPDX-License-Identifier: MIT
// The states of a call. Each change is made by one side alone, but for one: the caller that
// withdraws a call and the CPU that takes it both need it to be posted, so one of them loses.
#include "arch/x86/mailbox.h"

#include "vmm/util/patience.h"
#include "vmm/util/types.h"

static bool change(struct mailbox *mailbox, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&mailbox->state, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

// Waits a little. Returns whether there is time left.
static bool wait(struct patience *patience, const struct mailbox_caller *caller)
{
    caller->meanwhile();
    patience_look(patience, caller->now_ns());
    return patience->waited_ns < MAILBOX_PATIENCE_NS;
}

bool mailbox_call(struct mailbox *mailbox, unsigned cpu, void (*function)(void *), void *argument,
                  const struct mailbox_caller *caller)
{
    struct patience patience = patience_begin(caller->now_ns());
    while (!change(mailbox, MAILBOX_FREE, MAILBOX_CLAIMED)) {
        if (!wait(&patience, caller)) {
            return false;
        }
    }
    mailbox->function = function;
    mailbox->argument = argument;
    __atomic_store_n(&mailbox->state, MAILBOX_POSTED, __ATOMIC_RELEASE);
    caller->kick(cpu);
    while (__atomic_load_n(&mailbox->state, __ATOMIC_ACQUIRE) != MAILBOX_DONE) {
        if (!wait(&patience, caller) && change(mailbox, MAILBOX_POSTED, MAILBOX_FREE)) {
            return false;
        }
    }
    __atomic_store_n(&mailbox->state, MAILBOX_FREE, __ATOMIC_RELEASE);
    return true;
}

void mailbox_give_up(struct mailbox *mailbox)
{
    __atomic_store_n(&mailbox->unanswered, true, __ATOMIC_RELEASE);
}

bool mailbox_is_given_up(const struct mailbox *mailbox)
{
    return __atomic_load_n(&mailbox->unanswered, __ATOMIC_ACQUIRE);
}

bool mailbox_has_call(const struct mailbox *mailbox)
{
    return __atomic_load_n(&mailbox->state, __ATOMIC_RELAXED) == MAILBOX_POSTED;
}

bool mailbox_look(struct mailbox *mailbox)
{
    bool again = __atomic_load_n(&mailbox->unanswered, __ATOMIC_RELAXED) &&
                 __atomic_exchange_n(&mailbox->unanswered, false, __ATOMIC_ACQ_REL);
    if (mailbox_has_call(mailbox) && change(mailbox, MAILBOX_POSTED, MAILBOX_RUNNING)) {
        mailbox->function(mailbox->argument);
        __atomic_store_n(&mailbox->state, MAILBOX_DONE, __ATOMIC_RELEASE);
    }
    return again;
}
