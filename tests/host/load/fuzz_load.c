// SPDX-License-Identifier: MIT
// Fuzzes the loaders: any bytes as a payload of any kind, and as a further module.
#include "tests/host/load/load_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

#define RAM_BYTES (4 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(4096) uint8_t ram[RAM_BYTES];
    struct guest_memory memory = {.base = ram};
    struct load_request request = {.payload = {data, size, "command line"},
                                   .module_count = 1,
                                   .modules = {{data, size, "module"}}};
    struct load_result result;
    struct reason why;
    memory.extent_count = guest_memory_layout(RAM_BYTES, memory.extents);
    for (unsigned kind = PAYLOAD_UNKNOWN; kind < PAYLOAD_KINDS; kind++) {
        const char *complaint;
        request.kind = (enum payload_kind)kind;
        memset(&why, 0, sizeof(why));
        complaint =
            load_complaint(payload_load(&request, &memory, &result, &why), &result, &memory, &why);
        if (complaint) {
            (void)fprintf(stderr, "kind %u: %s\n", kind, complaint);
            abort();
        }
    }
    return 0;
}
