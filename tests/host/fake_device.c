// SPDX-License-Identifier: MIT
// Lines and sinks for the tests of device models.
#include "tests/host/fake_device.h"

#include <stdlib.h>

static void line_set(struct irq_line *line, bool level)
{
    struct fake_line *fake = container_of(line, struct fake_line, line);
    if (level == fake->level) {
        abort(); // device.h: a line is set only when its level changes
    }
    fake->level = level;
    fake->rises += level;
    fake->calls++;
}

void fake_line_init(struct fake_line *fake)
{
    *fake = (struct fake_line){.line = {line_set}};
}

static bool sink_put(struct byte_sink *sink, uint8_t byte)
{
    struct fake_sink *fake = container_of(sink, struct fake_sink, sink);
    if (fake->room == 0) {
        return false;
    }
    fake->room--;
    if (fake->length < FAKE_SINK_BYTES) {
        fake->bytes[fake->length++] = byte;
    }
    return true;
}

void fake_sink_init(struct fake_sink *fake)
{
    *fake = (struct fake_sink){.sink = {sink_put}, .room = SIZE_MAX};
}
