// SPDX-License-Identifier: MIT
// Keeps the list of what is to be copied into a VM's memory, and copies it piece by piece.
#include "vmm/load/load_plan.h"

#include "vmm/address.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

bool load_plan_add(struct load_plan *plan, const struct load_copy *copy)
{
    if (copy->bytes == 0) {
        return true;
    }
    if (plan->count == LOAD_PLAN_MAX) {
        return false;
    }
    plan->copies[plan->count++] = *copy;
    return true;
}

bool load_plan_step(struct load_plan *plan, const struct guest_memory *memory, uint64_t most)
{
    if (plan->next == plan->count) {
        return true;
    }
    const struct load_copy *copy = &plan->copies[plan->next];
    bool zeros = plan->done >= copy->file_bytes;
    uint64_t bytes = MIN(most, (zeros ? copy->bytes : copy->file_bytes) - plan->done);
    uint8_t *to = guest_memory_at(memory, gpa(copy->address + plan->done), bytes);
    if (zeros) {
        memset(to, 0, bytes);
    } else {
        memcpy(to, copy->from + plan->done, bytes);
    }
    plan->done += bytes;
    if (plan->done == copy->bytes) {
        plan->next++;
        plan->done = 0;
    }
    return plan->next == plan->count;
}
