// SPDX-License-Identifier: MIT
// The table of commands, and the help that comes from it.
#include "vmm/monitor/monitor_commands.h"

#include "vmm/console/console.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_commands_disks.h"
#include "vmm/monitor/monitor_commands_input.h"
#include "vmm/monitor/monitor_commands_inspect.h"
#include "vmm/monitor/monitor_commands_machine.h"
#include "vmm/monitor/monitor_commands_nets.h"
#include "vmm/monitor/monitor_commands_vm.h"
#include "vmm/monitor/near_miss.h"
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
     .more =
         "VMS, HUSK and IDLE are the parts of the time since boot that a CPU has spent for VMs, "
         "for\nHusk's own work, and at rest.",
     .handler = command_cpus},
    {.name = "machine",
     .arguments = "",
     .help = "show what this machine is and has",
     .more = "Also what Husk does about its errata, and what follows from all that is missing.",
     .handler = command_machine},
    {.name = "memory",
     .arguments = "",
     .help = "show who has how much memory",
     .more =
         "FREE of a VM with balloon=yes is what its guest could do without, as it said when it was "
         "last\nasked: each 'memory' asks anew. GIVEN is what it has given away.",
     .handler = command_memory},
    {.name = "balloon",
     .arguments = "NAME SIZE",
     .help = "ask a VM to give memory away",
     .more =
         "SIZE is for all that it gives away: less than before means that it gets memory back, 0 "
         "that it\ngets all. A number with K, M or G. 'memory' shows what it has done.",
     .minimum = 2,
     .maximum = 2,
     .completion = COMPLETE_VM,
     .handler = command_balloon},
    {.name = "disks",
     .arguments = "",
     .help = "show the disks of the VMs",
     .more =
         "WRITTEN is the memory that holds what a VM has written. READS, WRITES and ERRORS count "
         "requests.",
     .handler = command_disks},
    {.name = "nets",
     .arguments = "",
     .help = "show the switches and the VMs on them",
     .more =
         "A card's number follows the name of a VM that has several. LINK is down while its cable "
         "is out.\nSENT and RECEIVED are the frames since its VM started. DROPS are frames that "
         "found no room at\nthe card, and frames of the card that were too many for all, not from "
         "its address, or no frames\nat all.",
     .handler = command_nets},
    {.name = "link",
     .arguments = "NAME CARD up|down",
     .help = "plug a VM's network cable in, or pull it out",
     .more =
         "CARD is a number from 0 on, in the order of net= on the VM's line. A cable that is out "
         "stays so\nover a reset.",
     .minimum = 3,
     .maximum = 3,
     .completion = COMPLETE_VM,
     .handler = command_link},
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
     .arguments = "NAME [hvc0]",
     .help = "connect the terminal to a VM; Ctrl-] returns",
     .more = "To its UART, or to its second console. Bytes go both ways as they are. All other "
             "lines of VMs\ngo to their logs meanwhile.",
     .minimum = 1,
     .maximum = 2,
     .prompt_only = true,
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
    {.name = "walk",
     .arguments = "NAME ADDRESS [VCPU]",
     .help = "show where a linear address leads",
     .more = "Through the guest's page tables and Husk's nested one, with rights and memory types. "
             "Nothing\nin the guest changes. VCPU is a number from 0 on, 0 unless given.",
     .minimum = 2,
     .maximum = 3,
     .completion = COMPLETE_VM,
     .handler = command_walk},
    {.name = "flight",
     .arguments = "NAME [VCPU]",
     .help = "show a vCPU's last 256 exits, the newest last",
     .more = "VCPU is a number from 0 on, 0 unless given.",
     .minimum = 1,
     .maximum = 2,
     .completion = COMPLETE_VM,
     .handler = command_flight},
    {.name = "exits",
     .arguments = "NAME",
     .help = "count what a VM left its guest mode for",
     .more = "Also its accesses to ports, memory and MSRs that nothing answers.",
     .minimum = 1,
     .maximum = 1,
     .completion = COMPLETE_VM,
     .handler = command_exits},
    {.name = "log",
     .arguments = "[NAME [hvc0]]",
     .help = "show Husk's log, or what a VM sent lately",
     .maximum = 2,
     .completion = COMPLETE_VM,
     .handler = command_log},
    {.name = "gdb",
     .arguments = "[LINE]",
     .help = "give a serial line to GDB",
     .more = "LINE is a word of console=, such as com1; it may be left out if there is one line "
             "only. It is a\nconsole again when GDB has detached, or when Ctrl-] is typed on it.",
     .maximum = 1,
     .prompt_only = true,
     .handler = command_gdb},
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

void monitor_command_missing(struct monitor *monitor, const char *name)
{
    struct near_miss miss;
    near_miss_begin(&miss, name);
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        near_miss_offer(&miss, commands[i].name);
    }
    if (miss.best) {
        console_format(monitor->console, "no command '%s'; did you mean '%s'? 'help' lists them\n",
                       name, miss.best);
    } else {
        console_format(monitor->console, "no command '%s'; 'help' lists them\n", name);
    }
}

void monitor_command_usage(struct monitor *monitor, const struct command *command, size_t width)
{
    const char *space = command->arguments[0] != '\0' ? " " : "";
    int pad = (int)(width - MIN(width, strlen(command->name) + strlen(space)));
    console_format(monitor->console, "%s%s%-*s", command->name, space, pad, command->arguments);
}

static void help_all(struct monitor *monitor)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *command = &commands[i];
        console_print(monitor->console, "  ");
        monitor_command_usage(monitor, command, HELP_COLUMN);
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
        monitor_command_missing(monitor, arguments->words[0]);
        return;
    }
    monitor_command_usage(monitor, command, 0);
    console_format(monitor->console, ": %s\n", command->help);
    if (command->more) {
        console_format(monitor->console, "%s\n", command->more);
    }
}
