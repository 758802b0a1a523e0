// SPDX-License-Identifier: MIT
// The table of commands. Finds the command of a line and calls its handler.
#include "vmm/console/console.h"
#include "vmm/console/line_editor.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_internal.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define HELP_COLUMN 28 // where the help of a command starts

static void command_help(struct monitor *monitor, const struct arguments *arguments);

static const struct command commands[] = {
    {.name = "help",
     .arguments = "[COMMAND]",
     .help = "list the commands, or explain one",
     .more =
         "Keys: Tab completes, Up and Down recall lines, Ctrl-C clears the line; Ctrl-A, -E, -B, "
         "-F,\n-K, -U, -W, -L as in a shell. Ctrl-] comes back from a guest's console.",
     .maximum = 1,
     .completion = COMPLETE_COMMAND,
     .handler = command_help},
    {.name = "vms",
     .arguments = "",
     .help = "list the VMs and their states",
     .more = "UPTIME is the VM's own clock: it stands still while the VM is paused. While it is "
             "starting,\nit is how much of its memory is ready.",
     .handler = command_vms},
    {.name = "cpus",
     .arguments = "",
     .help = "list the CPUs and the VMs on them",
     .more = "BUSY is the part of the time since boot that a CPU has spent in guests and starting "
             "them.",
     .handler = command_cpus},
    {.name = "memory",
     .arguments = "",
     .help = "show who has how much memory",
     .handler = command_memory},
    {.name = "start",
     .arguments = "[NAME]",
     .help = "start a VM, or list what can be started",
     .more = "NAME is a VM that is off or has ended, or a guest that is built into Husk. The log "
             "says when it\nhas started, or why not.",
     .maximum = 1,
     .completion = COMPLETE_STARTABLE,
     .handler = command_start},
    {.name = "stop",
     .arguments = "NAME",
     .help = "switch a VM off and free its memory",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_stop},
    {.name = "pause",
     .arguments = "NAME",
     .help = "hold a VM and its clock",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_pause},
    {.name = "resume",
     .arguments = "NAME",
     .help = "let a paused VM go on",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_resume},
    {.name = "reset",
     .arguments = "NAME",
     .help = "start a VM from its beginning again",
     .more = "The log says when that is done, or why not.",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_reset},
    {.name = "console",
     .arguments = "NAME",
     .help = "connect the terminal to a VM; Ctrl-] returns",
     .more = "Bytes go both ways as they are. Other VMs' lines go to their logs meanwhile.",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_console},
    {.name = "mute",
     .arguments = "NAME",
     .help = "keep the lines of a VM off the screen",
     .more =
         "They go to its log only: 'log NAME'. Husk's own lines about the VM are still shown, and\n"
         "'console NAME' shows all that it sends. 'unmute NAME' ends it.",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_mute},
    {.name = "unmute",
     .arguments = "NAME",
     .help = "show the lines of a VM again",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_unmute},
    {.name = "screen",
     .arguments = "NAME",
     .help = "show the text screen of a VM",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_screen},
    {.name = "type",
     .arguments = "NAME TEXT",
     .help = "type on the keyboard of a VM",
     .more = "In TEXT \\n is Enter; \\t \\b \\e \\\\ are Tab, Backspace, Escape and a backslash; "
             "\\{F} is a\nkey by its name: \\{f1} \\{up} \\{home} \\{pgdn} \\{del} "
             "\\{ctrl-c} \\{ctrl-alt-del} ...",
     .minimum = 2,
     .maximum = 2,
     .takes_rest = true,
     .completion = COMPLETE_VM,
     .handler = command_type},
    {.name = "powerbutton",
     .arguments = "NAME",
     .help = "press the power button of a VM",
     .more = "A system that listens to it, by ACPI, switches itself off in good order.",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_powerbutton},
    {.name = "regs",
     .arguments = "NAME [VCPU]",
     .help = "show the registers of a VM's vCPU",
     .more = "VCPU is a number from 0 on, 0 unless given.",
     .minimum = 1,
     .maximum = 2,
     .completion = COMPLETE_VM,
     .handler = command_regs},
    {.name = "read",
     .arguments = "NAME ADDRESS [LENGTH]",
     .help = "dump guest-physical memory",
     .more =
         "Numbers are decimal, or hexadecimal after 0x, with K or M for KiB or MiB. LENGTH is 128\n"
         "bytes unless given, at most 4K.",
     .minimum = 2,
     .maximum = 3,
     .completion = COMPLETE_VM,
     .handler = command_read},
    {.name = "exits",
     .arguments = "NAME",
     .help = "count what a VM left its guest mode for",
     .more = "Also its accesses to ports, memory and MSRs that nothing answers.",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_exits},
    {.name = "log",
     .arguments = "[NAME]",
     .help = "show Husk's log, or what a VM sent lately",
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_log},
    {.name = "reboot",
     .arguments = "",
     .help = "stop all VMs and restart the machine",
     .handler = command_reboot},
    {.name = "poweroff",
     .arguments = "",
     .help = "stop all VMs and switch the machine off",
     .handler = command_poweroff},
    {.name = "version",
     .arguments = "",
     .help = "show which Husk this is",
     .handler = command_version},
};

const struct command *monitor_command_at(unsigned index)
{
    return index < ARRAY_SIZE(commands) ? &commands[index] : NULL;
}

const struct command *monitor_command_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (text_equal(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}

static void refuse_command(struct monitor *monitor, const char *name)
{
    const char *guess = monitor_near_miss(monitor, COMPLETE_COMMAND, name);
    if (guess) {
        console_format(monitor->console, "no command '%s'; did you mean '%s'? 'help' lists them\n",
                       name, guess);
    } else {
        console_format(monitor->console, "no command '%s'; 'help' lists them\n", name);
    }
}

// Prints the command and its arguments, with spaces up to `width` characters.
static void print_usage(struct monitor *monitor, const struct command *command, size_t width)
{
    const char *space = command->arguments[0] != '\0' ? " " : "";
    int pad = (int)(width - MIN(width, strlen(command->name) + strlen(space)));
    console_format(monitor->console, "%s%s%-*s", command->name, space, pad, command->arguments);
}

static void help_all(struct monitor *monitor)
{
    const struct command *command;
    for (unsigned i = 0; (command = monitor_command_at(i)); i++) {
        console_print(monitor->console, "  ");
        print_usage(monitor, command, HELP_COLUMN);
        console_format(monitor->console, "%s\n", command->help);
    }
    console_print(monitor->console,
                  "Tab completes; 'help COMMAND' says more; Ctrl-] returns from a "
                  "guest's console.\n");
}

static void command_help(struct monitor *monitor, const struct arguments *arguments)
{
    const struct command *command;
    if (arguments->count == 0) {
        help_all(monitor);
        return;
    }
    command = monitor_command_find(arguments->words[0]);
    if (!command) {
        refuse_command(monitor, arguments->words[0]);
        return;
    }
    print_usage(monitor, command, 0);
    console_format(monitor->console, ": %s\n", command->help);
    if (command->more) {
        console_format(monitor->console, "%s\n", command->more);
    }
}

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
        print_usage(monitor, command, 0);
        console_print(monitor->console, "\n");
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

void monitor_execute(struct monitor *monitor, char *line)
{
    struct arguments arguments = {0};
    const char *name = next_word(&line);
    const struct command *command;
    if (!name) {
        return;
    }
    command = monitor_command_find(name);
    if (!command) {
        refuse_command(monitor, name);
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

const char *monitor_complete(struct line_editor *editor, size_t word, unsigned index)
{
    const struct monitor *monitor = container_of(editor, struct monitor, editor);
    const struct command *command;
    char name[16];
    switch (word_number(editor->text, word, name, sizeof(name))) {
    case 0:
        return monitor_name(monitor, COMPLETE_COMMAND, index);
    case 1:
        command = monitor_command_find(name);
        return command ? monitor_name(monitor, command->completion, index) : NULL;
    default:
        return NULL;
    }
}
