// SPDX-License-Identifier: MIT
// Shows the way of a guest-linear address: each entry, its rights, and the end.
#include "vmm/debug/walk_text.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/debug/memory_type.h"
#include "vmm/debug/table_walk.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/types.h"

#define FLAGS_BYTES 64
#define ENTRY_USER BIT(2)
#define ENTRY_WRITE BIT(1)
#define ENTRY_NO_EXECUTE BIT(63)
#define ENTRY_KEY_SHIFT 59
#define ENTRY_KEY_MASK 0xfU

struct bit_name {
    uint64_t bit;
    const char *name;
};

// ---- Pieces of text ----

// Writes the names of the bits that are set, each after a space; "" if there is none.
static void name_set_bits(uint64_t value, const struct bit_name *names, unsigned count,
                          char text[FLAGS_BYTES])
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < count && at < FLAGS_BYTES; i++) {
        if (value & names[i].bit) {
            at += format_text(text + at, FLAGS_BYTES - at, " %s", names[i].name);
        }
    }
}

static const char *bytes_text(uint64_t bytes)
{
    switch (bytes) {
    case 4 * KIB:
        return "4 KiB";
    case 2 * MIB:
        return "2 MiB";
    case 4 * MIB:
        return "4 MiB";
    case GIB:
        return "1 GiB";
    default:
        return "an unknown size";
    }
}

// ---- The registers ----

static void show_mode(const struct paging_state *paging, enum table_mode mode,
                      struct line_sink *sink)
{
    static const char *const modes[] = {
        [TABLE_NONE] = "paging is off",      [TABLE_32_BIT] = "32-bit paging",
        [TABLE_PAE] = "PAE paging",          [TABLE_4_LEVELS] = "4-level paging",
        [TABLE_5_LEVELS] = "5-level paging",
    };
    static const struct bit_name names[] = {{CR0_WP, "WP"},     {EFER_NXE, "NXE"},
                                            {CR4_PSE, "PSE"},   {CR4_SMEP, "SMEP"},
                                            {CR4_SMAP, "SMAP"}, {CR4_PKE, "PKE"}};
    uint64_t bits = (paging->cr0 & CR0_WP) | (paging->efer & EFER_NXE) |
                    (paging->cr4 & (CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PKE));
    char flags[FLAGS_BYTES];
    name_set_bits(bits, names, ARRAY_SIZE(names), flags);
    if (mode == TABLE_NONE) {
        line_sink_format(sink, "%s", modes[mode]);
        return;
    }
    line_sink_format(sink, "%s, CR3 0x%llx, ring %u%s%s", modes[mode],
                     (unsigned long long)paging->cr3, paging->cpl, bits ? "; on:" : "", flags);
}

// ---- The entries ----

static void show_nested(const struct nested_way *way, struct line_sink *sink)
{
    static const char *const names[NESTED_STEPS_MAX] = {"PML4E", "PDPTE", "PDE", "PTE"};
    static const struct bit_name rights[] = {
        {ACCESS_READ, "R"}, {ACCESS_WRITE, "W"}, {ACCESS_EXECUTE, "X"}};
    for (unsigned i = 0; i < way->step_count; i++) {
        const struct nested_step *step = &way->steps[i];
        char flags[FLAGS_BYTES];
        name_set_bits(step->access, rights, ARRAY_SIZE(rights), flags);
        line_sink_format(sink, "    nested %-5s at 0x%llx = 0x%llx:%s", names[i],
                         (unsigned long long)step->at.value, (unsigned long long)step->entry,
                         step->access ? flags : " not present");
    }
    if (way->page_bytes) {
        line_sink_format(sink, "    host address 0x%llx, in a page of %s",
                         (unsigned long long)way->hpa.value, bytes_text(way->page_bytes));
    } else {
        line_sink_format(sink, "    the nested table maps nothing there: an access exits");
    }
}

static void show_step(const struct walk_view *view, unsigned index, struct line_sink *sink)
{
    static const struct bit_name names[] = {
        {BIT(0), "P"},   {ENTRY_WRITE, "W"}, {ENTRY_USER, "U"},       {BIT(3), "PWT"},
        {BIT(4), "PCD"}, {BIT(5), "A"},      {ENTRY_NO_EXECUTE, "NX"}};
    // These have a meaning only in the entry that maps the page.
    static const struct bit_name page_names[] = {{BIT(6), "D"}, {BIT(8), "G"}};
    const struct table_walk *walk = &view->walk;
    const struct table_step *step = &walk->steps[index];
    bool last = walk->end == TABLE_MAPPED && index + 1 == walk->step_count;
    char flags[FLAGS_BYTES];
    char more[FLAGS_BYTES];
    name_set_bits(step->entry, names, ARRAY_SIZE(names), flags);
    name_set_bits(last ? step->entry : 0, page_names, ARRAY_SIZE(page_names), more);
    if (step->in_register) {
        line_sink_format(sink, "%-5s %3u in its register = 0x%llx:%s", step->name, step->index,
                         (unsigned long long)step->entry, flags);
        return;
    }
    line_sink_format(sink, "%-5s %3u at 0x%llx = 0x%llx:%s%s", step->name, step->index,
                     (unsigned long long)step->at.value, (unsigned long long)step->entry, flags,
                     more);
    show_nested(&view->ways[index], sink);
}

// ---- The end ----

static void show_rights(const struct walk_view *view, struct line_sink *sink)
{
    static const struct bit_name accesses[] = {
        {ACCESS_READ, "read"}, {ACCESS_WRITE, "write"}, {ACCESS_EXECUTE, "execute"}};
    const struct table_walk *walk = &view->walk;
    const struct table_step *last = &walk->steps[walk->step_count - 1];
    char allowed[FLAGS_BYTES];
    unsigned set = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(accesses); i++) {
        unsigned access = (unsigned)accesses[i].bit;
        set |= guest_walk_allows(&view->paging, walk->every, walk->some, access) ? access : 0;
    }
    name_set_bits(set, accesses, ARRAY_SIZE(accesses), allowed);
    line_sink_format(sink, "rights: %s, %s, %s; ring %u may%s",
                     walk->every & ENTRY_USER ? "user" : "supervisor",
                     walk->every & ENTRY_WRITE ? "writable" : "read-only",
                     walk->some & ENTRY_NO_EXECUTE ? "no code" : "code", view->paging.cpl,
                     set ? allowed : " do nothing");
    if ((view->paging.cr4 & CR4_PKE) && (walk->every & ENTRY_USER) &&
        walk->mode >= TABLE_4_LEVELS) {
        line_sink_format(sink, "    protection key %u: PKRU may forbid more",
                         (unsigned)(last->entry >> ENTRY_KEY_SHIFT) & ENTRY_KEY_MASK);
    }
}

// Without paging the type of the PAT is write-back (SDM Vol. 3C 29.3.7.2).
static void show_memory_type(const struct walk_view *view, struct line_sink *sink)
{
    const struct table_walk *walk = &view->walk;
    const struct nested_way *way = &view->ways[walk->step_count];
    unsigned pat = walk->mode == TABLE_NONE ? MEMORY_TYPE_WRITE_BACK
                                            : memory_type_of_pat(view->pat, walk->pat_index);
    if (!way->page_bytes) {
        return;
    }
    line_sink_format(sink, "memory type: PAT %s (entry %u), MTRRs %s, nested table %s%s",
                     memory_type_name(pat), walk->pat_index, memory_type_name(view->mtrr_type),
                     memory_type_name(way->memory_type), way->ignores_pat ? " alone" : "");
    if (way->memory_type == MEMORY_TYPE_WRITE_BACK) {
        line_sink_format(sink, "    the CPU uses %s; a guest's MTRRs do not count",
                         memory_type_name(memory_type_in_guest(pat, way->ignores_pat)));
    }
}

static void show_mapped(const struct walk_view *view, struct line_sink *sink)
{
    const struct table_walk *walk = &view->walk;
    if (walk->page_bytes) {
        line_sink_format(sink, "guest-physical 0x%llx, in a page of %s: %s",
                         (unsigned long long)walk->gpa.value, bytes_text(walk->page_bytes),
                         view->device);
    } else {
        line_sink_format(sink, "guest-physical 0x%llx: %s", (unsigned long long)walk->gpa.value,
                         view->device);
    }
    show_nested(&view->ways[walk->step_count], sink);
    if (walk->step_count > 0) {
        show_rights(view, sink);
    }
    show_memory_type(view, sink);
}

static void show_end(const struct walk_view *view, struct line_sink *sink)
{
    const struct table_walk *walk = &view->walk;
    switch (walk->end) {
    case TABLE_MAPPED:
        show_mapped(view, sink);
        break;
    case TABLE_NO_ADDRESS:
        line_sink_format(sink, "it ends here: %s",
                         walk->mode >= TABLE_4_LEVELS
                             ? "the address is not canonical"
                             : "a linear address has 32 bits in this mode");
        break;
    case TABLE_ABSENT:
        line_sink_format(sink, "it ends here: not present");
        break;
    case TABLE_RESERVED:
        line_sink_format(sink, "it ends here: the reserved bits 0x%llx are set",
                         (unsigned long long)walk->steps[walk->step_count - 1].reserved);
        break;
    case TABLE_OUTSIDE:
        line_sink_format(sink, "it ends here: the entry is not in RAM (%s)", view->device);
        break;
    }
}

void walk_text(const struct walk_view *view, struct line_sink *sink)
{
    show_mode(&view->paging, view->walk.mode, sink);
    for (unsigned i = 0; i < view->walk.step_count; i++) {
        show_step(view, i, sink);
    }
    show_end(view, sink);
}
