// SPDX-License-Identifier: MIT
// Every register of the local APIC in every width, at every place, with every bit (SDM Vol.
// 3A 10.4).
#include "guests/hostile/access.h"
#include "guests/hostile/groups.h"
#include "guests/lib/apic.h"

#define REGISTER_STRIDE 16U
#define REGISTER_BYTES 4U
#define ID_BITS 0xff000000U
#define LVT_ERROR_BITS 0x100ffU
#define LVT_TIMER_BITS 0x700ffU
#define LVT_SENSOR_BITS 0x107ffU
#define LVT_PIN_BITS 0x1a7ffU
#define VERSION_EOI_SUPPRESSION BIT(24)
#define SVR_BITS 0x1ffU
#define SVR_EOI_SUPPRESSION BIT(12)
#define ESR_ILLEGAL_REGISTER BIT(7)

// Which bits of a written value a register keeps. The other bits read as `fixed`.
struct rule {
    uint16_t offset;
    uint32_t kept;
    uint32_t fixed;
};

// The registers, without those whose writes have an effect: EOI, ESR, ICR and SVR.
static const struct rule rules[] = {
    {APIC_TPR, 0xff, 0},
    {APIC_LDR, ID_BITS, 0},
    {APIC_DFR, 0xf0000000U, 0x0fffffffU},
    {APIC_ICR_HIGH, ID_BITS, 0},
    {APIC_LVT_TIMER, LVT_TIMER_BITS, 0},
    {APIC_LVT_THERMAL, LVT_SENSOR_BITS, 0},
    {APIC_LVT_PERFORMANCE, LVT_SENSOR_BITS, 0},
    {APIC_LVT_LINT0, LVT_PIN_BITS, 0},
    {APIC_LVT_LINT1, LVT_PIN_BITS, 0},
    {APIC_LVT_ERROR, LVT_ERROR_BITS, 0},
    {APIC_TIMER_INITIAL, UINT32_MAX, 0},
    {APIC_TIMER_DIVIDE, 0xb, 0},
};

// Registers that ignore writes. Of ISR, TMR and IRR only the first and the last.
static const uint16_t read_only[] = {APIC_ID,  APIC_VERSION,    APIC_APR,          APIC_PPR,
                                     APIC_ISR, APIC_ISR + 0x70, APIC_TMR,          APIC_TMR + 0x70,
                                     APIC_IRR, APIC_IRR + 0x70, APIC_TIMER_CURRENT};

static const uint16_t reserved[] = {0x000, 0x010, 0x040, 0x050, 0x060, 0x070, 0x290, 0x2a0, 0x2b0,
                                    0x2c0, 0x2d0, 0x2e0, 0x3a0, 0x3b0, 0x3c0, 0x3d0, 0x3f0};

// The part of a register that an access sees. The register has 4 of the 16 bytes, the others read
// as 0. An access does not see the next register, and behind the page there is nothing.
static uint64_t part_of(uint32_t value, unsigned offset, unsigned width)
{
    const unsigned byte = offset % REGISTER_STRIDE;
    const uint64_t part = byte < REGISTER_BYTES ? value >> (8 * byte) & access_ones(width) : 0;
    const unsigned inside = (unsigned)MIN(width, PAGE_SIZE - offset);
    return part | (access_ones(width) & ~access_ones(inside));
}

static enum outcome reads_of_all_widths(void)
{
    for (unsigned offset = 0; offset < PAGE_SIZE; offset++) {
        const uint32_t whole = xapic_read(offset / REGISTER_STRIDE * REGISTER_STRIDE);
        for (unsigned width = 1; width <= 8; width *= 2) {
            if (access_read(APIC_DEFAULT_ADDRESS + offset, width) !=
                part_of(whole, offset, width)) {
                return attempt_wrong("offset and width", offset << 4 | width);
            }
        }
    }
    return OUTCOME_DONE;
}

// Whether a write that is not 32 bits wide and aligned may have this result. The manual leaves it
// open: either the write is ignored, or it writes the bytes that the register has.
static bool may_be(uint32_t before, uint32_t full, unsigned byte, unsigned width, uint32_t seen)
{
    const uint32_t mask = byte < REGISTER_BYTES ? (uint32_t)(access_ones(width) << (8 * byte)) : 0;
    const uint32_t merged = (before & ~mask) | (full & mask);
    const bool must = byte == 0 && width >= REGISTER_BYTES;
    return seen == merged || (!must && seen == before);
}

static enum outcome write_all_widths(const struct rule *rule)
{
    const uint32_t initial = rule->kept & APIC_LVT_MASKED;
    xapic_write(rule->offset, UINT32_MAX);
    const uint32_t full = xapic_read(rule->offset);
    for (unsigned byte = 0; byte < REGISTER_STRIDE; byte++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            xapic_write(rule->offset, initial);
            const uint32_t before = xapic_read(rule->offset);
            access_write(APIC_DEFAULT_ADDRESS + rule->offset + byte, width, UINT64_MAX);
            const uint32_t seen = xapic_read(rule->offset);
            if (!may_be(before, full, byte, width, seen)) {
                return attempt_wrong("offset, width and value",
                                     (uint64_t)(rule->offset + byte) << 36 | (uint64_t)width << 32 |
                                         seen);
            }
        }
    }
    xapic_write(rule->offset, initial);
    return OUTCOME_DONE;
}

static enum outcome writes_of_all_widths(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (write_all_widths(&rules[i]) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

// Tries each bit alone, then all bits.
static enum outcome try_bits(const struct rule *rule)
{
    for (unsigned bit = 0; bit <= 32; bit++) {
        const uint32_t value = bit == 32 ? UINT32_MAX : (uint32_t)BIT(bit);
        xapic_write(rule->offset, value);
        if (xapic_read(rule->offset) != ((value & rule->kept) | rule->fixed)) {
            return attempt_wrong("offset and bit", (uint64_t)rule->offset << 8 | bit);
        }
    }
    xapic_write(rule->offset, rule->kept & APIC_LVT_MASKED);
    return OUTCOME_DONE;
}

static enum outcome bits(void)
{
    const bool suppresses = (xapic_read(APIC_VERSION) & VERSION_EOI_SUPPRESSION) != 0;
    const struct rule svr = {APIC_SVR, SVR_BITS | (suppresses ? (uint32_t)SVR_EOI_SUPPRESSION : 0),
                             0};
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (try_bits(&rules[i]) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return try_bits(&svr); // last: it masks the local vector table
}

static enum outcome read_only_bits(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
        const uint32_t before = xapic_read(read_only[i]);
        for (unsigned bit = 0; bit <= 32; bit++) {
            xapic_write(read_only[i], bit == 32 ? UINT32_MAX : (uint32_t)BIT(bit));
        }
        if (xapic_read(read_only[i]) != before) {
            return attempt_wrong("offset", read_only[i]);
        }
    }
    return OUTCOME_DONE;
}

static uint32_t errors(void)
{
    xapic_write(APIC_ESR, 0);
    return xapic_read(APIC_ESR);
}

// Reading or writing a register that does not exist is an error, which ESR shows once.
static enum outcome reserved_registers(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
        errors();
        (void)xapic_read(reserved[i]);
        if (errors() != ESR_ILLEGAL_REGISTER) {
            return attempt_wrong("no error of a read of", reserved[i]);
        }
        xapic_write(reserved[i], 0);
        if (errors() != ESR_ILLEGAL_REGISTER || errors() != 0) {
            return attempt_wrong("no error of a write of", reserved[i]);
        }
    }
    return OUTCOME_DONE;
}

// While the APIC is disabled by software, the local vector table stays masked and fixed interrupts
// are not accepted.
static enum outcome software_disabled(void)
{
    xapic_write(APIC_SVR, APIC_SPURIOUS_VECTOR);
    for (unsigned offset = APIC_LVT_TIMER; offset <= APIC_LVT_ERROR; offset += REGISTER_STRIDE) {
        xapic_write(offset, 0x40);
        if (xapic_read(offset) != (APIC_LVT_MASKED | 0x40)) {
            return attempt_wrong("not masked", offset);
        }
    }
    xapic_write(APIC_ICR, APIC_ICR_SELF | APIC_ICR_ASSERT | 0x40);
    for (unsigned offset = APIC_IRR; offset < APIC_ESR; offset += REGISTER_STRIDE) {
        if (xapic_read(offset) != 0) {
            return attempt_wrong("IRR", offset);
        }
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"the APIC's page read in all widths at all places", reads_of_all_widths, DONE},
    {"its registers written in all widths at all places", writes_of_all_widths, DONE},
    {"each bit of its registers", bits, DONE},
    {"each bit of its read-only registers", read_only_bits, DONE},
    {"APIC registers that do not exist", reserved_registers, DONE},
    {"the APIC disabled by software", software_disabled, DONE},
};

const struct attempt_group apic_registers_group = {attempts, ARRAY_SIZE(attempts)};
