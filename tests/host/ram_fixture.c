// SPDX-License-Identifier: MIT
// Allocates a VM's RAM as one block of this program's memory.
#include "tests/host/ram_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

uint8_t *ram;
struct guest_memory memory;

void ram_set(uint64_t bytes, uint8_t fill)
{
    free(ram);
    ram = aligned_alloc(PAGE_SIZE, bytes);
    assert_non_null(ram);
    memset(ram, fill, bytes);
    memory = (struct guest_memory){.base = ram};
    memory.extent_count = guest_memory_layout(bytes, memory.extents);
}

int ram_tear_down(void **state)
{
    (void)state;
    free(ram);
    ram = NULL;
    return 0;
}
