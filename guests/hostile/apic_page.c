// SPDX-License-Identifier: MIT
// Every kind of instruction on the page of the local APIC. A hypervisor may have to decode them.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"

#define TPR (APIC_DEFAULT_ADDRESS + APIC_TPR)
#define VERSION (APIC_DEFAULT_ADDRESS + APIC_VERSION)
#define PAGE_END (APIC_DEFAULT_ADDRESS + PAGE_SIZE)
#define COPY_BYTES 1024

static uint8_t copy[COPY_BYTES];
static uint64_t frame[ENTRIES_PER_TABLE] __attribute__((aligned(4096)));

// Checks what the TPR holds after an instruction that found 0x10 there.
static enum outcome tpr_becomes(uint32_t expected)
{
    const uint32_t tpr = xapic_read(APIC_TPR);
    return tpr == expected ? OUTCOME_DONE : attempt_wrong("TPR", tpr);
}

// An instruction with the TPR at (%rdi) and a function that checks what it left there.
#define TPR_INSTRUCTION(name, text, expected)                                                      \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        uint64_t address = TPR;                                                                    \
        xapic_write(APIC_TPR, 0x10);                                                               \
        __asm__ volatile(text : "+D"(address)::"rax", "rcx", "rdx", "memory", "cc");               \
        return tpr_becomes(expected);                                                              \
    }

TPR_INSTRUCTION(add, "addl $0x10, (%%rdi)", 0x20)
TPR_INSTRUCTION(locked_or, "lock orl $0x20, (%%rdi)", 0x30)
TPR_INSTRUCTION(and_register, "mov $0xf0, %%eax\n\tand %%eax, (%%rdi)", 0x10)
TPR_INSTRUCTION(subtract, "subl $0x10, (%%rdi)", 0)
TPR_INSTRUCTION(exclusive_or, "xorl $0x30, (%%rdi)", 0x20)
TPR_INSTRUCTION(increment, "lock incl (%%rdi)", 0x11)
TPR_INSTRUCTION(decrement, "decl (%%rdi)", 0x0f)
TPR_INSTRUCTION(complement, "notl (%%rdi)", 0xef)
TPR_INSTRUCTION(exchange, "mov $0x40, %%eax\n\txchg %%eax, (%%rdi)", 0x40)
TPR_INSTRUCTION(exchange_add, "mov $0x40, %%eax\n\tlock xadd %%eax, (%%rdi)", 0x50)
TPR_INSTRUCTION(compare_exchange,
                "mov $0x10, %%eax\n\tmov $0x60, %%ecx\n\tlock cmpxchg %%ecx, (%%rdi)", 0x60)
TPR_INSTRUCTION(compare_exchange_not,
                "mov $0x11, %%eax\n\tmov $0x60, %%ecx\n\tlock cmpxchg %%ecx, (%%rdi)", 0x10)
TPR_INSTRUCTION(bit_set, "lock btsl $5, (%%rdi)", 0x30)
TPR_INSTRUCTION(compare, "cmpl $0x10, (%%rdi)\n\tje 1f\n\tmovl $1, (%%rdi)\n1:", 0x10)
TPR_INSTRUCTION(test_bits, "testl $0x10, (%%rdi)\n\tjnz 1f\n\tmovl $1, (%%rdi)\n1:", 0x10)
TPR_INSTRUCTION(store_string, "mov $0x70, %%eax\n\tstosl", 0x70)
TPR_INSTRUCTION(store_non_temporal, "mov $0x50, %%eax\n\tmovnti %%eax, (%%rdi)", 0x50)
TPR_INSTRUCTION(pop_into, "push $0x20\n\tpopq (%%rdi)", 0x20)
TPR_INSTRUCTION(push_from, "pushq (%%rdi)\n\tpop %%rax\n\tadd $0x20, %%eax\n\tmov %%eax, (%%rdi)",
                0x30)
TPR_INSTRUCTION(indexed, "mov $-4, %%rcx\n\tmovl $0x30, 16(%%rdi, %%rcx, 4)", 0x30)
TPR_INSTRUCTION(segment_prefix, "movl $0x30, %%gs:(%%rdi)", 0x30)
TPR_INSTRUCTION(address_32, "movl $0x30, (%%edi)", 0x30)

// Reads of odd widths and at odd addresses have no defined result, but they must have no other
// effect.
static enum outcome odd_reads(void)
{
    for (unsigned offset = 0; offset < 32; offset++) {
        const uint64_t address = VERSION + offset;
        uint64_t value;
        __asm__ volatile("movb (%1), %b0" : "=r"(value) : "r"(address) : "memory");
        __asm__ volatile("movw (%1), %w0" : "=r"(value) : "r"(address) : "memory");
        __asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address) : "memory");
        __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
    }
    return OUTCOME_DONE;
}

static enum outcome odd_writes(void)
{
    for (unsigned offset = 0; offset < 16; offset++) {
        const uint64_t address = TPR + offset;
        __asm__ volatile("movb $0, (%0)" ::"r"(address) : "memory");
        __asm__ volatile("movw $0, (%0)" ::"r"(address) : "memory");
        __asm__ volatile("movl $0, (%0)" ::"r"(address) : "memory");
        __asm__ volatile("movq $0, (%0)" ::"r"(address) : "memory");
    }
    return OUTCOME_DONE;
}

static enum outcome across_page_end(void)
{
    for (unsigned before = 1; before < 8; before++) {
        const uint64_t address = PAGE_END - before;
        uint64_t value;
        __asm__ volatile("movq (%1), %0\n\tmovq %0, (%1)" : "=&r"(value) : "r"(address) : "memory");
    }
    return OUTCOME_DONE;
}

// One access, half of it in RAM and half of it in the APIC's ID register.
static enum outcome ram_and_apic(void)
{
    uint64_t *table = probe_spare_table();
    table[0] = (uint64_t)(uintptr_t)frame | PAGE_PRESENT | PAGE_WRITABLE;
    table[1] = APIC_DEFAULT_ADDRESS | PAGE_PRESENT | PAGE_WRITABLE;
    probe_directory()[0] = (uint64_t)(uintptr_t)table | PAGE_PRESENT | PAGE_WRITABLE;
    cr3_write(cr3_read());
    frame[ENTRIES_PER_TABLE - 1] = 0x8877665544332211ULL;
    uint64_t value;
    const uint64_t address = PROBE_WINDOW + PAGE_SIZE - 4;
    __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
    if ((uint32_t)value != 0x88776655U) {
        return attempt_wrong("read", value);
    }
    __asm__ volatile("movq %0, (%1)" ::"r"(0ULL), "r"(address) : "memory");
    return frame[ENTRIES_PER_TABLE - 1] == 0x44332211U
               ? OUTCOME_DONE
               : attempt_wrong("written", frame[ENTRIES_PER_TABLE - 1]);
}

static enum outcome copy_from(void)
{
    void *to = copy;
    uint64_t from = APIC_DEFAULT_ADDRESS;
    uint64_t count = COPY_BYTES / 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    uint32_t version;
    __builtin_memcpy(&version, copy + APIC_VERSION, sizeof(version));
    return version == xapic_read(APIC_VERSION) ? OUTCOME_DONE : attempt_wrong("version", version);
}

static enum outcome copy_to(void)
{
    static const uint32_t value = 0x50;
    const void *from = &value;
    uint64_t to = TPR;
    uint64_t count = 1;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return tpr_becomes(value);
}

static enum outcome copy_within(void)
{
    uint64_t from = APIC_DEFAULT_ADDRESS + APIC_VERSION;
    uint64_t to = TPR;
    uint64_t count = 1;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return tpr_becomes(xapic_read(APIC_VERSION) & 0xff);
}

static enum outcome scan_string(void)
{
    uint64_t address = VERSION;
    uint64_t count = 1;
    const uint32_t version = xapic_read(APIC_VERSION);
    bool equal;
    __asm__ volatile("repne scasl\n\tsete %b0"
                     : "=r"(equal), "+D"(address), "+c"(count)
                     : "a"(version)
                     : "memory", "cc");
    return equal ? OUTCOME_DONE : attempt_wrong("count", count);
}

static enum outcome sign_extended(void)
{
    int64_t value;
    xapic_write(APIC_TPR, 0xf0);
    __asm__ volatile("movsbq (%1), %0" : "=r"(value) : "r"(TPR) : "memory");
    return value == -16 ? OUTCOME_DONE : attempt_wrong("read", (uint64_t)value);
}

static const struct attempt attempts[] = {
    {"ADD to the APIC", add, DONE},
    {"LOCK OR", locked_or, DONE},
    {"AND with a register", and_register, DONE},
    {"SUB", subtract, DONE},
    {"XOR", exclusive_or, DONE},
    {"LOCK INC", increment, DONE},
    {"DEC", decrement, DONE},
    {"NOT", complement, DONE},
    {"XCHG", exchange, DONE},
    {"LOCK XADD", exchange_add, DONE},
    {"LOCK CMPXCHG, equal", compare_exchange, DONE},
    {"LOCK CMPXCHG, not equal", compare_exchange_not, DONE},
    {"LOCK BTS", bit_set, DONE},
    {"CMP", compare, DONE},
    {"TEST", test_bits, DONE},
    {"STOS", store_string, DONE},
    {"MOVNTI", store_non_temporal, DONE},
    {"POP into the APIC", pop_into, DONE},
    {"PUSH from the APIC", push_from, DONE},
    {"an indexed address", indexed, DONE},
    {"a segment prefix", segment_prefix, DONE},
    {"a 32-bit address", address_32, DONE},
    {"MOVSX", sign_extended, DONE},
    {"odd reads of the APIC", odd_reads, DONE},
    {"odd writes to the APIC", odd_writes, DONE},
    {"accesses across the end of its page", across_page_end, DONE},
    {"one access to RAM and the APIC", ram_and_apic, DONE},
    {"REP MOVS from the APIC", copy_from, DONE},
    {"REP MOVS to the APIC", copy_to, DONE},
    {"REP MOVS from the APIC to the APIC", copy_within, DONE},
    {"SCAS", scan_string, DONE},
};

const struct attempt_group apic_page_group = {attempts, ARRAY_SIZE(attempts)};
