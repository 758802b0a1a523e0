// SPDX-License-Identifier: MIT
// The table of the words after `no=`.
#include "vmm/config_features.h"

#include "vmm/util/string.h"

#define FEATURE_WORD(name, word) [OPTIONAL_##name] = word,
static const char *const words[] = {OPTIONAL_FEATURES(FEATURE_WORD)};
#undef FEATURE_WORD

static_assert(ARRAY_SIZE(words) == OPTIONAL_COUNT, "a word for each");

bool config_feature_add(const char *name, size_t length, uint64_t *set)
{
    for (unsigned i = 0; i < OPTIONAL_COUNT; i++) {
        if (strlen(words[i]) == length && memcmp(words[i], name, length) == 0) {
            *set |= BIT(i);
            return true;
        }
    }
    return false;
}

bool config_feature_line(unsigned *next, char line[CONFIG_FEATURE_LINE])
{
    size_t used = 0;

    for (; *next < OPTIONAL_COUNT; (*next)++) {
        size_t length = strlen(words[*next]);
        if (used + length + 2 > CONFIG_FEATURE_LINE) {
            break;
        }
        memcpy(line + used, words[*next], length);
        used += length;
        line[used++] = ',';
    }
    line[used > 0 && *next == OPTIONAL_COUNT ? used - 1 : used] = '\0';
    return used > 0;
}
