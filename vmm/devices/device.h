// SPDX-License-Identifier: MIT
// What a device model may know of the world: a line to raise, and a place for its bytes.
#pragma once

#include "vmm/util/nanoseconds.h" // IWYU pragma: export
#include "vmm/util/types.h"

// An interrupt line. The model calls `set` with the new level whenever the level changes. The owner
// of the other end embeds this and finds itself with container_of.
struct irq_line {
    void (*set)(struct irq_line *line, bool level);
};

static inline void irq_line_set(struct irq_line *line, bool level)
{
    line->set(line, level);
}

// The destination of a model's output bytes. `put` returns false when there is no room. The model
// then keeps the byte and offers it again later.
struct byte_sink {
    bool (*put)(struct byte_sink *sink, uint8_t byte);
};

static inline bool byte_sink_put(struct byte_sink *sink, uint8_t byte)
{
    return sink->put(sink, byte);
}
