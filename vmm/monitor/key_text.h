// SPDX-License-Identifier: MIT
// Turns text into what a PC keyboard sends for it (scan code set 1, US layout).
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define KEY_CODES_MAX 16

// The codes of one key that is pressed and let go, with the keys that are held meanwhile.
struct key_codes {
    unsigned count;
    uint8_t bytes[KEY_CODES_MAX];
};

// Takes the next key off the text, which must not be empty. A key is a character, an escape or a
// name. The escapes are \n (Enter), \t, \b, \e (Escape) and \\ . A name may follow the keys to
// hold:
// \{f10}, \{ctrl-c}, \{ctrl-alt-del}. STATUS_INVALID: the text begins with none of these; `why`
// says what was expected.
enum status key_text_next(const char **text, struct key_codes *codes, struct reason *why);
