// SPDX-License-Identifier: MIT
// Fuzzes the loaders: any bytes as a payload of any kind, and as a further module.
#include "vmm/load.h"

#include <stdlib.h>
#include <string.h>

#define RAM_BYTES (2 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_result(const struct load_result *result, const struct guest_memory *memory)
{
    require(guest_memory_at(memory, gpa(result->entry), 1) != NULL);
    switch (result->mode) {
    case START_REAL:
        require(result->entry < MIB);
        break;
    case START_PROTECTED:
        require(guest_memory_at(memory, gpa(result->rbx), 116) != NULL);
        break;
    case START_LONG:
        require(IS_ALIGNED(result->cr3, PAGE_SIZE) && IS_ALIGNED(result->stack, 16));
        require(guest_memory_at(memory, gpa(result->cr3), 6 * PAGE_SIZE) != NULL);
        require(guest_memory_at(memory, gpa(result->stack - 1), 1) != NULL);
        require(guest_memory_at(memory, gpa(result->rdi), 1) != NULL);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(4096) uint8_t ram[RAM_BYTES];
    struct guest_memory memory = {.base = ram};
    struct load_request request = {.payload = {data, size, "command line"}};
    struct load_result result;
    struct reason why;

    memory.extent_count = guest_memory_layout(RAM_BYTES, memory.extents);
    for (unsigned kind = PAYLOAD_UNKNOWN; kind < PAYLOAD_KINDS; kind++) {
        request.kind = (enum payload_kind)kind;
        request.module_count = kind == PAYLOAD_MULTIBOOT1;
        request.modules[0] = (struct payload){data, size, "module"};
        memset(&why, 0, sizeof(why));
        if (payload_load(&request, &memory, &result, &why) == STATUS_OK) {
            check_result(&result, &memory);
        } else {
            require(why.text[0] != '\0' && memchr(why.text, 0, sizeof(why.text)) != NULL);
        }
    }
    return 0;
}
