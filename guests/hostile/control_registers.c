// SPDX-License-Identifier: MIT
// Attempts on CR0, CR3, CR4, CR8 and XCR0.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/cpu.h"

#define CR4_LOWEST_UNDEFINED 25
#define CR0_RESERVED_LOW BIT(6)
#define CR3_RESERVED_BIT 62

static void write_cr0(void *value)
{
    cr0_write(*(const uint64_t *)value);
}

static void write_cr3(void *value)
{
    cr3_write(*(const uint64_t *)value);
}

static void write_cr4(void *value)
{
    cr4_write(*(const uint64_t *)value);
}

static void write_cr8(void *value)
{
    cr8_write(*(const uint64_t *)value);
}

static enum outcome try_cr0(uint64_t value)
{
    return attempt_fault(write_cr0, &value);
}

static enum outcome try_cr4(uint64_t value)
{
    return attempt_fault(write_cr4, &value);
}

static enum outcome cr0_without_pg(void)
{
    return try_cr0(cr0_read() & ~CR0_PG);
}

static enum outcome cr0_without_pe(void)
{
    return try_cr0(cr0_read() & ~CR0_PE);
}

static enum outcome cr0_nw_alone(void)
{
    return try_cr0((cr0_read() | CR0_NW) & ~CR0_CD);
}

static enum outcome cr0_high(void)
{
    return try_cr0(cr0_read() | BIT(32));
}

static enum outcome cr0_reserved_low(void)
{
    const enum outcome outcome = try_cr0(cr0_read() | CR0_RESERVED_LOW);
    return (cr0_read() & CR0_RESERVED_LOW) != 0 ? attempt_wrong("cr0", cr0_read()) : outcome;
}

static enum outcome cr0_without_ne(void)
{
    cr0_write(cr0_read() & ~CR0_NE);
    return (cr0_read() & CR0_NE) == 0 ? OUTCOME_DONE : attempt_wrong("cr0", cr0_read());
}

static enum outcome cr0_without_cache(void)
{
    cr0_write(cr0_read() | CR0_CD | CR0_NW);
    return (cr0_read() & (CR0_CD | CR0_NW)) == (CR0_CD | CR0_NW) ? OUTCOME_DONE
                                                                 : attempt_wrong("cr0", cr0_read());
}

static enum outcome cr4_without_pae(void)
{
    return try_cr4(cr4_read() & ~CR4_PAE);
}

static enum outcome cr4_la57(void)
{
    return try_cr4(cr4_read() ^ CR4_LA57);
}

static enum outcome cr4_vmxe(void)
{
    if ((cr4_read() & CR4_VMXE) != 0) {
        return attempt_wrong("CR4.VMXE shows", cr4_read());
    }
    return try_cr4(cr4_read() | CR4_VMXE);
}

static enum outcome cr4_smxe(void)
{
    return try_cr4(cr4_read() | CR4_SMXE);
}

static enum outcome cr4_undefined(void)
{
    for (unsigned bit = CR4_LOWEST_UNDEFINED; bit < 64; bit++) {
        if (try_cr4(cr4_read() | BIT(bit)) == OUTCOME_DONE) {
            return attempt_wrong("bit", bit);
        }
    }
    return (enum outcome)VECTOR_GP;
}

// Sets each defined bit alone: the bit must be kept, or the write must raise #GP.
static enum outcome cr4_each_bit(void)
{
    const uint64_t before = cr4_read();
    for (unsigned bit = 0; bit < CR4_LOWEST_UNDEFINED; bit++) {
        const uint64_t value = before | BIT(bit);
        const enum outcome outcome = try_cr4(value);
        if (outcome == OUTCOME_DONE ? cr4_read() != value : outcome != (enum outcome)VECTOR_GP) {
            return attempt_wrong("bit", bit);
        }
        cr4_write(before);
    }
    return OUTCOME_DONE;
}

static enum outcome cr3_reserved(void)
{
    uint64_t value = cr3_read() | BIT(CR3_RESERVED_BIT);
    return attempt_fault(write_cr3, &value);
}

static enum outcome cr3_storm(void)
{
    const uint64_t value = cr3_read();
    for (unsigned i = 0; i < 10000; i++) {
        cr3_write(value);
    }
    return OUTCOME_DONE;
}

static enum outcome cr8_too_high(void)
{
    uint64_t value = 16;
    return attempt_fault(write_cr8, &value);
}

static enum outcome cr8_is_tpr(void)
{
    for (uint64_t value = 0; value < 16; value++) {
        cr8_write(value);
        const uint32_t tpr = xapic_read(APIC_TPR);
        if (cr8_read() != value || tpr != value << 4) {
            return attempt_wrong("TPR", tpr);
        }
    }
    return OUTCOME_DONE;
}

ATTEMPT_INSTRUCTION(read_cr1, ".byte 0x0f, 0x20, 0xc8")  // mov rax, cr1
ATTEMPT_INSTRUCTION(write_cr5, ".byte 0x0f, 0x22, 0xe8") // mov cr5, rax
ATTEMPT_INSTRUCTION(write_cr15, ".byte 0x44, 0x0f, 0x22, 0xf8")

static enum outcome lmsw_keeps_pe(void)
{
    __asm__ volatile("lmsw %w0" ::"r"(0) : "memory");
    return (cr0_read() & CR0_PE) != 0 ? OUTCOME_DONE : attempt_wrong("cr0", cr0_read());
}

static enum outcome clts_and_smsw(void)
{
    uint64_t status;
    cr0_write(cr0_read() | CR0_TS);
    __asm__ volatile("clts\n\tsmsw %0" : "=r"(status)::"memory");
    return (status & CR0_TS) == 0 ? OUTCOME_DONE : attempt_wrong("msw", status);
}

struct xcr_value {
    uint32_t number;
    uint64_t value;
};

static void set_xcr(void *argument)
{
    const struct xcr_value *xcr = argument;
    __asm__ volatile("xsetbv" ::"c"(xcr->number), "a"((uint32_t)xcr->value),
                     "d"((uint32_t)(xcr->value >> 32))
                     : "memory");
}

static enum outcome try_xcr(uint32_t number, uint64_t value)
{
    if ((cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE) == 0) {
        return (enum outcome)VECTOR_UD;
    }
    cr4_write(cr4_read() | CR4_OSXSAVE);
    struct xcr_value xcr = {number, value};
    return attempt_fault(set_xcr, &xcr);
}

static enum outcome xsetbv_without_osxsave(void)
{
    struct xcr_value xcr = {0, XCR0_X87};
    return attempt_fault(set_xcr, &xcr);
}

static enum outcome xcr0_none(void)
{
    return try_xcr(0, 0);
}

static enum outcome xcr0_avx_without_sse(void)
{
    return try_xcr(0, XCR0_X87 | XCR0_AVX);
}

static enum outcome xcr0_half_avx512(void)
{
    return try_xcr(0, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK);
}

static enum outcome xcr0_all(void)
{
    return try_xcr(0, UINT64_MAX);
}

static enum outcome xcr1(void)
{
    return try_xcr(1, XCR0_X87);
}

static enum outcome xcr0_back(void)
{
    return try_xcr(0, XCR0_X87);
}

static const struct attempt attempts[] = {
    {"CR0.PG off in 64-bit mode", cr0_without_pg, FAULT(GP)},
    {"CR0.PE off with paging on", cr0_without_pe, FAULT(GP)},
    {"CR0.NW without CR0.CD", cr0_nw_alone, FAULT(GP)},
    {"a high bit of CR0", cr0_high, FAULT(GP)},
    {"a reserved low bit of CR0", cr0_reserved_low, DONE | FAULT(GP)},
    {"CR0.NE off", cr0_without_ne, DONE},
    {"CR0.CD and CR0.NW on", cr0_without_cache, DONE},
    {"LMSW of 0", lmsw_keeps_pe, DONE},
    {"CLTS and SMSW", clts_and_smsw, DONE},
    {"CR4.PAE off in long mode", cr4_without_pae, FAULT(GP)},
    {"CR4.LA57 in long mode", cr4_la57, FAULT(GP)},
    {"CR4.VMXE on", cr4_vmxe, FAULT(GP)},
    {"CR4.SMXE on", cr4_smxe, FAULT(GP)},
    {"undefined bits of CR4", cr4_undefined, FAULT(GP)},
    {"each defined bit of CR4", cr4_each_bit, DONE},
    {"a reserved bit of CR3", cr3_reserved, FAULT(GP)},
    {"CR3 loaded 10000 times", cr3_storm, DONE},
    {"CR8 of 16", cr8_too_high, FAULT(GP)},
    {"CR8 and the APIC's TPR", cr8_is_tpr, DONE},
    {"read CR1", read_cr1, FAULT(UD)},
    {"write CR5", write_cr5, FAULT(UD)},
    {"write CR15", write_cr15, FAULT(UD)},
    {"XSETBV without CR4.OSXSAVE", xsetbv_without_osxsave, FAULT(UD)},
    {"XCR0 without x87", xcr0_none, FAULT(GP) | FAULT(UD)},
    {"XCR0 with AVX but not SSE", xcr0_avx_without_sse, FAULT(GP) | FAULT(UD)},
    {"XCR0 with a part of AVX-512", xcr0_half_avx512, FAULT(GP) | FAULT(UD)},
    {"XCR0 with all bits", xcr0_all, FAULT(GP) | FAULT(UD)},
    {"XCR1", xcr1, FAULT(GP) | FAULT(UD)},
    {"XCR0 with x87 alone", xcr0_back, DONE | FAULT(UD)},
};

const struct attempt_group control_registers_group = {attempts, ARRAY_SIZE(attempts)};
