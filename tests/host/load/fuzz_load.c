// SPDX-License-Identifier: MIT
// Fuzzes the loaders: any bytes as a payload of any kind, and as a further module.
#include "tests/host/load/load_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/load/load_plan.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define RAM_BYTES (4 * MIB)
#define PIECE_BYTES (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(4096) uint8_t ram[RAM_BYTES];
    static struct load_plan plan;
    struct guest_memory memory = {.base = ram};
    struct load_request request = {.payload = {data, size, "command line"},
                                   .module_count = 1,
                                   .modules = {{data, size, "module"}},
                                   .plan = &plan};
    struct load_result result;
    struct reason why;
    memory.extent_count = guest_memory_layout(RAM_BYTES, memory.extents);
    for (unsigned kind = PAYLOAD_UNKNOWN; kind < PAYLOAD_KINDS; kind++) {
        const char *complaint;
        request.kind = (enum payload_kind)kind;
        memset(&why, 0, sizeof(why));
        enum status status = payload_load(&request, &memory, &result, &why);
        complaint = load_complaint(status, &result, &plan, &memory, &why);
        if (complaint) {
            (void)fprintf(stderr, "kind %u: %s\n", kind, complaint);
            abort();
        }
        while (status == STATUS_OK && !load_plan_step(&plan, &memory, PIECE_BYTES)) {
            // one piece after the other
        }
    }
    return 0;
}
