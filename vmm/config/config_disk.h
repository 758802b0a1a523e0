// SPDX-License-Identifier: MIT
// Turns what GRUB's lines say of disks into structures.
#pragma once

#include "vmm/config/config.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define CONFIG_DISK_VMS_MAX 16

// The line of a module that is the image of a disk, for one VM or several.
struct config_disk_line {
    struct disk_config disk;
    unsigned vm_count;
    char vms[CONFIG_DISK_VMS_MAX][VM_NAME_MAX];
};

// Whether the module's line has disk= before its `--`.
bool config_is_disk(const char *line);
// Reads such a line. `line->vms` is right after a refusal too, as far as the names could be read:
// these VMs lack their disk.
enum status config_parse_disk(const char *text, struct config_disk_line *line, struct reason *why);

// Reads the value of ram-disk=, such as scratch:2G or a:1G,keep,b:512M.
enum status config_parse_ram_disks(const char *value, struct vm_config *config, struct reason *why);
