// SPDX-License-Identifier: MIT
// Reads Husk's own command line into a structure.
#include "vmm/config/config.h"

#include "vmm/config/config_features.h"
#include "vmm/config/config_words.h"
#include "vmm/util/console_choice.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"

#define HUSK_KEYS "console= guests= focus= on-idle= no= gdb="

struct husk_parser {
    struct husk_config *config;
    void (*complain)(void *context, const char *text);
    void *context;
};

static void complain_item(const struct husk_parser *parser, const char *key, const char *item,
                          size_t length, const char *expected)
{
    struct reason why;
    (void)refuse(&why, STATUS_INVALID, "%s=%.*s: expected %s", key, (int)MIN(length, 24), item,
                 expected);
    parser->complain(parser->context, why.text);
}

static void add_console(const struct husk_parser *parser, const char *item, size_t length)
{
    unsigned choice = console_choice_of(item, length);
    if (!choice) {
        complain_item(parser, "console", item, length,
                      "serial, com1 to com4, spcr, pci-serial, pci0 to pci7, screen");
    }
    parser->config->consoles |= choice;
}

static void add_guest(const struct husk_parser *parser, const char *item, size_t length)
{
    struct husk_config *config = parser->config;
    if (config->guest_count == CONFIG_GUESTS_MAX) {
        complain_item(parser, "guests", item, length, "at most 32 guests, it is left out");
    } else if (config_parse_name(item, length, config->guests[config->guest_count], VM_NAME_MAX)) {
        config->guest_count++;
    } else {
        complain_item(parser, "guests", item, length, "names of " CONFIG_NAME_RULE);
    }
}

static_assert(CONFIG_GUESTS_MAX == 32, "add_guest states the number");

static void for_each_item(const struct husk_parser *parser, const char *list,
                          void (*add)(const struct husk_parser *, const char *, size_t))
{
    struct config_item item;
    while (config_next_item(&list, &item)) {
        add(parser, item.text, item.length);
    }
}

static void parse_console(const struct husk_parser *parser, const char *value)
{
    for_each_item(parser, value, add_console);
}

static void parse_guests(const struct husk_parser *parser, const char *value)
{
    for_each_item(parser, value, add_guest);
}

static void parse_focus(const struct husk_parser *parser, const char *value)
{
    char name[VM_NAME_MAX];
    if (config_parse_name(value, strlen(value), name, sizeof(name))) {
        memcpy(parser->config->focus, name, sizeof(name));
    } else {
        complain_item(parser, "focus", value, strlen(value), "a VM's name: " CONFIG_NAME_RULE);
    }
}

static void parse_on_idle(const struct husk_parser *parser, const char *value)
{
    if (text_equal(value, "poweroff") || text_equal(value, "stay")) {
        parser->config->poweroff_on_idle = text_equal(value, "poweroff");
    } else {
        complain_item(parser, "on-idle", value, strlen(value), "poweroff or stay");
    }
}

static void add_feature(const struct husk_parser *parser, const char *item, size_t length)
{
    uint64_t *set = &parser->config->features_off;
    if (!config_feature_add(item, length, set)) {
        complain_item(parser, "no", item, length, "names of features, with commas, out of:");
        char line[CONFIG_FEATURE_LINE];
        for (unsigned next = 0; config_feature_line(&next, line);) {
            parser->complain(parser->context, line);
        }
    }
}

static void parse_no(const struct husk_parser *parser, const char *value)
{
    for_each_item(parser, value, add_feature);
}

static void parse_gdb(const struct husk_parser *parser, const char *value)
{
    unsigned choice = console_choice_of(value, strlen(value));
    if (console_choice_is_line(choice)) {
        parser->config->gdb = choice;
    } else {
        complain_item(parser, "gdb", value, strlen(value), "com1 to com4, spcr, pci0 to pci7");
    }
}

static const struct {
    const char *key;
    void (*parse)(const struct husk_parser *parser, const char *value);
} husk_keys[] = {
    {"console", parse_console}, {"guests", parse_guests}, {"focus", parse_focus},
    {"on-idle", parse_on_idle}, {"no", parse_no},         {"gdb", parse_gdb},
};

static void parse_husk_word(const struct husk_parser *parser, const struct config_word *word,
                            unsigned *seen)
{
    struct reason why;
    for (unsigned i = 0; i < ARRAY_SIZE(husk_keys) && word->value && !word->cut; i++) {
        if (!text_equal(word->text, husk_keys[i].key)) {
            continue;
        }
        if ((*seen & BIT(i)) != 0) {
            complain_item(parser, word->text, word->value, strlen(word->value),
                          "once only, the first counts");
        } else {
            husk_keys[i].parse(parser, word->value);
        }
        *seen |= (unsigned)BIT(i);
        return;
    }
    (void)config_refuse_word(word, HUSK_KEYS, &why);
    parser->complain(parser->context, why.text);
}

void config_parse_husk(const char *line, struct husk_config *config,
                       void (*complain)(void *context, const char *text), void *context)
{
    struct husk_parser parser = {.config = config, .complain = complain, .context = context};
    struct config_word word;
    unsigned seen = 0;
    memset(config, 0, sizeof(*config));
    for (bool first = true; config_next_word(&line, &word); first = false) {
        if (!(first && config_word_is_path(&word))) {
            parse_husk_word(&parser, &word, &seen);
        }
    }
    if (config->consoles == 0) {
        config->consoles = CONSOLE_SERIAL | CONSOLE_SCREEN;
    }
}
