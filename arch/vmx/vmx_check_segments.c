// SPDX-License-Identifier: MIT
// The checks of the guest's segment registers and descriptor tables (SDM Vol. 3C 27.3.1.2 and
// 27.3.1.3).
#include "arch/vmx/vmx_check_segments.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_check.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define SEGMENTS "27.3.1.2"
#define TABLES "27.3.1.3"

// Access rights as they lie in the VMCS: those of struct segment, and bit 16.
#define RIGHTS_UNUSABLE BIT(16)
#define RIGHTS_RESERVED 0xfffe0f00U // bits 31 to 17, 11 to 8
#define RIGHTS_VIRTUAL_8086 0xf3U
#define LIMIT_VIRTUAL_8086 0xffffU
#define SELECTOR_TI BIT(2)
#define SELECTOR_RPL 3U
#define TYPE_ACCESSED BIT(0)
#define TYPE_READABLE BIT(1)
#define TYPE_CODE BIT(3)
#define TYPE_CONFORMING BIT(2)
#define TYPE_DATA_WRITABLE 3
#define TYPE_LDT 2
#define TYPE_BUSY_TSS_16 3
#define TYPE_BUSY_TSS 11

struct state {
    const struct vmx_limits *limits;
    bool long_mode;
    bool unrestricted;
    bool real_mode;
    bool virtual_8086;
    unsigned ss_dpl;
    unsigned cs_type;
    unsigned cs_rpl;
};

struct one {
    const char *name;
    unsigned number; // enum guest_segment
    uint16_t selector;
    uint32_t limit;
    uint32_t rights;
    uint64_t base;
    bool usable;
    unsigned type;
    unsigned dpl;
};

static struct state read_state(const struct vmx_limits *limits)
{
    uint32_t cs = vmcs_read32(vmcs_guest_access_rights(SEGMENT_CS));
    uint32_t ss = vmcs_read32(vmcs_guest_access_rights(SEGMENT_SS));
    return (struct state){.limits = limits,
                          .long_mode = vmcs_read32(VM_ENTRY_CONTROLS) & ENTRY_CONTROL_IA32E_GUEST,
                          .unrestricted = vmx_secondary_controls() & SECONDARY_UNRESTRICTED_GUEST,
                          .real_mode = !(vmcs_read(GUEST_CR0) & CR0_PE),
                          .virtual_8086 = vmcs_read(GUEST_RFLAGS) & RFLAGS_VM,
                          .ss_dpl = ss >> SEGMENT_DPL_SHIFT & 3,
                          .cs_type = cs & SEGMENT_TYPE_MASK,
                          .cs_rpl = vmcs_read16(vmcs_guest_selector(SEGMENT_CS)) & SELECTOR_RPL};
}

static struct one read_one(unsigned number)
{
    static const char *const names[] = {"guest ES", "guest CS", "guest SS",   "guest DS",
                                        "guest FS", "guest GS", "guest LDTR", "guest TR"};
    uint32_t rights = vmcs_read32(vmcs_guest_access_rights(number));
    return (struct one){.name = names[number],
                        .number = number,
                        .selector = vmcs_read16(vmcs_guest_selector(number)),
                        .limit = vmcs_read32(vmcs_guest_limit(number)),
                        .rights = rights,
                        .base = vmcs_read(vmcs_guest_base(number)),
                        .usable = !(rights & RIGHTS_UNUSABLE),
                        .type = rights & SEGMENT_TYPE_MASK,
                        .dpl = rights >> SEGMENT_DPL_SHIFT & 3};
}

// G says how the limit counts: some limits exist only with it, and some only without it.
static bool is_bad_granularity(const struct one *s)
{
    bool pages = s->rights & SEGMENT_G;
    return ((s->limit & 0xfff) != 0xfff && pages) || (s->limit >> 20 && !pages);
}

// What all descriptors have in common: those of memory have S set.
static bool check_form(const struct one *s, bool memory, struct checked_rule *found)
{
    const struct checked_rule rules[] = {
        {!(s->rights & SEGMENT_S) == memory, SEGMENTS, s->name, s->rights,
         memory ? "its access rights must have S" : "its access rights must not have S"},
        {!(s->rights & SEGMENT_PRESENT), SEGMENTS, s->name, s->rights,
         "its access rights must have P"},
        {s->rights & RIGHTS_RESERVED, SEGMENTS, s->name, s->rights,
         "reserved access rights must be 0"},
        {is_bad_granularity(s), SEGMENTS, s->name, s->limit, "G must fit the limit"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_virtual_8086(const struct one *s, struct checked_rule *found)
{
    const struct checked_rule rules[] = {
        {s->base != (uint64_t)s->selector << 4, SEGMENTS, s->name, s->base,
         "in virtual-8086 mode the base is the selector * 16"},
        {s->limit != LIMIT_VIRTUAL_8086, SEGMENTS, s->name, s->limit,
         "in virtual-8086 mode the limit is ffffH"},
        {s->rights != RIGHTS_VIRTUAL_8086, SEGMENTS, s->name, s->rights,
         "in virtual-8086 mode the access rights are f3H"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_code(const struct state *state, const struct one *cs, struct checked_rule *found)
{
    bool data = cs->type == TYPE_DATA_WRITABLE;
    bool code = (cs->type & (TYPE_CODE | TYPE_ACCESSED)) == (TYPE_CODE | TYPE_ACCESSED);
    bool conforming = code && (cs->type & TYPE_CONFORMING);
    bool both = (cs->rights & SEGMENT_L) && (cs->rights & SEGMENT_DB);
    const struct checked_rule rules[] = {
        {!code && !(data && state->unrestricted), SEGMENTS, cs->name, cs->rights,
         "its type must be accessed code, or 3 in an unrestricted guest"},
        {data && cs->dpl != 0, SEGMENTS, cs->name, cs->rights, "with type 3 its DPL must be 0"},
        {code && !conforming && cs->dpl != state->ss_dpl, SEGMENTS, cs->name, cs->rights,
         "its DPL must be that of SS"},
        {conforming && cs->dpl > state->ss_dpl, SEGMENTS, cs->name, cs->rights,
         "its DPL must not be above that of SS"},
        {state->long_mode && both, SEGMENTS, cs->name, cs->rights,
         "in IA-32e mode it must not have both L and D"},
        {cs->base >> 32, SEGMENTS, cs->name, cs->base, "its base has 32 bits"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found) || check_form(cs, true, found);
}

static bool check_stack(const struct state *state, const struct one *ss, struct checked_rule *found)
{
    unsigned rpl = ss->selector & SELECTOR_RPL;
    bool writable = ss->type == TYPE_DATA_WRITABLE || ss->type == 7;
    bool level_0 = state->cs_type == TYPE_DATA_WRITABLE || state->real_mode;
    const struct checked_rule rules[] = {
        {!state->unrestricted && rpl != state->cs_rpl, SEGMENTS, ss->name, ss->selector,
         "its RPL must be that of CS"},
        {ss->usable && !writable, SEGMENTS, ss->name, ss->rights, "its type must be 3 or 7"},
        {!state->unrestricted && ss->dpl != rpl, SEGMENTS, ss->name, ss->rights,
         "its DPL must be its RPL"},
        {level_0 && ss->dpl != 0, SEGMENTS, ss->name, ss->rights,
         "in real mode, or with type 3 in CS, its DPL must be 0"},
        {ss->usable && ss->base >> 32, SEGMENTS, ss->name, ss->base, "its base has 32 bits"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found) ||
           (ss->usable && check_form(ss, true, found));
}

// ES, DS, FS, GS.
static bool check_data(const struct state *state, const struct one *s, struct checked_rule *found)
{
    bool wide = s->number == SEGMENT_FS || s->number == SEGMENT_GS;
    unsigned rpl = s->selector & SELECTOR_RPL;
    bool unreadable = (s->type & TYPE_CODE) && !(s->type & TYPE_READABLE);
    bool conforming = (s->type & TYPE_CODE) && (s->type & TYPE_CONFORMING);
    const struct checked_rule rules[] = {
        {wide && !vmx_is_canonical(state->limits, s->base), SEGMENTS, s->name, s->base,
         "its base must be canonical"},
        {s->usable && !wide && s->base >> 32, SEGMENTS, s->name, s->base, "its base has 32 bits"},
        {s->usable && !(s->type & TYPE_ACCESSED), SEGMENTS, s->name, s->rights,
         "its type must be accessed"},
        {s->usable && unreadable, SEGMENTS, s->name, s->rights, "code must be readable"},
        {s->usable && !state->unrestricted && !conforming && s->dpl < rpl, SEGMENTS, s->name,
         s->rights, "its DPL must not be below its RPL"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found) ||
           (s->usable && check_form(s, true, found));
}

static bool check_tr(const struct state *state, const struct one *tr, struct checked_rule *found)
{
    bool busy = tr->type == TYPE_BUSY_TSS || (tr->type == TYPE_BUSY_TSS_16 && !state->long_mode);
    const struct checked_rule rules[] = {
        {tr->selector & SELECTOR_TI, SEGMENTS, tr->name, tr->selector, "TI must be 0"},
        {!vmx_is_canonical(state->limits, tr->base), SEGMENTS, tr->name, tr->base,
         "its base must be canonical"},
        {!busy, SEGMENTS, tr->name, tr->rights, "its type must be a busy TSS (in IA-32e mode 11)"},
        {!tr->usable, SEGMENTS, tr->name, tr->rights, "it must be usable"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found) || check_form(tr, false, found);
}

static bool check_ldtr(const struct state *state, const struct one *ldtr,
                       struct checked_rule *found)
{
    const struct checked_rule rules[] = {
        {ldtr->selector & SELECTOR_TI, SEGMENTS, ldtr->name, ldtr->selector, "TI must be 0"},
        {!vmx_is_canonical(state->limits, ldtr->base), SEGMENTS, ldtr->name, ldtr->base,
         "its base must be canonical"},
        {ldtr->type != TYPE_LDT, SEGMENTS, ldtr->name, ldtr->rights, "its type must be 2"},
    };
    return ldtr->usable &&
           (rule_check_first(rules, ARRAY_SIZE(rules), found) || check_form(ldtr, false, found));
}

static bool check_tables(const struct vmx_limits *limits, struct checked_rule *found)
{
    uint64_t gdtr = vmcs_read(vmcs_guest_base(SEGMENT_GDTR));
    uint64_t idtr = vmcs_read(vmcs_guest_base(SEGMENT_IDTR));
    uint32_t gdtr_limit = vmcs_read32(vmcs_guest_limit(SEGMENT_GDTR));
    uint32_t idtr_limit = vmcs_read32(vmcs_guest_limit(SEGMENT_IDTR));
    const struct checked_rule rules[] = {
        {!vmx_is_canonical(limits, gdtr), TABLES, "guest GDTR", gdtr, "its base must be canonical"},
        {!vmx_is_canonical(limits, idtr), TABLES, "guest IDTR", idtr, "its base must be canonical"},
        {gdtr_limit >> 16, TABLES, "guest GDTR", gdtr_limit, "its limit has 16 bits"},
        {idtr_limit >> 16, TABLES, "guest IDTR", idtr_limit, "its limit has 16 bits"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_one(const struct state *state, unsigned number, struct checked_rule *found)
{
    const struct one s = read_one(number);
    switch (number) {
    case SEGMENT_TR:
        return check_tr(state, &s, found);
    case SEGMENT_LDTR:
        return check_ldtr(state, &s, found);
    default:
        break;
    }
    if (state->virtual_8086) {
        return check_virtual_8086(&s, found);
    }
    if (number == SEGMENT_CS) {
        return check_code(state, &s, found);
    }
    return number == SEGMENT_SS ? check_stack(state, &s, found) : check_data(state, &s, found);
}

bool vmx_check_segments(const struct vmx_limits *limits, struct checked_rule *found)
{
    const struct state state = read_state(limits);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_TR; i++) {
        if (check_one(&state, i, found)) {
            return true;
        }
    }
    return check_tables(limits, found);
}
