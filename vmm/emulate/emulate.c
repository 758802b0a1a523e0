// SPDX-License-Identifier: MIT
// Fetches and decodes the guest's instruction, then calls the function that carries it out.
#include "vmm/emulate/emulate.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/emulate/decode.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/emulate/emulate_execute.h"
#include "vmm/emulate/emulate_fault.h"
#include "vmm/emulate/emulate_memory.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/emulate/emulate_string.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// The bytes of the instruction that have been fetched so far.
struct fetched {
    unsigned count;
    uint8_t bytes[INSTRUCTION_BYTES_MAX];
};

// The privilege level is the DPL of CS. Conforming code runs at its caller's level, which is the
// DPL of SS (SDM Vol. 3A 5.5).
static uint8_t privilege_level(const struct emulator *emulator, const struct segment *code)
{
    enum { TYPE_CODE_CONFORMING = BIT(3) | BIT(2) };
    struct segment stack = *code;
    if ((emulator->paging.cr0 & CR0_PE) == 0) {
        return 0;
    }
    if ((emulator->paging.rflags & RFLAGS_VM) != 0) {
        return 3;
    }
    if ((code->attributes & TYPE_CODE_CONFORMING) == TYPE_CODE_CONFORMING) {
        emulator->ops->get_segment(emulator->vcpu, SEGMENT_SS, &stack);
    }
    return stack.attributes >> SEGMENT_DPL_SHIFT & 3;
}

// Reads the state that every instruction needs.
static void begin(struct emulator *emulator, struct segment *code)
{
    const struct vcpu_ops *ops = emulator->ops;
    const struct vcpu_core *vcpu = emulator->vcpu;
    struct paging_state *paging = &emulator->paging;
    paging->cr0 = ops->get_register(vcpu, REG_CR0);
    paging->cr3 = ops->get_register(vcpu, REG_CR3);
    paging->cr4 = ops->get_register(vcpu, REG_CR4);
    paging->efer = ops->get_register(vcpu, REG_EFER);
    paging->rflags = ops->get_register(vcpu, REG_RFLAGS);
    emulator->rip = ops->get_register(vcpu, REG_RIP);
    ops->get_segment(vcpu, SEGMENT_CS, code);
    paging->cpl = privilege_level(emulator, code);
    guest_walk_take_pdptes(paging, vcpu, ops);
    emulator->protected = (paging->cr0 & CR0_PE) != 0 && (paging->rflags & RFLAGS_VM) == 0;
    if ((paging->efer & EFER_LMA) != 0 && (code->attributes & SEGMENT_L) != 0) {
        emulator->size = CODE_64;
    } else {
        emulator->size = (code->attributes & SEGMENT_DB) != 0 ? CODE_32 : CODE_16;
    }
}

// Appends up to `most` bytes from the page at `linear`, the address of the first of them.
static enum emulate_result fetch_from_page(struct emulator *emulator, gva_t linear, unsigned most,
                                           struct fetched *fetched)
{
    unsigned count = (unsigned)MIN(most, PAGE_SIZE - (linear.value & (PAGE_SIZE - 1)));
    const uint8_t *from;
    struct walk_result walk;
    enum emulate_result result = emulator_translate(emulator, linear, ACCESS_EXECUTE, &walk);
    if (result != EMULATE_DONE) {
        return result;
    }
    from = guest_memory_at(emulator->memory, walk.gpa, count);
    if (!from) {
        (void)refuse(&emulator->out->why, STATUS_RANGE,
                     "the instruction at %#llx is at address %#llx, not in the VM's RAM",
                     (unsigned long long)linear.value, (unsigned long long)walk.gpa.value);
        return EMULATE_UNREADABLE;
    }
    if (fetched->count == 0) {
        emulator->fetch = walk;
    }
    if (count == INSTRUCTION_BYTES_MAX) {
        // Two loads that overlap avoid a loop in the common case.
        __builtin_memcpy(fetched->bytes, from, 8);
        __builtin_memcpy(fetched->bytes + INSTRUCTION_BYTES_MAX - 8,
                         from + INSTRUCTION_BYTES_MAX - 8, 8);
    } else {
        memcpy(fetched->bytes + fetched->count, from, count);
    }
    fetched->count += count;
    return EMULATE_DONE;
}

static enum emulate_result refuse_bytes(struct emulator *emulator, const struct fetched *fetched)
{
    struct reason *why = &emulator->out->why;
    size_t used = format_text(why->text, sizeof(why->text),
                              "at RIP %#llx:", (unsigned long long)emulator->rip);
    for (unsigned i = 0; i < fetched->count && used < sizeof(why->text); i++) {
        used += format_text(why->text + used, sizeof(why->text) - used, " %02x", fetched->bytes[i]);
    }
    return EMULATE_UNKNOWN;
}

// Fetches and decodes. Fetches from the next page too if the instruction goes on there. `most` is
// how many bytes the code segment allows.
static enum emulate_result fetch_and_decode(struct emulator *emulator, gva_t linear, unsigned most,
                                            struct fetched *fetched)
{
    for (;;) {
        enum emulate_result result = fetch_from_page(emulator, gva(linear.value + fetched->count),
                                                     most - fetched->count, fetched);
        if (result != EMULATE_DONE) {
            return result;
        }
        switch (instruction_decode(fetched->bytes, fetched->count, emulator->size,
                                   &emulator->instruction)) {
        case DECODE_OK:
            return EMULATE_DONE;
        case DECODE_TRUNCATED:
            if (fetched->count < most) {
                break;
            }
            return emulator_fault(emulator, VECTOR_GP, 0); // the segment ends in the instruction
        case DECODE_TOO_LONG:
            return emulator_fault(emulator, VECTOR_GP, 0);
        case DECODE_UNDEFINED:
            return emulator_fault(emulator, VECTOR_UD, 0);
        default:
            return refuse_bytes(emulator, fetched);
        }
    }
}

// Fetches and decodes the instruction at CS:RIP into `emulator`.
static enum emulate_result fetch(struct emulator *emulator, struct fetched *fetched)
{
    struct segment code;
    unsigned most = INSTRUCTION_BYTES_MAX;
    fetched->count = 0;
    begin(emulator, &code);
    if (emulator->size == CODE_64) {
        return fetch_and_decode(emulator, gva(emulator->rip), most, fetched);
    }
    if (emulator->rip > code.limit) {
        return emulator_fault(emulator, VECTOR_GP, 0);
    }
    most = (unsigned)MIN(most, (uint64_t)code.limit - emulator->rip + 1);
    return fetch_and_decode(emulator, gva((code.base + emulator->rip) & UINT32_MAX), most, fetched);
}

static enum emulate_result execute(struct emulator *emulator, const struct fetched *fetched)
{
    emulator->out->length = emulator->instruction.length;
    if (emulator->instruction.operation == OPERATION_MOV_CONTROL) {
        // It loads PAE's PDPTEs. Outside RAM they read as all ones, with reserved bits set (SDM
        // Vol. 3A 4.4.1).
        return emulator_fault(emulator, VECTOR_GP, 0);
    }
    if (!emulator->instruction.has_memory || emulator->instruction.operation >= OPERATION_INS) {
        return refuse_bytes(emulator, fetched);
    }
    return emulator->instruction.operation >= OPERATION_MOVS ? emulator_execute_string(emulator)
                                                             : emulator_execute(emulator);
}

enum emulate_result emulate_memory_access(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                          const struct guest_memory *memory,
                                          struct emulator_bus *mmio, const struct exit_memory *exit,
                                          struct emulator_cache *cache, struct emulation *emulation)
{
    struct emulator emulator = {
        .vcpu = vcpu, .ops = ops, .memory = memory, .mmio = mmio, .exit = exit, .out = emulation};
    struct fetched fetched;
    enum emulate_result result = fetch(&emulator, &fetched);
    if (result == EMULATE_DONE) {
        result = execute(&emulator, &fetched);
    }
    if (result == EMULATE_DONE && exit && cache) {
        emulator_remember_move(&emulator, fetched.bytes, cache);
    }
    return result;
}

// The guest may use the port only as the exit says, whatever is in memory now.
static bool is_string_io(const struct instruction *instruction, const struct exit_io *exit)
{
    return instruction->operation == (exit->in ? OPERATION_INS : OPERATION_OUTS) &&
           emulator_port_width(instruction) == exit->width;
}

enum emulate_result emulate_string_io(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                      const struct guest_memory *memory, struct emulator_bus *mmio,
                                      const struct exit_io *exit, struct emulator_ports *ports,
                                      struct emulation *emulation)
{
    struct emulator emulator = {.vcpu = vcpu,
                                .ops = ops,
                                .memory = memory,
                                .mmio = mmio,
                                .ports = ports,
                                .port = exit->port,
                                .out = emulation};
    struct fetched fetched;
    enum emulate_result result = fetch(&emulator, &fetched);
    if (result == EMULATE_FAULT) {
        return result;
    }
    if (result != EMULATE_DONE || !is_string_io(&emulator.instruction, exit)) {
        return EMULATE_AGAIN;
    }
    emulation->length = emulator.instruction.length;
    return emulator_execute_string(&emulator);
}

enum emulate_result emulate_status_word(struct vcpu_core *vcpu, const struct vcpu_ops *ops,
                                        const struct guest_memory *memory,
                                        struct emulator_bus *mmio, struct emulation *emulation)
{
    struct emulator emulator = {
        .vcpu = vcpu, .ops = ops, .memory = memory, .mmio = mmio, .out = emulation};
    const struct instruction *instruction = &emulator.instruction;
    struct fetched fetched;
    enum emulate_result result = fetch(&emulator, &fetched);
    if (result == EMULATE_FAULT) {
        return result;
    }
    if (result != EMULATE_DONE || instruction->operation < OPERATION_SMSW ||
        instruction->operation > OPERATION_CLTS) {
        return EMULATE_AGAIN;
    }
    emulation->length = instruction->length;
    return emulator_execute(&emulator);
}
