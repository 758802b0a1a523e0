// SPDX-License-Identifier: MIT
// Carries out a decoded instruction with a memory operand, string instructions excepted; LMSW, SMSW
// and CLTS in all forms.
#include "vmm/emulate/emulate_execute.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_alu.h"
#include "vmm/emulate/emulate_bits.h"
#include "vmm/emulate/emulate_exchange.h"
#include "vmm/emulate/emulate_fault.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_multiply.h"
#include "vmm/emulate/emulate_operands.h"
#include "vmm/emulate/emulate_registers.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/emulate/emulate_vector.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

static const struct register_operand stack_pointer = {.number = GPR_RSP};

static enum emulate_result execute_move(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t value;
    gva_t linear;
    enum emulate_result result = emulator_read_source(emulator, &value);
    if (result != EMULATE_DONE) {
        return result;
    }
    if (instruction->operation == OPERATION_MOVSX) {
        value = sign_extend(value, instruction->source_width);
    } else if (instruction->operation == OPERATION_MOVBE) {
        value = __builtin_bswap64(value) >> (64 - 8 * instruction->width);
    }
    if (instruction->destination == OPERAND_REGISTER) {
        emulator_set(emulator, instruction->reg, instruction->width, value);
        return EMULATE_DONE;
    }
    result = emulator_operand(emulator, 0, instruction->width, ACCESS_WRITE, &linear);
    return result != EMULATE_DONE ? result
                                  : emulator_write(emulator, linear, instruction->width, value);
}

// An operation whose destination is a register and whose source is memory.
static enum emulate_result execute_to_register(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t source;
    uint64_t value;
    enum emulate_result result = emulator_read_source(emulator, &source);
    if (result != EMULATE_DONE) {
        return result;
    }
    value =
        alu_compute(instruction->operation, instruction->width,
                    emulator_get(emulator, instruction->reg, instruction->width), source, &rflags);
    if (instruction->operation != OPERATION_CMP) {
        emulator_set(emulator, instruction->reg, instruction->width, value);
    }
    emulator_set_flags(emulator, rflags);
    return EMULATE_DONE;
}

// An operation whose destination is memory, or that only compares memory.
static enum emulate_result execute_arithmetic(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    bool writes =
        instruction->operation != OPERATION_CMP && instruction->operation != OPERATION_TEST;
    uint64_t rflags = emulator->paging.rflags;
    uint64_t source = 0;
    uint64_t value;
    gva_t linear;
    enum emulate_result result;
    if (instruction->destination == OPERAND_REGISTER) {
        return execute_to_register(emulator);
    }
    result = emulator_read_operand(emulator, 0, writes ? ACCESS_READ | ACCESS_WRITE : ACCESS_READ,
                                   &linear, &value);
    if (result == EMULATE_DONE && instruction->source != OPERAND_NONE) {
        result =
            emulator_read_source(emulator, &source); // a register or an immediate: it cannot fail
    }
    if (result != EMULATE_DONE) {
        return result;
    }
    value = alu_compute(instruction->operation, instruction->width, value, source, &rflags);
    if (writes) {
        result = emulator_write(emulator, linear, instruction->width, value);
    }
    if (result == EMULATE_DONE) {
        emulator_set_flags(emulator, rflags);
    }
    return result;
}

// The stack segment determines the width of the stack pointer (SDM Vol. 1 6.2.3).
static unsigned stack_width(const struct emulator *emulator)
{
    struct segment stack;
    if (emulator->size == CODE_64) {
        return 8;
    }
    emulator->ops->get_segment(emulator->vcpu, SEGMENT_SS, &stack);
    return (stack.attributes & SEGMENT_DB) != 0 ? 4 : 2;
}

static enum emulate_result execute_push(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = stack_width(emulator);
    uint64_t top =
        low_bytes(emulator_get(emulator, stack_pointer, width) - instruction->width, width);
    uint64_t value;
    gva_t linear;
    enum emulate_result result = emulator_read_operand(emulator, 0, ACCESS_READ, &linear, &value);
    if (result == EMULATE_DONE) {
        result =
            emulator_linear(emulator, SEGMENT_SS, top, instruction->width, ACCESS_WRITE, &linear);
    }
    if (result == EMULATE_DONE) {
        result = emulator_write(emulator, linear, instruction->width, value);
    }
    if (result == EMULATE_DONE) {
        emulator_set(emulator, stack_pointer, width, top);
    }
    return result;
}

// The operand's address uses the stack pointer as it is after the POP (SDM Vol. 2B, POP).
static enum emulate_result execute_pop(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = stack_width(emulator);
    uint64_t top = emulator_get(emulator, stack_pointer, width);
    int64_t adjust = instruction->base == GPR_RSP ? instruction->width : 0;
    uint64_t value;
    gva_t linear;
    enum emulate_result result =
        emulator_linear(emulator, SEGMENT_SS, top, instruction->width, ACCESS_READ, &linear);
    if (result == EMULATE_DONE) {
        result = emulator_read(emulator, linear, instruction->width, ACCESS_READ, &value);
    }
    if (result == EMULATE_DONE) {
        result = emulator_operand(emulator, adjust, instruction->width, ACCESS_WRITE, &linear);
    }
    if (result == EMULATE_DONE) {
        result = emulator_write(emulator, linear, instruction->width, value);
    }
    if (result == EMULATE_DONE) {
        emulator_set(emulator, stack_pointer, width, top + instruction->width);
    }
    return result;
}

static enum emulate_result execute_cache(struct emulator *emulator)
{
    gva_t linear;
    enum emulate_result result =
        emulator_operand(emulator, 0, emulator->instruction.width, ACCESS_READ, &linear);
    return result != EMULATE_DONE
               ? result
               : emulator_probe(emulator, linear, emulator->instruction.width, ACCESS_READ);
}

// SDM Vol. 1 table B-1: the lowest bit turns the condition round.
static bool condition_holds(uint64_t condition, uint64_t rflags)
{
    bool sign_differs = ((rflags & RFLAGS_SF) != 0) != ((rflags & RFLAGS_OF) != 0);
    bool holds;
    switch (condition >> 1) {
    case 0:
        holds = (rflags & RFLAGS_OF) != 0;
        break;
    case 1:
        holds = (rflags & RFLAGS_CF) != 0;
        break;
    case 2:
        holds = (rflags & RFLAGS_ZF) != 0;
        break;
    case 3:
        holds = (rflags & (RFLAGS_CF | RFLAGS_ZF)) != 0;
        break;
    case 4:
        holds = (rflags & RFLAGS_SF) != 0;
        break;
    case 5:
        holds = (rflags & RFLAGS_PF) != 0;
        break;
    case 6:
        holds = sign_differs;
        break;
    default:
        holds = sign_differs || (rflags & RFLAGS_ZF) != 0;
        break;
    }
    return holds != ((condition & 1) != 0);
}

// Reads in any case. With 4 bytes the register's upper half is cleared in any case too.
static enum emulate_result execute_conditional_move(struct emulator *emulator)
{
    const struct instruction *instruction = &emulator->instruction;
    unsigned width = instruction->width;
    uint64_t value;
    enum emulate_result result = emulator_read_source(emulator, &value);
    if (result == EMULATE_DONE) {
        bool holds = condition_holds(instruction->immediate, emulator->paging.rflags);
        emulator_set(emulator, instruction->reg, width,
                     holds ? value : emulator_get(emulator, instruction->reg, width));
    }
    return result;
}

static enum emulate_result store(struct emulator *emulator, uint64_t value)
{
    unsigned width = emulator->instruction.width;
    gva_t linear;
    if (!emulator->instruction.has_memory) {
        emulator_set(emulator, emulator->instruction.rm, width, value);
        return EMULATE_DONE;
    }
    enum emulate_result result = emulator_operand(emulator, 0, width, ACCESS_WRITE, &linear);
    return result != EMULATE_DONE ? result : emulator_write(emulator, linear, width, value);
}

static enum emulate_result store_selector(struct emulator *emulator, enum guest_segment which)
{
    struct segment segment;
    emulator->ops->get_segment(emulator->vcpu, which, &segment);
    return store(emulator, segment.selector);
}

// SMSW, SLDT, STR: CR4.UMIP takes them from programs (SDM Vol. 3A 2.5). The last two exist in
// protected mode only.
static enum emulate_result execute_store_system(struct emulator *emulator)
{
    const struct paging_state *paging = &emulator->paging;
    enum operation operation = emulator->instruction.operation;
    if (operation != OPERATION_SMSW && !emulator->protected) {
        return emulator_fault(emulator, VECTOR_UD, 0);
    }
    if ((paging->cr4 & CR4_UMIP) != 0 && paging->cpl > 0) {
        return emulator_fault(emulator, VECTOR_GP, 0);
    }
    if (operation == OPERATION_SMSW) {
        return store(emulator, paging->cr0);
    }
    return store_selector(emulator, operation == OPERATION_SLDT ? SEGMENT_LDTR : SEGMENT_TR);
}

static enum emulate_result read_status_word(struct emulator *emulator, uint64_t *value)
{
    gva_t linear;
    if (!emulator->instruction.has_memory) {
        *value = emulator_get(emulator, emulator->instruction.rm, 2);
        return EMULATE_DONE;
    }
    return emulator_read_operand(emulator, 0, ACCESS_READ, &linear, value);
}

// LMSW can set PE and not clear it. It changes no bit that may not be changed alone.
static enum emulate_result execute_status_word(struct emulator *emulator)
{
    const uint64_t loaded = CR0_MP | CR0_EM | CR0_TS;
    uint64_t cr0 = emulator->paging.cr0 & ~(uint64_t)CR0_TS;
    if (emulator->paging.cpl > 0) {
        return emulator_fault(emulator, VECTOR_GP, 0);
    }
    if (emulator->instruction.operation == OPERATION_LMSW) {
        uint64_t value;
        enum emulate_result result = read_status_word(emulator, &value);
        if (result != EMULATE_DONE) {
            return result;
        }
        cr0 = (cr0 & ~loaded) | (value & (loaded | CR0_PE));
    }
    emulator->ops->set_register(emulator->vcpu, REG_CR0, cr0);
    return EMULATE_DONE;
}

static enum emulate_result execute_set(struct emulator *emulator)
{
    return store(emulator,
                 condition_holds(emulator->instruction.immediate, emulator->paging.rflags));
}

static enum emulate_result execute_store_segment(struct emulator *emulator)
{
    return store_selector(emulator, emulator->instruction.reg.number);
}

// The rest is arithmetic.
static enum emulate_result (*const functions[OPERATION_MOVS])(struct emulator *) = {
    [OPERATION_MOV] = execute_move,
    [OPERATION_MOVBE] = execute_move,
    [OPERATION_CMOV] = execute_conditional_move,
    [OPERATION_SET] = execute_set,
    [OPERATION_MOVZX] = execute_move,
    [OPERATION_MOVSX] = execute_move,
    [OPERATION_XCHG] = emulator_exchange,
    [OPERATION_BT] = emulator_bit,
    [OPERATION_BTS] = emulator_bit,
    [OPERATION_BTR] = emulator_bit,
    [OPERATION_BTC] = emulator_bit,
    [OPERATION_CMPXCHG] = emulator_compare_exchange,
    [OPERATION_CMPXCHG_PAIR] = emulator_compare_exchange_pair,
    [OPERATION_XADD] = emulator_exchange,
    [OPERATION_ROL] = emulator_shift,
    [OPERATION_ROR] = emulator_shift,
    [OPERATION_RCL] = emulator_shift,
    [OPERATION_RCR] = emulator_shift,
    [OPERATION_SHL] = emulator_shift,
    [OPERATION_SHR] = emulator_shift,
    [OPERATION_SAR] = emulator_shift,
    [OPERATION_SHLD] = emulator_shift,
    [OPERATION_SHRD] = emulator_shift,
    [OPERATION_MUL] = emulator_multiply_accumulator,
    [OPERATION_IMUL] = emulator_multiply_accumulator,
    [OPERATION_DIV] = emulator_multiply_accumulator,
    [OPERATION_IDIV] = emulator_multiply_accumulator,
    [OPERATION_IMUL_REGISTER] = emulator_multiply_register,
    [OPERATION_IMUL_IMMEDIATE] = emulator_multiply_register,
    [OPERATION_BSF] = emulator_scan,
    [OPERATION_BSR] = emulator_scan,
    [OPERATION_TZCNT] = emulator_scan,
    [OPERATION_LZCNT] = emulator_scan,
    [OPERATION_POPCNT] = emulator_scan,
    [OPERATION_CRC32] = emulator_crc32,
    [OPERATION_STORE_SEGMENT] = execute_store_segment,
    [OPERATION_SLDT] = execute_store_system,
    [OPERATION_STR] = execute_store_system,
    [OPERATION_SMSW] = execute_store_system,
    [OPERATION_LMSW] = execute_status_word,
    [OPERATION_CLTS] = execute_status_word,
    [OPERATION_CACHE] = execute_cache,
    [OPERATION_PUSH] = execute_push,
    [OPERATION_POP] = execute_pop,
    [OPERATION_VECTOR] = emulator_vector,
};

enum emulate_result emulator_execute(struct emulator *emulator)
{
    enum emulate_result (*function)(struct emulator *) = functions[emulator->instruction.operation];
    return function ? function(emulator) : execute_arithmetic(emulator);
}
