// SPDX-License-Identifier: MIT
// The key tables and the state of the modifier keys.
#include "drivers/ps2_scan_codes.h"
#include "vmm/util/string.h"

#define RELEASED BIT(7)
#define EXTENDED 0xe0
#define PAUSE 0xe1
#define PAUSE_CODES 2 // follow each PAUSE

#define LEFT_SHIFT 0x2a
#define RIGHT_SHIFT 0x36
#define CONTROL 0x1d
#define ALT 0x38
#define CAPS_LOCK 0x3a

#define ESCAPE '\x1b'
#define CONTROL_BITS 0x1f

// By scan code. NUL: not a character.
static const char plain[] = {
    "\0\x1b"
    "1234567890-=\x7f"
    "\tqwertyuiop[]\r"
    "\0asdfghjkl;'`"
    "\0\\zxcvbnm,./\0"
    "*\0 \0"
    "\0\0\0\0\0\0\0\0\0\0\0\0" // F1 to F10, Num Lock, Scroll Lock
    "789-456+1230."
    "\0\0\\", // 0x56: the key that only ISO keyboards have
};

static const char shifted[] = {
    "\0\x1b"
    "!@#$%^&*()_+\x7f"
    "\tQWERTYUIOP{}\r"
    "\0ASDFGHJKL:\"~"
    "\0|ZXCVBNM<>?\0"
    "*\0 \0"
    "\0\0\0\0\0\0\0\0\0\0\0\0"
    "789-456+1230."
    "\0\0|",
};

static_assert(sizeof(plain) == 0x56 + 2 && sizeof(shifted) == sizeof(plain),
              "codes 0 to 0x56 and the final NUL");

struct key_sequence {
    uint8_t code;
    char sequence[7];
};

static const struct key_sequence function_keys[] = {
    {0x3b, "\x1bOP"},   {0x3c, "\x1bOQ"},   {0x3d, "\x1bOR"},   {0x3e, "\x1bOS"},
    {0x3f, "\x1b[15~"}, {0x40, "\x1b[17~"}, {0x41, "\x1b[18~"}, {0x42, "\x1b[19~"},
    {0x43, "\x1b[20~"}, {0x44, "\x1b[21~"}, {0x57, "\x1b[23~"}, {0x58, "\x1b[24~"},
};

static const struct key_sequence extended_keys[] = {
    {0x48, "\x1b[A"},  {0x50, "\x1b[B"},  {0x4d, "\x1b[C"},  {0x4b, "\x1b[D"},
    {0x47, "\x1b[H"},  {0x4f, "\x1b[F"},  {0x52, "\x1b[2~"}, {0x53, "\x1b[3~"},
    {0x49, "\x1b[5~"}, {0x51, "\x1b[6~"}, {0x1c, "\r"},      {0x35, "/"},
};

static size_t find_sequence(const struct key_sequence *keys, size_t count, uint8_t code,
                            char *bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].code == code) {
            return text_copy(bytes, PS2_KEY_BYTES_MAX, keys[i].sequence);
        }
    }
    return 0;
}

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
    case LEFT_SHIFT:
        keys->left_shift = extended ? keys->left_shift : pressed;
        return true;
    case RIGHT_SHIFT:
        keys->right_shift = extended ? keys->right_shift : pressed;
        return true;
    case CONTROL:
        *(extended ? &keys->right_control : &keys->left_control) = pressed;
        return true;
    case ALT:
        *(extended ? &keys->right_alt : &keys->left_alt) = pressed;
        return true;
    case CAPS_LOCK:
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
    char character = key < sizeof(plain) ? plain[key] : '\0';
    if (character == '\0') {
        return 0;
    }
    bool shift = keys->left_shift || keys->right_shift;
    if (shift != (keys->caps_lock && is_letter(character))) {
        character = shifted[key];
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

static size_t take_key(struct ps2_scan_codes *keys, uint8_t key, bool extended, char *bytes)
{
    if (extended) {
        return find_sequence(extended_keys, ARRAY_SIZE(extended_keys), key, bytes);
    }
    size_t count = take_character(keys, key, bytes);
    return count > 0 ? count : find_sequence(function_keys, ARRAY_SIZE(function_keys), key, bytes);
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
    if (code == EXTENDED) {
        keys->extended = true;
        return 0;
    }
    bool extended = keys->extended;
    bool pressed = (code & RELEASED) == 0;
    uint8_t key = (uint8_t)(code & ~RELEASED);
    keys->extended = false;
    if (take_modifier(keys, key, extended, pressed) || !pressed) {
        return 0;
    }
    return take_key(keys, key, extended, bytes);
}
