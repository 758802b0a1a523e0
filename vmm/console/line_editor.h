// SPDX-License-Identifier: MIT
// A line of input that can be edited. Keys come in; an echo and the finished line go out.
#pragma once

#include "vmm/console/key_parser.h"
#include "vmm/util/types.h"

#define LINE_MAX_LENGTH 255
#define LINE_HISTORY 32
#define LINE_COLUMNS 80 // of the narrowest terminal

struct line_editor;

// What the editor needs of its owner. The owner embeds the editor and uses container_of.
struct line_editor_owner {
    void (*echo)(struct line_editor *editor, const char *text, size_t length);
    // Candidate `index` for the word that starts at text[word] and ends at the cursor; NULL past
    // the last.
    const char *(*complete)(struct line_editor *editor, size_t word, unsigned index);
};

enum line_result {
    LINE_EDITING,
    LINE_READY, // text[] holds the line; it stays until line_editor_next
};

struct line_editor {
    const struct line_editor_owner *owner;
    const char *prompt;
    struct key_parser keys;
    bool after_cr; // the last byte was CR: an LF now belongs to it
    size_t length;
    size_t cursor;
    size_t scroll; // the first character that is on the screen
    char text[LINE_MAX_LENGTH + 1];
    unsigned history_count; // lines ever kept
    unsigned history_back;  // how many lines back the user is; 0: at the line being typed
    char history[LINE_HISTORY][LINE_MAX_LENGTH + 1];
    char draft[LINE_MAX_LENGTH + 1]; // the line being typed, while history_back is not 0
};

void line_editor_init(struct line_editor *editor, const struct line_editor_owner *owner,
                      const char *prompt);

enum line_result line_editor_byte(struct line_editor *editor, uint8_t byte);

// Starts the next line, which is empty. The finished line is in the history.
void line_editor_next(struct line_editor *editor);

// Take prompt and line off the screen, and put them back. For use around other output.
void line_editor_hide(struct line_editor *editor);
void line_editor_show(struct line_editor *editor);
