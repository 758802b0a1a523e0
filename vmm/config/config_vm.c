// SPDX-License-Identifier: MIT
// Reads the line of a GRUB module, which describes a VM, into a structure.
#include "vmm/config/config_vm.h"

#include "vmm/config/config.h"
#include "vmm/config/config_disk.h"
#include "vmm/config/config_net.h"
#include "vmm/config/config_words.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define VM_KEYS                                                                                    \
    "vm= mem= cpus= cpu= share= restart= kind= start= msrs= pv= rng= hvc= balloon= ram-disk= "     \
    "net= --"

static enum status parse_name(const char *value, struct vm_config *config, struct reason *why)
{
    if (!config_parse_name(value, strlen(value), config->name, sizeof(config->name))) {
        return refuse(why, STATUS_INVALID, "vm=%.24s: expected %s", value, CONFIG_NAME_RULE);
    }
    return STATUS_OK;
}

static enum status parse_memory(const char *value, struct vm_config *config, struct reason *why)
{
    uint64_t bytes;
    if (!text_parse_size(value, strlen(value), &bytes)) {
        return refuse(why, STATUS_INVALID, "mem=%.24s: expected a size such as 64M or 1G", value);
    }
    if (bytes < VM_MEMORY_MIN || bytes > GUEST_MEMORY_MAX) {
        return refuse(why, STATUS_RANGE, "mem=%.24s: expected %lluM to %lluG", value,
                      VM_MEMORY_MIN / MIB, GUEST_MEMORY_MAX / GIB);
    }
    if (!IS_ALIGNED(bytes, PAGE_SIZE)) {
        return refuse(why, STATUS_RANGE, "mem=%.24s: expected a multiple of 4K", value);
    }
    config->memory_bytes = bytes;
    return STATUS_OK;
}

static enum status parse_vcpus(const char *value, struct vm_config *config, struct reason *why)
{
    uint64_t number;
    if (!text_parse_u64(value, strlen(value), &number) || number == 0 || number > VM_VCPUS_MAX) {
        return refuse(why, STATUS_RANGE, "cpus=%.24s: expected a number from 1 to %d", value,
                      VM_VCPUS_MAX);
    }
    config->vcpus = (unsigned)number;
    return STATUS_OK;
}

// Reads the number of a CPU and moves `*text` past its digits.
static bool take_cpu(const char **text, unsigned *cpu)
{
    *cpu = 0;
    if (**text < '0' || **text > '9') {
        return false;
    }
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        *cpu = *cpu * 10 + (unsigned)(**text - '0');
        if (*cpu >= HOST_CPUS_MAX) {
            return false;
        }
    }
    return true;
}

// Reads one item of the list, such as 3 or 4-7.
static bool take_cpus(const char **text, struct vm_config *config)
{
    unsigned first;
    unsigned last;
    if (!take_cpu(text, &first)) {
        return false;
    }
    last = first;
    if (**text == '-') {
        (*text)++;
        if (!take_cpu(text, &last) || last < first) {
            return false;
        }
    }
    for (unsigned cpu = first; cpu <= last; cpu++) {
        config->cpus[cpu / 64] |= BIT(cpu % 64);
    }
    return true;
}

static enum status parse_cpu(const char *value, struct vm_config *config, struct reason *why)
{
    const char *text = value;
    bool more = true;
    config->pinned = true;
    while (more && take_cpus(&text, config)) {
        if (*text == '\0') {
            return STATUS_OK;
        }
        more = *text++ == ',';
    }
    return refuse(why, STATUS_RANGE,
                  "cpu=%.24s: expected numbers of CPUs, 0 to %d, such as 2 or 1,4-7", value,
                  HOST_CPUS_MAX - 1);
}

static enum status parse_share(const char *value, struct vm_config *config, struct reason *why)
{
    uint64_t number;
    if (!text_parse_u64(value, strlen(value), &number) || number == 0 || number > VM_SHARE_MAX) {
        return refuse(why, STATUS_RANGE, "share=%.24s: expected a number from 1 to %d", value,
                      VM_SHARE_MAX);
    }
    config->share = (unsigned)number;
    return STATUS_OK;
}

static enum status parse_restart(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const names[] = {
        [RESTART_NEVER] = "never",
        [RESTART_ALWAYS] = "always",
        [RESTART_ON_FAILURE] = "on-failure",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (text_equal(value, names[i])) {
            config->restart = (enum restart_policy)i;
            return STATUS_OK;
        }
    }
    return refuse(why, STATUS_INVALID, "restart=%.24s: expected never, always or on-failure",
                  value);
}

static enum status parse_kind(const char *value, struct vm_config *config, struct reason *why)
{
    for (unsigned i = PAYLOAD_UNKNOWN + 1; i < PAYLOAD_KINDS; i++) {
        if (text_equal(value, payload_kind_name((enum payload_kind)i))) {
            config->kind = (enum payload_kind)i;
            return STATUS_OK;
        }
    }
    return refuse(why, STATUS_INVALID,
                  "kind=%.24s: expected flat, elf32, elf64, linux, multiboot1 or multiboot2",
                  value);
}

static_assert(PAYLOAD_KINDS == 7, "parse_kind states the kinds");

// The value of a key is one of two words. `*chosen`: it is the first one.
static enum status parse_either(const char *key, const char *value, const char *const words[2],
                                bool *chosen, struct reason *why)
{
    *chosen = text_equal(value, words[0]);
    if (!*chosen && !text_equal(value, words[1])) {
        return refuse(why, STATUS_INVALID, "%s=%.24s: expected %s or %s", key, value, words[0],
                      words[1]);
    }
    return STATUS_OK;
}

static enum status parse_start(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const words[] = {"yes", "no"};
    return parse_either("start", value, words, &config->autostart, why);
}

static enum status parse_pv(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const words[] = {"no", "yes"};
    return parse_either("pv", value, words, &config->no_paravirt, why);
}

static enum status parse_random(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const words[] = {"yes", "no"};
    return parse_either("rng", value, words, &config->random, why);
}

static enum status parse_hvc(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const words[] = {"yes", "no"};
    return parse_either("hvc", value, words, &config->hvc, why);
}

static enum status parse_balloon(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const words[] = {"yes", "no"};
    return parse_either("balloon", value, words, &config->balloon, why);
}

static enum status parse_msrs(const char *value, struct vm_config *config, struct reason *why)
{
    static const char *const words[] = {"ignore", "fault"};
    return parse_either("msrs", value, words, &config->ignore_msrs, why);
}

// The keys that are more than a word with a value.
enum {
    VM_KEY_NAME = 0, // the only one that further modules of a VM have
    VM_KEY_HVC = 13, // follows from the payload's command line if it is not given
    VM_KEY_NET = 14, // may be given several times
};

static const struct {
    const char *key;
    enum status (*parse)(const char *value, struct vm_config *config, struct reason *why);
} vm_keys[] = {
    {"vm", parse_name},
    {"mem", parse_memory},
    {"cpus", parse_vcpus},
    {"cpu", parse_cpu},
    {"share", parse_share},
    {"restart", parse_restart},
    {"kind", parse_kind},
    {"start", parse_start},
    {"msrs", parse_msrs},
    {"pv", parse_pv},
    {"rng", parse_random},
    {"ram-disk", config_parse_ram_disks},
    {"balloon", parse_balloon},
    [VM_KEY_HVC] = {"hvc", parse_hvc},
    [VM_KEY_NET] = {"net", config_parse_net},
};

static enum status parse_word(const struct config_word *word, unsigned *seen,
                              struct vm_config *config, struct reason *why)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vm_keys) && word->value && !word->cut; i++) {
        if (!text_equal(word->text, vm_keys[i].key)) {
            continue;
        }
        enum status status = i == VM_KEY_NET ? STATUS_OK : config_note_key(word, i, seen, why);
        if (status != STATUS_OK) {
            return status;
        }
        if (i != VM_KEY_NAME && config->setting[0] == '\0') {
            format_text(config->setting, sizeof(config->setting), "%s=%.24s", word->text,
                        word->value);
        }
        return vm_keys[i].parse(word->value, config, why);
    }
    return config_refuse_word(word, VM_KEYS, why);
}

// Whether the payload is told to use the second console.
static bool names_hvc(const char *command_line)
{
    static const char word[] = "console=hvc0";
    size_t length = sizeof(word) - 1;
    for (size_t left = strlen(command_line); left >= length; left--) {
        if (memcmp(command_line++, word, length) == 0) {
            return true;
        }
    }
    return false;
}

enum status config_parse_vm(const char *line, struct vm_config *config, struct reason *why)
{
    struct config_word word;
    unsigned seen = 0;
    *config = (struct vm_config){
        .memory_bytes = VM_MEMORY_DEFAULT, .vcpus = 1, .autostart = true, .command_line = ""};
    for (bool first = true; config_next_word(&line, &word); first = false) {
        if (config_word_is_end(&word)) {
            config->command_line = line + (*line == ' ' ? 1 : 0);
            break;
        }
        if (first && config_word_is_path(&word)) {
            continue;
        }
        enum status status = parse_word(&word, &seen, config, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!(seen & BIT(VM_KEY_NAME))) {
        return refuse(why, STATUS_INVALID, "vm=NAME is missing");
    }
    if (!(seen & BIT(VM_KEY_HVC))) {
        config->hvc = names_hvc(config->command_line);
    }
    return STATUS_OK;
}

enum status config_check_module(const struct vm_config *config, struct reason *why)
{
    if (config->setting[0] != '\0') {
        return refuse(why, STATUS_INVALID, "%s: a further module of a VM has vm= and -- only",
                      config->setting);
    }
    return STATUS_OK;
}

bool config_names_vm(const char *line, const char *name)
{
    struct config_word word;
    while (config_next_word(&line, &word) && !config_word_is_end(&word)) {
        if (word.value && text_equal(word.text, vm_keys[VM_KEY_NAME].key) &&
            text_equal(word.value, name)) {
            return true;
        }
    }
    return false;
}
