// SPDX-License-Identifier: MIT
// Reads disk=, overlay= and ram-disk=.
#include "vmm/config/config_disk.h"

#include "vmm/config/config.h"
#include "vmm/config/config_words.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define DISK_KEYS "vm= disk= overlay="

static enum status refuse_name(const char *key, struct reason *why)
{
    return refuse(why, STATUS_INVALID, "%s=: a disk's name is %s", key, CONFIG_NAME_RULE);
}

static enum status parse_vms(const char *value, struct config_disk_line *line, struct reason *why)
{
    struct config_item item;
    while (config_next_item(&value, &item)) {
        if (line->vm_count == CONFIG_DISK_VMS_MAX) {
            return refuse(why, STATUS_RANGE, "vm=: at most %u VMs have one disk",
                          CONFIG_DISK_VMS_MAX);
        }
        if (!config_parse_name(item.text, item.length, line->vms[line->vm_count], VM_NAME_MAX)) {
            return refuse(why, STATUS_INVALID, "vm=: expected names of VMs with commas, each %s",
                          CONFIG_NAME_RULE);
        }
        line->vm_count++;
    }
    return STATUS_OK;
}

static enum status parse_disk(const char *value, struct config_disk_line *line, struct reason *why)
{
    struct disk_config *disk = &line->disk;
    struct config_item item;
    (void)config_next_item(&value, &item); // there is one, maybe empty
    if (!config_parse_name(item.text, item.length, disk->name, sizeof(disk->name))) {
        return refuse_name("disk", why);
    }
    while (config_next_item(&value, &item)) {
        if (config_item_is(item, "ro")) {
            disk->read_only = true;
        } else if (config_item_is(item, "keep")) {
            disk->keep = true;
        } else {
            return refuse(why, STATUS_INVALID, "disk=%s: behind the name: expected ro or keep",
                          disk->name);
        }
    }
    return STATUS_OK;
}

static enum status parse_overlay(const char *value, struct config_disk_line *line,
                                 struct reason *why)
{
    uint64_t bytes;
    if (!text_parse_size(value, strlen(value), &bytes) || bytes < DISK_OVERLAY_MIN ||
        bytes > DISK_OVERLAY_MAX) {
        return refuse(why, STATUS_RANGE, "overlay=%.24s: expected a size, %lluM to %lluG", value,
                      (unsigned long long)(DISK_OVERLAY_MIN / MIB),
                      (unsigned long long)(DISK_OVERLAY_MAX / GIB));
    }
    line->disk.overlay_bytes = bytes;
    return STATUS_OK;
}

static const struct {
    const char *key;
    enum status (*parse)(const char *value, struct config_disk_line *line, struct reason *why);
} disk_keys[] = {{"vm", parse_vms}, {"disk", parse_disk}, {"overlay", parse_overlay}};

static enum status parse_word(const struct config_word *word, unsigned *seen,
                              struct config_disk_line *line, struct reason *why)
{
    for (unsigned i = 0; i < ARRAY_SIZE(disk_keys) && word->value && !word->cut; i++) {
        if (!text_equal(word->text, disk_keys[i].key)) {
            continue;
        }
        enum status status = config_note_key(word, i, seen, why);
        return status == STATUS_OK ? disk_keys[i].parse(word->value, line, why) : status;
    }
    return config_refuse_word(word, DISK_KEYS, why);
}

bool config_is_disk(const char *line)
{
    struct config_word word;
    while (config_next_word(&line, &word) && !config_word_is_end(&word)) {
        if (word.value && text_equal(word.text, "disk")) {
            return true;
        }
    }
    return false;
}

enum status config_parse_disk(const char *text, struct config_disk_line *line, struct reason *why)
{
    struct config_word word;
    enum status result = STATUS_OK;
    unsigned seen = 0;
    *line = (struct config_disk_line){0};
    for (bool first = true; config_next_word(&text, &word); first = false) {
        struct reason other;
        if (first && config_word_is_path(&word)) {
            continue;
        }
        enum status status = parse_word(&word, &seen, line, &other);
        if (status != STATUS_OK && result == STATUS_OK) { // the names of VMs may come behind it
            result = status;
            *why = other;
        }
    }
    if (result != STATUS_OK) {
        return result;
    }
    return line->vm_count > 0
               ? STATUS_OK
               : refuse(why, STATUS_INVALID, "disk=%s: vm=NAME is missing", line->disk.name);
}

// Reads NAME:SIZE.
static enum status parse_ram_disk(struct config_item item, struct disk_config *disk,
                                  struct reason *why)
{
    size_t colon = 0;
    while (colon < item.length && item.text[colon] != ':') {
        colon++;
    }
    *disk = (struct disk_config){0};
    if (!config_parse_name(item.text, colon, disk->name, sizeof(disk->name))) {
        return refuse_name("ram-disk", why);
    }
    if (colon == item.length ||
        !text_parse_size(&item.text[colon + 1], item.length - colon - 1, &disk->ram_bytes)) {
        return refuse(why, STATUS_INVALID, "ram-disk=%s: expected a size behind it, such as %s:1G",
                      disk->name, disk->name);
    }
    if (disk->ram_bytes < DISK_OVERLAY_MIN || disk->ram_bytes > DISK_OVERLAY_MAX ||
        !IS_ALIGNED(disk->ram_bytes, PAGE_SIZE)) {
        return refuse(why, STATUS_RANGE,
                      "ram-disk=%s: expected a size of %lluM to %lluG, a multiple of 4K",
                      disk->name, (unsigned long long)(DISK_OVERLAY_MIN / MIB),
                      (unsigned long long)(DISK_OVERLAY_MAX / GIB));
    }
    disk->overlay_bytes = disk->ram_bytes;
    return STATUS_OK;
}

enum status config_parse_ram_disks(const char *value, struct vm_config *config, struct reason *why)
{
    struct config_item item;
    while (config_next_item(&value, &item)) {
        if (config_item_is(item, "keep") && config->ram_disk_count > 0) {
            config->ram_disks[config->ram_disk_count - 1].keep = true;
            continue;
        }
        if (config->ram_disk_count == VM_RAM_DISKS_MAX) {
            return refuse(why, STATUS_RANGE, "ram-disk=: at most %u of them", VM_RAM_DISKS_MAX);
        }
        enum status status = parse_ram_disk(item, &config->ram_disks[config->ram_disk_count], why);
        if (status != STATUS_OK) {
            return status;
        }
        config->ram_disk_count++;
    }
    return STATUS_OK;
}
