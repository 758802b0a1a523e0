// SPDX-License-Identifier: MIT
// Remembers a guest's moves to and from device memory, and repeats one without fetching and
// decoding it: a driver makes the same few moves again and again.
//
// A remembered move is the instruction at RIP only if CR3, CS, each page-table entry on the way to
// the code, and the code itself are unchanged, and the processor is in long mode: EFER.LME is still
// set (emulator_forget), and so is CR0.PG. Access rights need no check: the processor
// has just executed the instruction up to its access, and `exit` shows that this access is allowed.
#include "vmm/emulate/emulate_cache.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

static unsigned move_index(uint64_t rip)
{
    return (unsigned)((rip ^ rip >> 3) % EMULATOR_MOVES);
}

static bool is_same_code(const struct exit_code *remembered, const struct exit_code *now)
{
    return remembered->rip == now->rip && (now->cr0 & CR0_PG) && remembered->cr3 == now->cr3 &&
           remembered->cs_attributes == now->cs_attributes;
}

// Compares 64 bits of RAM. The address was in RAM before, and a VM's RAM does not move.
static bool has_word(const uint8_t *ram, gpa_t address, uint64_t expected)
{
    uint64_t word;
    __builtin_memcpy(&word, ram + address.value, sizeof(word));
    return word == expected;
}

static bool is_unchanged(const struct emulator_move *move, const uint8_t *ram)
{
    const struct walk_step *steps = move->steps;
    gpa_t last = gpa(move->bytes_at.value + INSTRUCTION_BYTES_MAX - 8);
    static_assert(EMULATOR_MOVE_STEPS == 4, "one line each");
    return has_word(ram, steps[0].at, steps[0].entry) &&
           has_word(ram, steps[1].at, steps[1].entry) &&
           has_word(ram, steps[2].at, steps[2].entry) &&
           has_word(ram, steps[3].at, steps[3].entry) &&
           has_word(ram, move->bytes_at, move->first_bytes) &&
           has_word(ram, last, move->last_bytes);
}

static uint64_t operand_address(const struct emulator_move *move, const uint64_t *gpr)
{
    return (move->displacement + gpr[move->base] * move->base_scale +
            gpr[move->index] * move->index_scale) &
           move->address_mask;
}

// Whether the exit is the whole access of the remembered instruction. An empty entry has no access,
// so the answer is no. An access that crosses into another page is not whole either.
static bool is_access_of(const struct emulator_move *move, const uint64_t *gpr,
                         const struct exit_memory *exit)
{
    uint64_t address = operand_address(move, gpr);
    // An exit without a linear address fits too: the move has only this one access.
    uint64_t difference =
        exit->gva_valid ? address ^ exit->gva.value : (address ^ exit->gpa.value) % PAGE_SIZE;
    return difference == 0 && (exit->access & move->access) != 0 &&
           exit->gpa.value % PAGE_SIZE + move->width <= PAGE_SIZE;
}

// A function of its own: with `move` as a parameter, the compiler does not compute its address at
// each use.
static NOT_INLINE unsigned repeat(struct vcpu_core *vcpu, const struct guest_memory *memory,
                                  struct emulator_bus *mmio, const struct exit_memory *exit,
                                  const struct emulator_move *move)
{
    uint64_t *gpr = vcpu->registers.gpr;
    uint64_t *reg = &gpr[move->reg];
    if (!is_same_code(&move->code, &exit->code) || !is_unchanged(move, memory->base) ||
        !is_access_of(move, gpr, exit)) {
        return 0;
    }
    if (move->access == ACCESS_WRITE) {
        mmio->write(mmio, exit->gpa, move->width,
                    (*reg >> move->shift & move->mask) | move->immediate);
    } else {
        uint64_t value = mmio->read(mmio, exit->gpa, move->width) & move->mask;
        *reg = (*reg & move->kept) | value << move->shift;
    }
    return move->length;
}

unsigned emulate_repeated_move(struct vcpu_core *vcpu, const struct guest_memory *memory,
                               struct emulator_bus *mmio, const struct exit_memory *exit,
                               const struct emulator_cache *cache)
{
    return repeat(vcpu, memory, mmio, exit, &cache->moves[move_index(exit->code.rip)]);
}

// RSP is not in `registers.gpr`, so an instruction that uses it is not remembered.
static bool uses_rsp(const struct instruction *instruction)
{
    bool reg_is_operand =
        instruction->source == OPERAND_REGISTER || instruction->destination == OPERAND_REGISTER;
    return instruction->base == GPR_RSP || instruction->index == GPR_RSP ||
           (reg_is_operand && instruction->reg.number == GPR_RSP);
}

// Whether the instruction is a plain move in 64-bit mode without a segment base. A guest that
// may use 5-level paging is excluded: CR3 alone would not determine the walk.
static bool can_be_repeated(const struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    return emulator->size == CODE_64 && emulator->fetch.step_count > 0 &&
           emulator->fetch.step_count <= EMULATOR_MOVE_STEPS &&
           (emulator->vcpu->cr4_allowed & CR4_LA57) == 0 &&
           (instruction->operation == OPERATION_MOV || instruction->operation == OPERATION_MOVZX) &&
           instruction->segment < SEGMENT_FS && !uses_rsp(instruction) &&
           (emulator->rip & (PAGE_SIZE - 1)) + INSTRUCTION_BYTES_MAX <= PAGE_SIZE;
}

static void remember_code(const struct emulator *emulator, const uint8_t *bytes,
                          struct emulator_move *move)
{
    const struct walk_result *fetch = &emulator->fetch;
    move->code = emulator->exit->code;
    for (unsigned i = 0; i < EMULATOR_MOVE_STEPS; i++) {
        move->steps[i] = fetch->steps[MIN(i, fetch->step_count - 1)];
    }
    move->bytes_at = fetch->gpa;
    __builtin_memcpy(&move->first_bytes, bytes, sizeof(move->first_bytes));
    __builtin_memcpy(&move->last_bytes, bytes + INSTRUCTION_BYTES_MAX - 8,
                     sizeof(move->last_bytes));
}

static void remember_operand(const struct emulator *emulator, struct emulator_move *move)
{
    const struct instruction *instruction = &emulator->instruction;
    move->displacement = (uint64_t)instruction->displacement;
    if (instruction->rip_relative) {
        move->displacement += emulator->rip + instruction->length;
    }
    if (instruction->base != NO_REGISTER) {
        move->base = instruction->base;
        move->base_scale = 1;
    }
    if (instruction->index != NO_REGISTER) {
        move->index = instruction->index;
        move->index_scale = instruction->scale;
    }
    move->address_mask = low_bytes(UINT64_MAX, instruction->address_width);
}

static void remember_value(const struct instruction *instruction, struct emulator_move *move)
{
    bool writes = instruction->destination == OPERAND_RM;
    uint64_t written = low_bytes(UINT64_MAX, instruction->width);
    move->access = writes ? ACCESS_WRITE : ACCESS_READ;
    move->width = writes ? instruction->width : instruction->source_width;
    if (instruction->source == OPERAND_IMMEDIATE) {
        move->immediate = low_bytes(instruction->immediate, move->width);
        return;
    }
    move->reg = instruction->reg.number;
    move->shift = instruction->reg.high_byte ? 8 : 0;
    move->mask = low_bytes(UINT64_MAX, move->width);
    move->kept = instruction->width < 4 ? ~(written << move->shift) : 0;
}

void emulator_remember_move(const struct emulator *emulator, const uint8_t *bytes,
                            struct emulator_cache *cache)
{
    struct emulator_move *move = &cache->moves[move_index(emulator->rip)];
    if (!can_be_repeated(emulator)) {
        return;
    }
    *move = (struct emulator_move){.length = emulator->instruction.length};
    remember_code(emulator, bytes, move);
    remember_operand(emulator, move);
    remember_value(&emulator->instruction, move);
}

void emulator_forget(struct emulator_cache *cache)
{
    *cache = (struct emulator_cache){0};
}
