// SPDX-License-Identifier: MIT
// Remembers the moves to and from device memory that a guest makes, as a driver makes the same few
// again and again, and repeats one without fetching and decoding it.
//
// A remembered move stands for what is at RIP only if CR3, EFER, CS, each entry of the page tables
// on the way to the code, and the code itself are what they were. Rights need no look: the
// processor has just executed the instruction up to its access, and `exit` says that this access is
// allowed.
#include "vmm/emulate_internal.h"

#include "arch/x86/registers.h"

static unsigned site_index(uint64_t rip)
{
    return (unsigned)((rip ^ rip >> 3) % EMULATOR_SITES);
}

// The 64 bits at an address that was in RAM before: a VM's RAM stays where it is.
static uint64_t ram_word(const struct guest_memory *memory, uint64_t address)
{
    uint64_t word;

    __builtin_memcpy(&word, memory->base + address, sizeof(word));
    return word;
}

static bool is_unchanged(const struct emulator_site *site, const struct guest_memory *memory)
{
    for (unsigned i = 0; i < site->step_count; i++) {
        if (ram_word(memory, site->steps[i].at.value) != site->steps[i].entry) {
            return false;
        }
    }
    return ram_word(memory, site->code.value) == site->first_bytes &&
           ram_word(memory, site->code.value + INSTRUCTION_BYTES_MAX - 8) == site->last_bytes;
}

static const struct emulator_site *find_site(const struct vcpu_core *vcpu,
                                             const struct vcpu_ops *ops,
                                             const struct guest_memory *memory,
                                             const struct emulator_cache *cache)
{
    uint64_t rip = ops->get_register(vcpu, REG_RIP);
    const struct emulator_site *site = &cache->sites[site_index(rip)];
    struct segment code;

    if (site->rip != rip || site->step_count == 0 ||
        site->cr3 != ops->get_register(vcpu, REG_CR3) ||
        site->efer != ops->get_register(vcpu, REG_EFER)) {
        return NULL;
    }
    ops->get_segment(vcpu, SEGMENT_CS, &code);
    return site->attributes == code.attributes && is_unchanged(site, memory) ? site : NULL;
}

static uint64_t address_part(const struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                             uint8_t number)
{
    return number == NO_REGISTER ? 0 : gpr_whole(vcpu, ops, number);
}

// Whether the exit is the access of the instruction, all of it.
static bool is_access_of(const struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                         const struct emulator_site *site, const struct exit_memory *exit)
{
    const struct instruction *instruction = &site->instruction;
    bool writes = instruction->destination == OPERAND_RM;
    unsigned width = writes ? instruction->width : instruction->source_width;
    uint64_t address = (uint64_t)instruction->displacement +
                       address_part(vcpu, ops, instruction->base) +
                       address_part(vcpu, ops, instruction->index) * instruction->scale;

    if (instruction->rip_relative) {
        address += site->rip + instruction->length;
    }
    address = low_bytes(address, instruction->address_width);
    // Without its linear address, the access can still be no other: a move has only this one.
    uint64_t difference = address ^ (exit->gva_valid ? exit->gva.value : exit->gpa.value);
    return (exit->gva_valid ? difference : difference % PAGE_SIZE) == 0 && !exit->page_walk &&
           (writes ? exit->write : exit->read) && address % PAGE_SIZE + width <= PAGE_SIZE;
}

unsigned emulator_repeat_move(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                              const struct guest_memory *memory, struct emulator_bus *mmio,
                              const struct exit_memory *exit, const struct emulator_cache *cache)
{
    const struct emulator_site *site = find_site(vcpu, ops, memory, cache);
    const struct instruction *instruction;

    if (site == NULL || !is_access_of(vcpu, ops, site, exit)) {
        return 0;
    }
    instruction = &site->instruction;
    if (instruction->destination == OPERAND_RM) {
        uint64_t value = instruction->source == OPERAND_REGISTER
                             ? gpr_get(vcpu, ops, instruction->reg, instruction->width)
                             : low_bytes(instruction->immediate, instruction->width);

        mmio->write(mmio, exit->gpa, instruction->width, value);
    } else {
        uint64_t value = mmio->read(mmio, exit->gpa, instruction->source_width);

        gpr_set(vcpu, ops, instruction->reg, instruction->width,
                low_bytes(value, instruction->source_width));
    }
    return instruction->length;
}

// A plain move in 64-bit mode without a segment base. The processor's 5 levels are left out: with
// them, the tables that CR3 names would not alone say what they mean.
static bool can_be_repeated(const struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;

    return emulator->size == CODE_64 && emulator->fetch.step_count > 0 &&
           (emulator->vcpu->cr4_allowed & CR4_LA57) == 0 &&
           (instruction->operation == OPERATION_MOV || instruction->operation == OPERATION_MOVZX) &&
           instruction->segment < SEGMENT_FS &&
           (emulator->rip & (PAGE_SIZE - 1)) + INSTRUCTION_BYTES_MAX <= PAGE_SIZE;
}

void emulator_remember_move(const struct emulator *emulator, const uint8_t *bytes,
                            struct emulator_cache *cache)
{
    struct emulator_site *site = &cache->sites[site_index(emulator->rip)];
    struct segment segment;

    if (!can_be_repeated(emulator)) {
        return;
    }
    emulator->ops->get_segment(emulator->vcpu, SEGMENT_CS, &segment);
    *site = (struct emulator_site){
        .rip = emulator->rip,
        .cr3 = emulator->paging.cr3,
        .efer = emulator->paging.efer,
        .attributes = segment.attributes,
        .step_count = (uint8_t)emulator->fetch.step_count,
        .code = emulator->fetch.gpa,
        .instruction = emulator->instruction,
    };
    __builtin_memcpy(&site->first_bytes, bytes, sizeof(site->first_bytes));
    __builtin_memcpy(&site->last_bytes, bytes + INSTRUCTION_BYTES_MAX - 8,
                     sizeof(site->last_bytes));
    __builtin_memcpy(site->steps, emulator->fetch.steps, sizeof(site->steps));
}
