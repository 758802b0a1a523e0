// SPDX-License-Identifier: MIT
// The x2APIC's MSRs one by one, and IA32_APIC_BASE in every transition and place (SDM Vol.
// 3A 10.12).
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"

#define X2APIC_FIRST 0x800U
#define X2APIC_LAST 0x8ffU
#define MSR_EOI 0x80bU
#define MSR_ICR 0x830U
#define MSR_SELF_IPI 0x83fU
#define READ BIT(0)
#define WRITE BIT(1)
#define LVT_STATUS 0x1000ULL
#define LVT_REMOTE_IRR 0x4000ULL
#define BASE_FIRST_ADDRESS_BIT 12
#define NOBODY UINT32_MAX
#define QUIET_BITS (APIC_LVT_MASKED | APIC_SVR_ENABLE)

struct msr_rule {
    uint16_t first;
    uint16_t last;
    uint8_t access;
    uint64_t bits;    // the bits that may be set
    uint64_t ignored; // read-only bits, whose writes do not fault
};

// SDM Vol. 3A table 10-6. EOI and ESR take only 0. CMCI (0x82f) exists if the version register
// tells of six entries.
static const struct msr_rule msr_rules[] = {
    {0x802, 0x803, READ, 0, 0},
    {0x808, 0x808, READ | WRITE, 0xff, 0},
    {0x80a, 0x80a, READ, 0, 0},
    {MSR_EOI, MSR_EOI, WRITE, 0, 0},
    {0x80d, 0x80d, READ, 0, 0},
    {0x80f, 0x80f, READ | WRITE, 0x1ff, 0x1000},
    {0x810, 0x827, READ, 0, 0},
    {0x828, 0x828, READ | WRITE, 0, 0},
    {MSR_ICR, MSR_ICR, READ | WRITE, 0xffffffff000ccfff, LVT_STATUS},
    {0x832, 0x832, READ | WRITE, 0x700ff, LVT_STATUS},
    {0x833, 0x834, READ | WRITE, 0x107ff, LVT_STATUS},
    {0x835, 0x836, READ | WRITE, 0x1a7ff, LVT_STATUS | LVT_REMOTE_IRR},
    {0x837, 0x837, READ | WRITE, 0x100ff, LVT_STATUS},
    {0x838, 0x838, READ | WRITE, 0xffffffff, 0},
    {0x839, 0x839, READ, 0, 0},
    {0x83e, 0x83e, READ | WRITE, 0xb, 0},
    {MSR_SELF_IPI, MSR_SELF_IPI, WRITE, 0xff, 0},
};

// These return true if the access went through, false for #GP. No other outcome is possible.
static bool try_read(uint32_t msr)
{
    uint64_t value;
    return attempt_read_msr(msr, &value) == OUTCOME_DONE;
}

static bool try_write(uint32_t msr, uint64_t value)
{
    return attempt_write_msr(msr, value) == OUTCOME_DONE;
}

static const struct msr_rule *rule_of(uint32_t msr)
{
    static const struct msr_rule none = {0, 0, 0, 0, 0};
    for (unsigned i = 0; i < ARRAY_SIZE(msr_rules); i++) {
        if (msr >= msr_rules[i].first && msr <= msr_rules[i].last) {
            return &msr_rules[i];
        }
    }
    return &none;
}

static enum outcome msr_accesses(void)
{
    if (!apic_has_x2apic()) {
        return OUTCOME_DONE;
    }
    apic_set_mode(APIC_MODE_X2APIC);
    for (uint32_t msr = X2APIC_FIRST; msr <= X2APIC_LAST; msr++) {
        const uint8_t access = rule_of(msr)->access;
        if (try_read(msr) != ((access & READ) != 0)) {
            return attempt_wrong("read of MSR", msr);
        }
        if (try_write(msr, 0) != ((access & WRITE) != 0)) {
            return attempt_wrong("write of MSR", msr);
        }
    }
    return OUTCOME_DONE;
}

// Writes each bit alone: it must be kept if it may be set, else fault. The bits that may be set in
// the ICR are left out, because they include an INIT.
static enum outcome try_msr_bits(const struct msr_rule *rule, uint32_t msr)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        const bool legal = (rule->bits & BIT(bit)) != 0;
        if ((rule->ignored & BIT(bit)) != 0 || (legal && msr == MSR_ICR)) {
            continue;
        }
        if (try_write(msr, BIT(bit)) != legal) {
            return attempt_wrong("MSR and bit", (uint64_t)msr << 8 | bit);
        }
        if (legal && (rule->access & READ) != 0 && msr_read(msr) != BIT(bit)) {
            return attempt_wrong("not kept: MSR and bit", (uint64_t)msr << 8 | bit);
        }
    }
    if (msr != MSR_ICR) {
        msr_write(msr, rule->bits & QUIET_BITS);
    }
    return OUTCOME_DONE;
}

static enum outcome msr_bits(void)
{
    if (!apic_has_x2apic()) {
        return OUTCOME_DONE;
    }
    apic_set_mode(APIC_MODE_X2APIC);
    for (uint32_t msr = X2APIC_FIRST; msr <= MSR_SELF_IPI; msr++) {
        const struct msr_rule *rule = rule_of(msr);
        if ((rule->access & WRITE) != 0 && try_msr_bits(rule, msr) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome msrs_in_mode(enum apic_mode mode)
{
    apic_set_mode(mode);
    for (uint32_t msr = X2APIC_FIRST; msr <= X2APIC_LAST; msr++) {
        if (try_read(msr) || try_write(msr, 0)) {
            return attempt_wrong("there is MSR", msr);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome msrs_in_xapic_mode(void)
{
    return msrs_in_mode(APIC_MODE_XAPIC);
}

static enum outcome msrs_without_apic(void)
{
    return msrs_in_mode(APIC_MODE_OFF);
}

static uint32_t version_at(uint64_t base)
{
    return *(volatile uint32_t *)(uintptr_t)(base + APIC_VERSION);
}

// Whether the APIC answers as its mode demands, and in no other way.
static bool answers_as(enum apic_mode mode)
{
    const bool in_memory = version_at(APIC_DEFAULT_ADDRESS) != NOBODY;
    const bool as_msr = try_read(APIC_X2APIC_MSR(APIC_VERSION));
    return in_memory == (mode == APIC_MODE_XAPIC) && as_msr == (mode == APIC_MODE_X2APIC);
}

// Bits 11 and 10 of the base, by the mode. x2APIC mode without the enable bit is not a mode.
#define WITHOUT_ENABLE 3U
static const uint64_t mode_bits[] = {
    [APIC_MODE_OFF] = 0,
    [APIC_MODE_XAPIC] = APIC_BASE_ENABLE,
    [APIC_MODE_X2APIC] = APIC_BASE_ENABLE | APIC_BASE_X2APIC,
    [WITHOUT_ENABLE] = APIC_BASE_X2APIC,
};

static enum outcome try_transition(unsigned from, unsigned to)
{
    static const bool legal[3][4] = {
        [APIC_MODE_OFF] = {true, true, false, false},
        [APIC_MODE_XAPIC] = {true, true, true, false},
        [APIC_MODE_X2APIC] = {true, false, true, false},
    };
    apic_set_mode((enum apic_mode)from);
    const uint64_t before = msr_read(IA32_APIC_BASE);
    const uint64_t value = (before & ~mode_bits[APIC_MODE_X2APIC]) | mode_bits[to];
    const bool done = try_write(IA32_APIC_BASE, value);
    const enum apic_mode mode = (enum apic_mode)(legal[from][to] ? to : from);
    if (done != legal[from][to] || msr_read(IA32_APIC_BASE) != (done ? value : before) ||
        !answers_as(mode)) {
        return attempt_wrong("from and to mode", from << 4 | to);
    }
    return OUTCOME_DONE;
}

static enum outcome transitions(void)
{
    for (unsigned from = 0; from < 3 && apic_has_x2apic(); from++) {
        for (unsigned to = 0; to < 4; to++) {
            if (try_transition(from, to) == OUTCOME_WRONG) {
                return OUTCOME_WRONG;
            }
        }
    }
    return OUTCOME_DONE;
}

static enum outcome base_reserved_bits(void)
{
    const uint64_t before = msr_read(IA32_APIC_BASE);
    for (unsigned bit = 0; bit < 64; bit++) {
        const bool address = bit >= BASE_FIRST_ADDRESS_BIT && bit < machine_physical_bits();
        const bool defined = (BIT(bit) & (APIC_BASE_BSP | mode_bits[APIC_MODE_X2APIC])) != 0;
        if (address || defined) {
            continue;
        }
        if (try_write(IA32_APIC_BASE, before | BIT(bit)) || msr_read(IA32_APIC_BASE) != before ||
            !answers_as(APIC_MODE_XAPIC)) {
            return attempt_wrong("bit", bit);
        }
    }
    return OUTCOME_DONE;
}

// Moves the page to `to`: the registers must be there, and nothing at the old address.
static enum outcome move(uint64_t to)
{
    const uint64_t before = msr_read(IA32_APIC_BASE);
    const uint32_t version = version_at(APIC_DEFAULT_ADDRESS);
    const uint64_t value = to | (before & (PAGE_SIZE - 1));
    if (!try_write(IA32_APIC_BASE, value) || msr_read(IA32_APIC_BASE) != value) {
        return attempt_wrong("refused", to);
    }
    const uint64_t page = probe_map(to, PAGE_WRITABLE);
    const bool there = version_at(page) == version;
    *(volatile uint32_t *)(uintptr_t)(page + APIC_TPR) = 0x70;
    const uint64_t priority = cr8_read();
    const bool gone = version_at(APIC_DEFAULT_ADDRESS) == NOBODY;
    msr_write(IA32_APIC_BASE, before);
    if (!there || priority != 7 || !gone || xapic_read(APIC_TPR) != 0x70) {
        return attempt_wrong("not moved to", to);
    }
    return OUTCOME_DONE;
}

// Moves the page to addresses where nothing is, over other chips, and to the ends of the address
// space.
static enum outcome moves(void)
{
    const uint64_t top = BIT(machine_physical_bits());
    const uint64_t places[] = {
        4 * GIB,    0xfec00000, 0xfed00000, 0xa0000,         0xfee01000,
        0xfffff000, 3 * GIB,    top / 2,    top - PAGE_SIZE,
    };
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        if (move(places[i]) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

// The base of an APIC that is off can move too. The new base counts when the APIC is switched on.
static enum outcome move_while_off(void)
{
    const uint64_t before = msr_read(IA32_APIC_BASE);
    const uint64_t moved = (before & ~APIC_DEFAULT_ADDRESS) | 4 * GIB;
    const uint64_t page = probe_map(4 * GIB, PAGE_WRITABLE);
    msr_write(IA32_APIC_BASE, before & ~APIC_BASE_ENABLE);
    msr_write(IA32_APIC_BASE, moved & ~APIC_BASE_ENABLE);
    const bool silent = version_at(page) == NOBODY && version_at(APIC_DEFAULT_ADDRESS) == NOBODY;
    msr_write(IA32_APIC_BASE, moved);
    const bool there = version_at(page) != NOBODY;
    msr_write(IA32_APIC_BASE, before & ~APIC_BASE_ENABLE);
    msr_write(IA32_APIC_BASE, before);
    if (!silent || !there) {
        return attempt_wrong(silent ? "not there" : "not silent", 0);
    }
    return answers_as(APIC_MODE_XAPIC) ? OUTCOME_DONE : attempt_wrong("not back", 0);
}

static const struct attempt attempts[] = {
    {"every MSR of the x2APIC", msr_accesses, DONE},
    {"each bit of the x2APIC's MSRs", msr_bits, DONE},
    {"the x2APIC's MSRs in xAPIC mode", msrs_in_xapic_mode, DONE},
    {"the x2APIC's MSRs without an APIC", msrs_without_apic, DONE},
    {"from each mode of the APIC to each", transitions, DONE},
    {"each reserved bit of IA32_APIC_BASE", base_reserved_bits, DONE},
    {"the APIC's page at odd places", moves, DONE},
    {"the APIC's page moved while it is off", move_while_off, DONE},
};

const struct attempt_group apic_modes_group = {attempts, ARRAY_SIZE(attempts)};
