// SPDX-License-Identifier: MIT
// The budget of Husk's own work: after each turn it waits in proportion to what the turn took.
#include "vmm/vm/house.h"

#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/scheduler_account.h"

bool house_may_turn(const struct house *house, struct scheduler *scheduler)
{
    scheduler_charge_house(scheduler);
    uint64_t now_ns = scheduler->charged_ns;
    return now_ns >= house->due_ns && (now_ns >= house->allowed_ns || !scheduler->ready);
}

void house_end_turn(struct house *house, struct scheduler *scheduler, uint64_t due_ns)
{
    uint64_t used_ns = scheduler_charge_house(scheduler);
    uint64_t wait_ns = MIN((HOUSE_PARTS - 1) * used_ns, HOUSE_WAIT_MAX_NS);
    house->allowed_ns = scheduler->charged_ns + wait_ns;
    house->due_ns = due_ns;
    scheduler->ended_ns = 0; // the turn is no part of the time between two runs
}

uint64_t house_next_ns(const struct house *house)
{
    return MAX(house->due_ns, house->allowed_ns);
}
