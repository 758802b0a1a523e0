// SPDX-License-Identifier: MIT
// The state of the modifier keys, and what a key sends while they are held.
#include "drivers/ps2_scan_codes.h"

#include "vmm/util/string.h"
#include "vmm/util/us_keyboard.h"

#define PAUSE 0xe1
#define PAUSE_CODES 2 // follow each PAUSE

#define ESCAPE '\x1b'
#define CONTROL_BITS 0x1f

static void press_caps_lock(struct ps2_scan_codes *keys, bool pressed)
{
    if (pressed && !keys->caps_lock_held) {
        keys->caps_lock = !keys->caps_lock;
    }
    keys->caps_lock_held = pressed;
}

// Whether `key` is a modifier. The extended "shifts" that some keys send around themselves are
// neither pressed nor characters.
static bool take_modifier(struct ps2_scan_codes *keys, uint8_t key, bool extended, bool pressed)
{
    switch (key) {
    case SCAN_LEFT_SHIFT:
        keys->left_shift = extended ? keys->left_shift : pressed;
        return true;
    case SCAN_RIGHT_SHIFT:
        keys->right_shift = extended ? keys->right_shift : pressed;
        return true;
    case SCAN_CONTROL:
        *(extended ? &keys->right_control : &keys->left_control) = pressed;
        return true;
    case SCAN_ALT:
        *(extended ? &keys->right_alt : &keys->left_alt) = pressed;
        return true;
    case SCAN_CAPS_LOCK:
        press_caps_lock(keys, pressed);
        return true;
    default:
        return false;
    }
}

static bool is_letter(char character)
{
    return character >= 'a' && character <= 'z';
}

// What Ctrl makes of a character: of '@' to '_' and of letters the control characters, as on every
// terminal; of Space NUL.
static char with_control(char character)
{
    if (is_letter(character) || (character >= '@' && character <= '_')) {
        return (char)(character & CONTROL_BITS);
    }
    return character == ' ' ? '\0' : character;
}

static size_t take_character(const struct ps2_scan_codes *keys, uint8_t key, char *bytes)
{
    char character = us_keyboard_character(key, false);
    if (character == '\0') {
        return 0;
    }
    bool shift = keys->left_shift || keys->right_shift;
    if (shift != (keys->caps_lock && is_letter(character))) {
        character = us_keyboard_character(key, true);
    }
    if (keys->left_control || keys->right_control) {
        character = with_control(character);
    }
    size_t count = 0;
    if (keys->left_alt || keys->right_alt) {
        bytes[count++] = ESCAPE;
    }
    bytes[count++] = character;
    return count;
}

static size_t take_special(struct scan_key key, char *bytes)
{
    const struct special_key *special = us_keyboard_by_key(key);
    if (!special || !special->sequence) {
        return 0;
    }
    return text_copy(bytes, PS2_KEY_BYTES_MAX, special->sequence);
}

static size_t take_key(struct ps2_scan_codes *keys, uint8_t key, bool extended, char *bytes)
{
    size_t count = extended ? 0 : take_character(keys, key, bytes);
    return count > 0 ? count : take_special((struct scan_key){key, extended}, bytes);
}

size_t ps2_scan_codes_decode(struct ps2_scan_codes *keys, uint8_t code,
                             char bytes[PS2_KEY_BYTES_MAX])
{
    if (keys->passed_over > 0) {
        keys->passed_over--;
        return 0;
    }
    if (code == PAUSE) {
        keys->passed_over = PAUSE_CODES;
        return 0;
    }
    if (code == SCAN_EXTENDED) {
        keys->extended = true;
        return 0;
    }
    bool extended = keys->extended;
    bool pressed = (code & SCAN_RELEASED) == 0;
    uint8_t key = (uint8_t)(code & ~SCAN_RELEASED);
    keys->extended = false;
    if (take_modifier(keys, key, extended, pressed) || !pressed) {
        return 0;
    }
    return take_key(keys, key, extended, bytes);
}
