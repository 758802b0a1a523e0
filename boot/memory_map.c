// SPDX-License-Identifier: MIT
// Sorts the firmware's claims about memory and resolves overlaps.
#include "boot/memory_map.h"

#define ADDRESS_END BIT(52) // SDM Vol. 3A 4.1.4: MAXPHYADDR is at most 52

static uint64_t end_of(const struct memory_range *range)
{
    return range->start + range->bytes;
}

bool memory_claims_add(struct memory_claims *claims, uint64_t start, uint64_t bytes,
                       enum memory_kind kind)
{
    if (bytes == 0 || start >= ADDRESS_END) {
        return true;
    }
    bytes = MIN(bytes, ADDRESS_END - start);
    if (claims->count > 0) {
        struct memory_range *last = &claims->claims[claims->count - 1];
        if (last->kind == kind && end_of(last) == start) {
            last->bytes += bytes;
            return true;
        }
    }
    if (claims->count == BOOT_RANGES_MAX) {
        return false;
    }
    claims->claims[claims->count++] =
        (struct memory_range){.start = start, .bytes = bytes, .kind = kind};
    return true;
}

// The first address above `address` where a claim begins or ends. ADDRESS_END: none.
static uint64_t next_boundary(const struct memory_claims *claims, uint64_t address)
{
    uint64_t next = ADDRESS_END;
    for (unsigned i = 0; i < claims->count; i++) {
        uint64_t start = claims->claims[i].start;
        uint64_t end = end_of(&claims->claims[i]);
        if (start > address) {
            next = MIN(next, start);
        }
        if (end > address) {
            next = MIN(next, end);
        }
    }
    return next;
}

// The least usable kind that is claimed for `address`. False: there is no claim.
static bool kind_at(const struct memory_claims *claims, uint64_t address, enum memory_kind *kind)
{
    bool claimed = false;
    for (unsigned i = 0; i < claims->count; i++) {
        const struct memory_range *claim = &claims->claims[i];
        if (address < claim->start || address >= end_of(claim)) {
            continue;
        }
        if (!claimed || claim->kind > *kind) {
            *kind = claim->kind;
        }
        claimed = true;
    }
    return claimed;
}

static unsigned append(struct memory_range *ranges, unsigned count, struct memory_range range)
{
    if (count > 0 && ranges[count - 1].kind == range.kind &&
        end_of(&ranges[count - 1]) == range.start) {
        ranges[count - 1].bytes += range.bytes;
        return count;
    }
    if (count == BOOT_RANGES_MAX) {
        return count;
    }
    ranges[count] = range;
    return count + 1;
}

// Cuts usable memory to whole pages. Ranges that become empty are removed.
static unsigned trim(struct memory_range *ranges, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        struct memory_range range = ranges[i];
        if (range.kind == MEMORY_USABLE) {
            uint64_t start = ALIGN_UP(range.start, PAGE_SIZE);
            uint64_t end = ALIGN_DOWN(end_of(&range), PAGE_SIZE);
            if (end <= start) {
                continue;
            }
            range.start = start;
            range.bytes = end - start;
        }
        ranges[kept++] = range;
    }
    return kept;
}

unsigned memory_claims_resolve(const struct memory_claims *claims, struct memory_range *ranges)
{
    unsigned count = 0;
    uint64_t address = 0;
    while (address < ADDRESS_END) {
        uint64_t next = next_boundary(claims, address);
        enum memory_kind kind = MEMORY_RESERVED;
        if (kind_at(claims, address, &kind)) {
            struct memory_range range = {.start = address, .bytes = next - address, .kind = kind};
            count = append(ranges, count, range);
        }
        address = next;
    }
    return trim(ranges, count);
}

static unsigned list_usable(const struct boot_info *info, struct memory_span *spans)
{
    unsigned count = 0;
    for (unsigned i = 0; i < info->range_count; i++) {
        const struct memory_range *range = &info->ranges[i];
        if (range->kind == MEMORY_USABLE) {
            spans[count++] = (struct memory_span){.start = range->start, .bytes = range->bytes};
        }
    }
    return count;
}

void boot_memory_fill(struct boot_memory *memory, const struct boot_info *info)
{
    unsigned modules = info->module_count;
    for (unsigned i = 0; i < modules; i++) {
        memory->occupied[i] =
            (struct memory_span){.start = info->modules[i].start, .bytes = info->modules[i].bytes};
    }
    memory->occupied[modules] = info->symbols;
    memory->occupied[modules + 1] = info->symbol_names;
    memory->at_boot = (struct machine_memory){.usable = memory->usable,
                                              .usable_count = list_usable(info, memory->usable),
                                              .occupied = memory->occupied,
                                              .occupied_count = modules + 2};
    memory->later = memory->at_boot;
    memory->later.occupied_count = modules;
}
