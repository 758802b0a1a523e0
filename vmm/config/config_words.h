// SPDX-License-Identifier: MIT
// Splits a command line into words, and words into keys and values. Undoes GRUB's quoting.
#pragma once

#include "vmm/config/config.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// Room for `guests=` with as many names as there may be.
#define CONFIG_WORD_MAX 640

#define CONFIG_NAME_RULE "1 to 15 letters, digits, '-', '_', '.'"
static_assert(VM_NAME_MAX == 16, "CONFIG_NAME_RULE states the longest name");

// A word of the line, split at its '=' if it has one. A word of more than CONFIG_WORD_MAX - 1 bytes
// is cut, and `cut` is set.
struct config_word {
    char text[CONFIG_WORD_MAX]; // without quotes and backslashes; the key of a key=value
    const char *value;          // into text, after the '='; NULL if there is none
    bool cut;
};

// Takes the next word off `*line` and moves `*line` past it. False: the line is at its end. Spaces
// and tabs separate words. GRUB writes an argument with a space as "a b", and a quote or a
// backslash in it as \" \' \\ (GRUB's manual, "Quoting"). This function undoes both.
bool config_next_word(const char **line, struct config_word *word);

// Copies `length` bytes of a name into `name` of `size` bytes, with a NUL. False: it is empty, does
// not fit, or has something else than letters, digits, '-', '_' and '.' in it.
bool config_parse_name(const char *text, size_t length, char *name, size_t size);

// Whether the word is a file's path: it has a '/' and no '='. Some loaders put the path first.
bool config_word_is_path(const struct config_word *word);

// Whether the word is `--`, the end of the words for Husk.
bool config_word_is_end(const struct config_word *word);

// Notes in `*seen` that the line has key number `key`. Refuses a key that it has already.
MUST_CHECK enum status config_note_key(const struct config_word *word, unsigned key, unsigned *seen,
                                       struct reason *why);

// An item of a list with commas, inside the list's text.
struct config_item {
    const char *text;
    size_t length;
};

// Takes the next item off `*list`. False: there is none left. A list has one item more than commas,
// and items may be empty.
bool config_next_item(const char **list, struct config_item *item);
bool config_item_is(struct config_item item, const char *word);

// Refuses a word that is too long or is not among the `known` words.
enum status config_refuse_word(const struct config_word *word, const char *known,
                               struct reason *why);
