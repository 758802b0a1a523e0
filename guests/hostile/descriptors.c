// SPDX-License-Identifier: MIT
// Attempts with descriptor tables, gates, task switches and returns.
#include "guests/lib/descriptors.h"

#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/cpu.h"

#define GATE_VECTOR 0x60
#define TASK_GATE 0x85
#define INTERRUPT_GATE_16 0x86
#define NOT_PRESENT_GATE 0x0e
#define CALL_GATE_32 0x8c
#define LDT_DESCRIPTOR_NOT_LDT SELECTOR_CODE

// The table ends behind the descriptors of code and data, which the handler of the fault needs.
static enum outcome load_beyond_gdt(void)
{
    const struct descriptor_table two = {.limit = SELECTOR_DATA + 7,
                                         .base = (uint64_t)(uintptr_t)descriptors_gdt()};
    __asm__ volatile("lgdt %0\n\t"
                     "mov %1, %%eax\n\t"
                     "mov %%eax, %%es" ::"m"(two),
                     "i"(SELECTOR_USER_DATA)
                     : "rax", "memory");
    return OUTCOME_DONE;
}

static enum outcome lgdt_noncanonical(void)
{
    const struct descriptor_table table = {.limit = 0xffff, .base = NONCANONICAL_ADDRESS};
    __asm__ volatile("lgdt %0" ::"m"(table) : "memory");
    return OUTCOME_DONE;
}

static enum outcome lidt_noncanonical(void)
{
    const struct descriptor_table table = {.limit = 0xffff, .base = NONCANONICAL_ADDRESS};
    __asm__ volatile("lidt %0" ::"m"(table) : "memory");
    return OUTCOME_DONE;
}

static enum outcome ltr_busy(void)
{
    __asm__ volatile("ltr %w0" ::"r"(SELECTOR_TSS) : "memory");
    return OUTCOME_DONE;
}

static enum outcome ltr_null(void)
{
    __asm__ volatile("ltr %w0" ::"r"(0) : "memory");
    return OUTCOME_DONE;
}

static enum outcome lldt_code(void)
{
    __asm__ volatile("lldt %w0" ::"r"(LDT_DESCRIPTOR_NOT_LDT) : "memory");
    return OUTCOME_DONE;
}

TRIED_INSTRUCTION(interrupt_60, "int $0x60")

// Executes INT through a gate with these attributes.
static enum outcome through_gate(uint8_t attributes, uint16_t selector)
{
    struct idt_gate *gate = &descriptors_idt()[GATE_VECTOR];
    const struct idt_gate kept = *gate;
    gate->attributes = attributes;
    gate->selector = selector;
    const struct descriptor_table idtr = {.limit = IDT_VECTORS * sizeof(*gate) - 1,
                                          .base = (uint64_t)(uintptr_t)descriptors_idt()};
    __asm__ volatile("lidt %0" ::"m"(idtr) : "memory");
    const enum outcome outcome = attempt_fault(interrupt_60, NULL);
    *gate = kept;
    return outcome;
}

static enum outcome task_gate(void)
{
    return through_gate(TASK_GATE, SELECTOR_TSS);
}

static enum outcome gate_not_present(void)
{
    return through_gate(NOT_PRESENT_GATE, SELECTOR_CODE);
}

static enum outcome gate_16(void)
{
    return through_gate(INTERRUPT_GATE_16, SELECTOR_CODE);
}

static enum outcome gate_to_32_bits(void)
{
    return through_gate(GATE_INTERRUPT, SELECTOR_CODE_32);
}

static enum outcome far_jump(uint16_t selector)
{
    const struct PACKED {
        uint32_t offset;
        uint16_t selector;
    } target = {.offset = 0, .selector = selector};
    __asm__ volatile("ljmpl *%0" ::"m"(target) : "memory");
    return OUTCOME_DONE;
}

static enum outcome jump_to_tss(void)
{
    return far_jump(SELECTOR_TSS);
}

// The upper half of a 64-bit call gate must have type 0 (SDM Vol. 3A 5.8.3.1).
static enum outcome jump_to_broken_gate(void)
{
    uint64_t *gdt = descriptors_gdt();
    gdt[SELECTOR_SPARE / 8] = (uint64_t)CALL_GATE_32 << 40 | SELECTOR_CODE << 16;
    gdt[SELECTOR_SPARE / 8 + 1] = UINT64_MAX;
    return far_jump(SELECTOR_SPARE);
}

ATTEMPT_INSTRUCTION(iret_noncanonical, "mov %%rsp, %%rax\n\t"
                                       "push $0x10\n\t"
                                       "push %%rax\n\t"
                                       "push $2\n\t"
                                       "push $8\n\t"
                                       "mov $0x8000000000000000, %%rbx\n\t"
                                       "push %%rbx\n\t"
                                       "iretq")
ATTEMPT_INSTRUCTION(iret_to_task, "mov %%rsp, %%rax\n\t"
                                  "push $0x10\n\t"
                                  "push %%rax\n\t"
                                  "push $0x4002\n\t" // NT
                                  "popfq\n\t"
                                  "iretq")
// In 64-bit mode Intel refuses a null SS with RPL 3 (SDM Vol. 2B, MOV). AMD refuses it only at CPL
// 3 (APM Vol. 3, MOV).
ATTEMPT_INSTRUCTION(load_null_ss, "push $3\n\tpop %%rax\n\tmov %%eax, %%ss")
ATTEMPT_INSTRUCTION(noncanonical_stack, "mov %%rsp, %%rbx\n\t"
                                        "mov $0x8000000000000000, %%rsp\n\t"
                                        "push %%rax")

// CVE-2012-0217: the processor may raise the fault before or after it changes the privilege level.
// That decides on the stack of the handler.
static enum outcome sysret_noncanonical(void)
{
    msr_write(IA32_EFER, (msr_read(IA32_EFER) & ~EFER_LMA) | EFER_SCE);
    msr_write(IA32_STAR, (uint64_t)(SELECTOR_DATA) << 48 | (uint64_t)SELECTOR_CODE << 32);
    __asm__ volatile("mov %0, %%rcx\n\t"
                     "mov $2, %%r11d\n\t"
                     "sysretq" ::"r"(NONCANONICAL_ADDRESS)
                     : "rcx", "r11", "memory");
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"load a segment from beyond the GDT", load_beyond_gdt, FAULT(GP)},
    {"LGDT of a non-canonical base", lgdt_noncanonical, FAULT(GP)},
    {"LIDT of a non-canonical base", lidt_noncanonical, FAULT(GP)},
    {"LTR of a busy TSS", ltr_busy, FAULT(GP)},
    {"LTR of nothing", ltr_null, FAULT(GP)},
    {"LLDT of a code segment", lldt_code, FAULT(GP)},
    {"INT through a task gate", task_gate, FAULT(GP)},
    {"INT through a gate that is not present", gate_not_present, FAULT(NP)},
    {"INT through a 16-bit gate", gate_16, FAULT(GP)},
    {"INT to a 32-bit segment", gate_to_32_bits, FAULT(GP)},
    {"far jump to a TSS", jump_to_tss, FAULT(GP)},
    {"far jump to a broken call gate", jump_to_broken_gate, FAULT(GP)},
    {"IRET to a non-canonical address", iret_noncanonical, FAULT(GP)},
    {"IRET with the NT flag", iret_to_task, FAULT(GP)},
    {"a null stack segment of another level", load_null_ss, FAULT(GP) | DONE},
    {"a non-canonical stack: #SS, then #DF", noncanonical_stack, FAULT(DF)},
    {"SYSRET to a non-canonical address", sysret_noncanonical, FAULT(GP)},
};

const struct attempt_group descriptors_group = {attempts, ARRAY_SIZE(attempts)};
