// SPDX-License-Identifier: MIT
// Makes a guest's bytes harmless for the user's terminal: turns them into lines of printable ASCII.
#pragma once

#include "vmm/util/types.h"

enum line_filter_result {
    FILTER_NOTHING,  // the byte shows nothing
    FILTER_TEXT,     // `character` is one printable character or a tab
    FILTER_END,      // the line ends here
    FILTER_END_TEXT, // the line ended before this byte; `character` starts the next one
};

enum line_filter_state {
    FILTER_PLAIN,
    FILTER_ESCAPE,
    FILTER_SEQUENCE, // ESC [ ... up to a letter
    FILTER_STRING,   // ESC ], ESC P and the like, up to BEL or ESC \ or a newline
};

struct line_filter {
    enum line_filter_state state;
    bool after_cr;
    char character;
};

void line_filter_init(struct line_filter *filter);

// `line_empty`: the line has shown nothing so far. A lone CR does not end such a line.
enum line_filter_result line_filter_byte(struct line_filter *filter, uint8_t byte, bool line_empty);
