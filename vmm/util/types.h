// SPDX-License-Identifier: MIT
// The few types and macros that every file of Husk may use.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// <assert.h> has this in C17, but a freestanding compiler need not have <assert.h>.
#ifndef static_assert
#define static_assert _Static_assert
#endif
#ifndef alignas // likewise <stdalign.h>
#define alignas _Alignas
#endif

#define BIT(n) (1ULL << (n))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

// `alignment` is a power of two.
#define ALIGN_DOWN(value, alignment) ((value) & ~((uint64_t)(alignment)-1))
#define ALIGN_UP(value, alignment) ALIGN_DOWN((value) + (alignment)-1, alignment)
#define IS_ALIGNED(value, alignment) (((value) & ((uint64_t)(alignment)-1)) == 0)

#define KIB (1024ULL)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define PAGE_SIZE (4 * KIB)
#define PAGE_SIZE_2M (2 * MIB)
#define PAGE_SIZE_1G (1 * GIB)

// The structure of type `type` whose member `member` is at `pointer`.
#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))
#define PACKED __attribute__((packed))
// For a rare case on a path whose instructions are counted (make bench). Inlined, the rare case
// would make the path save registers that only the rare case needs.
#define NOT_INLINE __attribute__((noinline))
