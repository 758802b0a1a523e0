// SPDX-License-Identifier: MIT
// Cuts what a guest sends into pieces that fit on one row of the screen behind a mark of Husk's. A
// terminal wraps no piece, so a guest's text never begins in the first column.
#pragma once

#include "vmm/console/line_filter.h"
#include "vmm/util/types.h"

#define GUEST_TEXT_BYTES 200 // of a piece, however wide the row is

// The owner embeds it and finds itself with container_of.
struct guest_text {
    // Shows `piece`, which has `length` characters. The line's first piece is not `cut`.
    void (*show)(struct guest_text *text);
    bool cut; // the start of this line was shown
    size_t length;
    char piece[GUEST_TEXT_BYTES]; // printable ASCII, not shown yet
    struct line_filter filter;
};

void guest_text_init(struct guest_text *text, void (*show)(struct guest_text *text));

// What the guest sends next. `width`: the columns for a piece, at least 1.
void guest_text_byte(struct guest_text *text, uint8_t byte, size_t width);

// Shows what there is of an unfinished line. The line goes on in the next piece.
void guest_text_flush(struct guest_text *text);

// The mark that stands between the name and the piece: '+' if the piece goes on with a line.
const char *guest_text_mark(const struct guest_text *text);
