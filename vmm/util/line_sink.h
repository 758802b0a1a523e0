// SPDX-License-Identifier: MIT
// A place for lines of text, whoever shows them.
#pragma once

#include "vmm/util/types.h"

// The owner embeds it and finds itself with container_of.
struct line_sink {
    void (*line)(struct line_sink *sink, const char *text);
    unsigned columns; // of the rows on which the lines are shown
};

// Gives the formatted text to the sink, as one line. A line of more than 255 characters is cut.
void line_sink_format(struct line_sink *sink, const char *format, ...) PRINTF_LIKE(2, 3);
