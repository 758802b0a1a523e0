// SPDX-License-Identifier: MIT
// Items under a label, filled into rows. Pure.
#pragma once

#include "vmm/util/types.h"

struct line_sink;

#define PARAGRAPH_COLUMNS 79 // a row of 80 would wrap on some terminals

struct paragraph {
    struct line_sink *sink;
    unsigned used; // characters in the row
    bool empty;    // the row has no item yet
    bool has_item;
    char row[PARAGRAPH_COLUMNS + 1];
};

// `label` stands before the first row.
void paragraph_begin(struct paragraph *paragraph, struct line_sink *sink, const char *label);
// Items are separated by semicolons. Rows break between words; a longer word is cut.
void paragraph_add(struct paragraph *paragraph, const char *format, ...) PRINTF_LIKE(2, 3);
// Shows the last row; nothing if there was no item.
void paragraph_end(struct paragraph *paragraph);
