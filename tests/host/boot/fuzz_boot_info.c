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

static void check_memory(void)
{
    uint64_t end = 0;
    check(info.memory.count <= MEMORY_SPANS_MAX);
    for (unsigned i = 0; i < info.memory.count; i++) {
        const struct memory_span *span = &info.memory.spans[i];
        check(i == 0 || span->start > end);
        check(span->bytes != 0 && span->bytes <= BIT(52) - span->start);
        check(IS_ALIGNED(span->start | span->bytes, PAGE_SIZE));
        end = span->start + span->bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reason why;
    if (boot_info_parse(data, size, &info, &why) != STATUS_OK) {
        return 0;
    }
    check_memory();
    check(info.module_count <= BOOT_MODULES_MAX);
    for (unsigned i = 0; i < info.module_count; i++) {
        check(memchr(info.modules[i].command_line, 0, BOOT_MODULE_TEXT_BYTES));
    }
    check(memchr(info.command_line, 0, sizeof(info.command_line)));
    check(info.rsdp_bytes == 0 || info.rsdp_bytes == 20 || info.rsdp_bytes == 36);
    return 0;
}
