// SPDX-License-Identifier: MIT
// Words and key=value pairs of a command line.
#include "guests/lib/options.h"

// The text behind `prefix` if `text` starts with it, else NULL.
static const char *skip_prefix(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++) {
            return NULL;
        }
    }
    return text;
}

static bool ends_word(char c)
{
    return c == '\0' || c == ' ';
}

// The text behind the first word that starts with `prefix`, or NULL.
static const char *find(const char *line, const char *prefix)
{
    for (;;) {
        while (*line == ' ') {
            line++;
        }
        if (*line == '\0') {
            return NULL;
        }
        const char *rest = skip_prefix(line, prefix);
        if (rest) {
            return rest;
        }
        while (!ends_word(*line)) {
            line++;
        }
    }
}

bool option_word(const char *line, const char *word)
{
    const char *rest = find(line, word);
    return rest && ends_word(*rest);
}

static const char *find_value(const char *line, const char *key)
{
    const char *rest = find(line, key);
    return rest && *rest == '=' ? rest + 1 : NULL;
}

bool option_given(const char *line, const char *key)
{
    return find_value(line, key);
}

uint64_t option_number(const char *line, const char *key, uint64_t otherwise)
{
    const char *at = find_value(line, key);
    if (!at || *at < '0' || *at > '9') {
        return otherwise;
    }
    uint64_t value = 0;
    while (*at >= '0' && *at <= '9') {
        value = value * 10 + (uint64_t)(*at++ - '0');
    }
    return value;
}

bool option_lists(const char *line, const char *key, const char *name)
{
    const char *at = find_value(line, key);
    while (at) {
        const char *rest = skip_prefix(at, name);
        if (rest && (ends_word(*rest) || *rest == ',')) {
            return true;
        }
        while (!ends_word(*at) && *at != ',') {
            at++;
        }
        at = *at == ',' ? at + 1 : NULL;
    }
    return false;
}
