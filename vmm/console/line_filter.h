// SPDX-License-Identifier: MIT
// A guest's bytes made harmless for the user's terminal: lines of printable ASCII.
#pragma once

#include "vmm/util/types.h"

enum line_filter_result {
    FILTER_NOTHING,  // the byte shows nothing
    FILTER_TEXT,     // one printable character (or tab) is in `character`
    FILTER_END,      // the line ends here
    FILTER_END_TEXT, // the line ended before this byte, which is in `character`
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

// `line_empty`: nothing was shown on this line so far; a lone CR then does not end it.
enum line_filter_result line_filter_byte(struct line_filter *filter, uint8_t byte, bool line_empty);
