// SPDX-License-Identifier: MIT
// Fuzzes the Multiboot2 tags: with any bytes, the result keeps the promises of boot_info.h.
#include "boot/boot_info.h"

#include <stdlib.h>
#include <string.h>

static struct boot_info info;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_ranges(void)
{
    uint64_t end = 0;
    check(info.range_count <= BOOT_RANGES_MAX);
    for (unsigned i = 0; i < info.range_count; i++) {
        const struct memory_range *range = &info.ranges[i];
        check(range->start >= end && range->bytes != 0);
        check(range->bytes <= BIT(52) - range->start);
        check(range->kind != MEMORY_USABLE || IS_ALIGNED(range->start | range->bytes, PAGE_SIZE));
        end = range->start + range->bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reason why;
    if (boot_info_parse(data, size, &info, &why) != STATUS_OK) {
        return 0;
    }
    check_ranges();
    check(info.module_count <= BOOT_MODULES_MAX);
    for (unsigned i = 0; i < info.module_count; i++) {
        check(memchr(info.modules[i].command_line, 0, BOOT_MODULE_TEXT_BYTES));
    }
    check(memchr(info.command_line, 0, sizeof(info.command_line)));
    check(info.rsdp_bytes == 0 || info.rsdp_bytes == 20 || info.rsdp_bytes == 36);
    return 0;
}
