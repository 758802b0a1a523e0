// SPDX-License-Identifier: MIT
// Fuzzes the configuration: any text as Husk's command line and as a VM's line.
#include "vmm/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/features.h"
#include "vmm/config/config_disk.h"
#include "vmm/config/config_vm.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/vm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool is_name(const char *name)
{
    return memchr(name, 0, VM_NAME_MAX) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               strlen(name);
}

static void complain(void *context, const char *text)
{
    require(*(int *)context == 1 && text[0] != '\0');
}

static void check_husk(const char *line)
{
    struct husk_config config;
    int context = 1;
    config_parse_husk(line, &config, complain, &context);
    require(config.guest_count <= CONFIG_GUESTS_MAX && config.consoles != 0);
    require(is_name(config.focus));
    require(config.features_off < BIT(OPTIONAL_COUNT));
    for (unsigned i = 0; i < config.guest_count; i++) {
        require(is_name(config.guests[i]) && config.guests[i][0] != '\0');
    }
}

static void check_disk_config(const struct disk_config *disk)
{
    require(is_name(disk->name) && disk->name[0] != '\0');
    require(disk->overlay_bytes == 0 ||
            (disk->overlay_bytes >= DISK_OVERLAY_MIN && disk->overlay_bytes <= DISK_OVERLAY_MAX));
}

static void check_nets(const struct vm_config *config)
{
    require(config->net_count <= VM_NETS_MAX);
    for (unsigned i = 0; i < config->net_count; i++) {
        const struct net_config *net = &config->nets[i];
        require(is_name(net->name) && net->name[0] != '\0');
        require(!net->has_mac || !(net->mac.bytes[0] & 1));
    }
}

static void check_vm(const char *line)
{
    struct vm_config config;
    struct reason why = {""};
    if (config_parse_vm(line, &config, &why) != STATUS_OK) {
        require(why.text[0] != '\0');
        return;
    }
    require(is_name(config.name) && config.name[0] != '\0');
    require(config.memory_bytes >= VM_MEMORY_MIN && config.memory_bytes <= GUEST_MEMORY_MAX);
    require(IS_ALIGNED(config.memory_bytes, PAGE_SIZE));
    require(config.vcpus >= 1 && config.vcpus <= VM_VCPUS_MAX);
    require(config.pinned ==
            ((config.cpus[0] | config.cpus[1] | config.cpus[2] | config.cpus[3]) != 0));
    require(config.command_line[0] == '\0' ||
            (config.command_line >= line && config.command_line <= line + strlen(line)));
    require(memchr(config.setting, 0, CONFIG_SETTING_BYTES));
    require(config.ram_disk_count <= VM_RAM_DISKS_MAX);
    for (unsigned i = 0; i < config.ram_disk_count; i++) {
        check_disk_config(&config.ram_disks[i]);
    }
    check_nets(&config);
    require((config_check_module(&config, &why) == STATUS_OK) == (config.setting[0] == '\0'));
}

static void check_disk(const char *line)
{
    struct config_disk_line disk;
    struct reason why = {""};
    enum status status = config_parse_disk(line, &disk, &why);
    require(disk.vm_count <= CONFIG_DISK_VMS_MAX);
    for (unsigned i = 0; i < disk.vm_count; i++) {
        require(is_name(disk.vms[i]) && disk.vms[i][0] != '\0');
    }
    if (status != STATUS_OK) {
        require(why.text[0] != '\0');
    } else if (config_is_disk(line)) {
        require(disk.vm_count > 0);
        check_disk_config(&disk.disk);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);
    require(line);
    memcpy(line, data, size);
    line[size] = '\0';
    check_husk(line);
    check_vm(line);
    check_disk(line);
    free(line);
    return 0;
}
