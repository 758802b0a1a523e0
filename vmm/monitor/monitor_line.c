// SPDX-License-Identifier: MIT
// From a typed line to its command: cuts the line into words, runs it, completes it.
#include "vmm/monitor/monitor_line.h"

#include "vmm/console/console.h"
#include "vmm/console/line_editor.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_commands.h"
#include "vmm/monitor/monitor_names.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static bool is_space(char character)
{
    return character == ' ' || character == '\t';
}

// Takes the next word off the text at `*at`. NULL: there are no more words.
static const char *next_word(char **at)
{
    char *word = *at;
    char *end;
    while (is_space(*word)) {
        word++;
    }
    for (end = word; *end != '\0' && !is_space(*end); end++) {
    }
    *at = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return *word != '\0' ? word : NULL;
}

static void run_command(struct monitor *monitor, const struct command *command,
                        const struct arguments *arguments)
{
    if (arguments->count < command->minimum || arguments->count > command->maximum) {
        console_format(monitor->console, "%s: %s; expected: ", command->name,
                       arguments->count < command->minimum ? "something is missing"
                                                           : "there is something too much");
        monitor_command_usage(monitor, command, 0);
        console_print(monitor->console, "\n");
        return;
    }
    if (command->prompt_only && monitor->elsewhere) {
        console_format(monitor->console, "%s: only at Husk's own prompt\n", command->name);
        return;
    }
    command->handler(monitor, arguments);
}

// Takes the rest of the line as one word. NULL: there is none.
static const char *rest_of(char **at)
{
    char *rest = *at;
    while (is_space(*rest)) {
        rest++;
    }
    *at = rest + strlen(rest);
    return *rest != '\0' ? rest : NULL;
}

static void cut_words(const struct command *command, char *line, struct arguments *arguments)
{
    const char *word = "";
    while (word && arguments->count < MONITOR_WORDS_MAX) {
        bool last = arguments->count + 1 == command->maximum;
        word = last && command->takes_rest ? rest_of(&line) : next_word(&line);
        if (word) {
            arguments->words[arguments->count++] = word;
        }
    }
}

void monitor_line_run(struct monitor *monitor, char *line)
{
    struct arguments arguments = {0};
    const char *name = next_word(&line);
    const struct command *command;
    if (!name) {
        return;
    }
    command = monitor_command_find(name);
    if (!command) {
        monitor_command_missing(monitor, name);
    } else {
        cut_words(command, line, &arguments);
        run_command(monitor, command, &arguments);
    }
}

// The number of the word that starts at text[word]; word 0 is the command. Copies the command into
// `name`.
static unsigned word_number(const char *text, size_t word, char *name, size_t size)
{
    unsigned number = 0;
    size_t length = 0;
    for (size_t i = 0; i < word; i++) {
        if (is_space(text[i])) {
            continue;
        }
        if (number == 0 && length + 1 < size) {
            name[length++] = text[i];
        }
        if (is_space(text[i + 1])) {
            number++;
        }
    }
    name[length] = '\0';
    return number;
}

// Candidate `index` of that kind; NULL past the last.
static const char *candidate(const struct monitor *monitor, enum completion_kind kind,
                             unsigned index)
{
    const struct command *command;
    switch (kind) {
    case COMPLETE_COMMAND:
        command = monitor_command_at(index);
        return command ? command->name : NULL;
    case COMPLETE_VM:
        return monitor_vm_name(monitor->vmm, index);
    case COMPLETE_STARTABLE:
        return monitor_startable_name(monitor->vmm, index);
    case COMPLETE_NOTHING:
    default:
        return NULL;
    }
}

const char *monitor_line_complete(struct line_editor *editor, size_t word, unsigned index)
{
    const struct monitor *monitor = container_of(editor, struct monitor, editor);
    const struct command *command;
    char name[16];
    switch (word_number(editor->text, word, name, sizeof(name))) {
    case 0:
        return candidate(monitor, COMPLETE_COMMAND, index);
    case 1:
        command = monitor_command_find(name);
        return command ? candidate(monitor, command->completion, index) : NULL;
    default:
        return NULL;
    }
}
