// SPDX-License-Identifier: MIT
// From text that a person writes to what a PC keyboard sends (scan code set 1, US layout).
#pragma once

#include "vmm/util/status.h"

#define KEY_CODES_MAX 16

// A key pressed and let go again, with those that are held meanwhile.
struct key_codes {
    unsigned count;
    uint8_t bytes[KEY_CODES_MAX];
};

// Takes the next key off the text, which is not at its end: a character; \n (Enter), \t, \b, \e
// (Escape), \\ ; or a key by its name with what is held, as in \{ctrl-alt-del}, \{f10}, \{ctrl-c}.
// STATUS_INVALID: it is none of these; `why` says what was expected.
enum status key_text_next(const char **text, struct key_codes *codes, struct reason *why);
