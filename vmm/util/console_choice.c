// SPDX-License-Identifier: MIT
// The words after `console=`.
#include "vmm/util/console_choice.h"

#include "vmm/util/string.h"

// Words for one device come before words for several, because console_choice_word takes the first
// word that fits.
static const struct {
    const char *word;
    unsigned choice;
} words[] = {
    {"com1", CONSOLE_COM1},      {"com2", CONSOLE_COM1 << 1}, {"com3", CONSOLE_COM1 << 2},
    {"com4", CONSOLE_COM1 << 3}, {"pci0", CONSOLE_PCI0},      {"pci1", CONSOLE_PCI0 << 1},
    {"pci2", CONSOLE_PCI0 << 2}, {"pci3", CONSOLE_PCI0 << 3}, {"pci4", CONSOLE_PCI0 << 4},
    {"pci5", CONSOLE_PCI0 << 5}, {"pci6", CONSOLE_PCI0 << 6}, {"pci7", CONSOLE_PCI0 << 7},
    {"spcr", CONSOLE_SPCR},      {"screen", CONSOLE_SCREEN},  {"vga", CONSOLE_SCREEN},
    {"pci-serial", CONSOLE_PCI}, {"serial", CONSOLE_SERIAL},
};

static unsigned choice_of(const char *word, size_t length)
{
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0) {
            return words[i].choice;
        }
    }
    return 0;
}

bool console_choice_is_line(unsigned choice)
{
    choice &= CONSOLE_CHOICES;
    return choice == CONSOLE_SPCR || choice >= CONSOLE_COM1;
}

unsigned console_choice_of(const char *word, size_t length)
{
    if (length == 0 || word[length - 1] != '!') {
        return choice_of(word, length);
    }
    unsigned choice = choice_of(word, length - 1);
    return console_choice_is_line(choice) ? choice | choice << CONSOLE_UNPROBED_SHIFT : 0;
}

const char *console_choice_word(unsigned choices)
{
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (choices & words[i].choice) {
            return words[i].word;
        }
    }
    return "";
}
