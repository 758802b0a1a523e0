// SPDX-License-Identifier: MIT
// A sorted list of spans, in which claims about memory are added up.
#include "boot/memory_map.h"

#include "vmm/util/string.h"

#define ADDRESS_END BIT(52) // SDM Vol. 3A 4.1.4: MAXPHYADDR is at most 52

static uint64_t end_of(const struct memory_span *span)
{
    return span->start + span->bytes;
}

static struct memory_span clipped(uint64_t start, uint64_t bytes)
{
    start = MIN(start, ADDRESS_END);
    return (struct memory_span){.start = start, .bytes = MIN(bytes, ADDRESS_END - start)};
}

static void delete_spans(struct memory_map *map, unsigned first, unsigned count)
{
    memmove(&map->spans[first], &map->spans[first + count],
            (map->count - first - count) * sizeof(map->spans[0]));
    map->count -= count;
}

// The smallest span above 1 MiB, the memory below which other CPUs start in.
static unsigned smallest(const struct memory_map *map)
{
    unsigned found = map->count - 1;
    for (unsigned i = 0; i < map->count; i++) {
        if (map->spans[i].start >= MIB && map->spans[i].bytes < map->spans[found].bytes) {
            found = i;
        }
    }
    return found;
}

// Puts `span` before the one of number `index`.
static void insert(struct memory_map *map, unsigned index, struct memory_span span)
{
    if (map->count == MEMORY_SPANS_MAX) {
        unsigned victim = smallest(map);
        map->left_out++;
        if (span.start >= MIB && span.bytes <= map->spans[victim].bytes) {
            return;
        }
        delete_spans(map, victim, 1);
        index -= victim < index;
    }
    memmove(&map->spans[index + 1], &map->spans[index],
            (map->count - index) * sizeof(map->spans[0]));
    map->spans[index] = span;
    map->count++;
}

void memory_map_add(struct memory_map *map, uint64_t start, uint64_t bytes)
{
    struct memory_span span = clipped(start, bytes);
    unsigned first = 0;
    unsigned end;
    if (span.bytes == 0) {
        return;
    }
    while (first < map->count && end_of(&map->spans[first]) < span.start) {
        first++;
    }
    for (end = first; end < map->count && map->spans[end].start <= end_of(&span); end++) {
        uint64_t span_end = MAX(end_of(&span), end_of(&map->spans[end]));
        span.start = MIN(span.start, map->spans[end].start);
        span.bytes = span_end - span.start;
    }
    if (end == first) {
        insert(map, first, span);
        return;
    }
    map->spans[first] = span;
    delete_spans(map, first + 1, end - first - 1);
}

void memory_map_remove(struct memory_map *map, uint64_t start, uint64_t bytes)
{
    struct memory_span hole = clipped(start, bytes);
    unsigned i = 0;
    while (i < map->count && hole.bytes != 0) {
        struct memory_span *span = &map->spans[i];
        uint64_t end = end_of(span);
        uint64_t below = hole.start > span->start ? MIN(hole.start, end) - span->start : 0;
        uint64_t above = end > end_of(&hole) ? end - MAX(end_of(&hole), span->start) : 0;
        struct memory_span upper = {.start = end - above, .bytes = above};
        if (below == span->bytes || above == span->bytes) {
            i++;
        } else if (below != 0) {
            span->bytes = below;
            i++;
            if (above != 0) {
                insert(map, i, upper);
                return;
            }
        } else if (above != 0) {
            *span = upper;
        } else {
            delete_spans(map, i, 1);
        }
    }
}

void memory_map_trim(struct memory_map *map)
{
    unsigned i = 0;
    while (i < map->count) {
        struct memory_span *span = &map->spans[i];
        uint64_t start = ALIGN_UP(span->start, PAGE_SIZE);
        uint64_t end = ALIGN_DOWN(end_of(span), PAGE_SIZE);
        if (end > start) {
            *span = (struct memory_span){.start = start, .bytes = end - start};
            i++;
        } else {
            delete_spans(map, i, 1);
        }
    }
}
