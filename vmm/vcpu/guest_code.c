// SPDX-License-Identifier: MIT
// Finds a guest's code in its RAM, through its page tables.
#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_paging.h"
#include "vmm/vm/vm.h"

static void note_steps(const struct guest_memory *memory, const struct walk_result *walk,
                       struct guest_code *code)
{
    unsigned last = walk->step_count - 1;
    for (unsigned i = 0; i < GUEST_CODE_STEPS; i++) {
        const struct walk_step *step = &walk->steps[MIN(i, last)];
        code->steps[i].at = guest_memory_at(memory, step->at, sizeof(uint64_t));
        code->steps[i].entry = step->entry;
    }
}

bool vcpu_find_code(struct vcpu_core *core, gva_t address, struct guest_code *code)
{
    const struct vcpu *vcpu = vcpu_of(core);
    const struct guest_memory *memory = &vcpu->vm->memory;
    struct paging_state paging = vcpu_paging(vcpu);
    struct walk_result walk;
    if (guest_walk(memory, &paging, address, ACCESS_EXECUTE, &walk) != WALK_MAPPED) {
        return false;
    }
    code->bytes = guest_memory_at(memory, walk.gpa, 1);
    // Other paging modes have entries of 4 bytes, or PDPTEs that are not part of the walk.
    code->lasting = (paging.efer & EFER_LMA) && walk.step_count <= GUEST_CODE_STEPS;
    if (code->lasting) {
        note_steps(memory, &walk, code);
    }
    return code->bytes;
}
