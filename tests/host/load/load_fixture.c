// SPDX-License-Identifier: MIT
// The VM that the loaders' tests load into.
#include "tests/host/load/load_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/ram_fixture.h"
#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct load_request request;
struct load_result result;
struct reason why;
struct load_plan plan;

void load_set_ram(uint64_t bytes)
{
    ram_set(bytes, 0xee);
}

int load_set_up(void **state)
{
    (void)state;
    load_set_ram(RAM_BYTES);
    plan = (struct load_plan){.count = 0};
    request = (struct load_request){.payload = {.command_line = "one two"}};
    return 0;
}

enum status carry_out(enum status status)
{
    while (status == STATUS_OK && !load_plan_step(&plan, &memory, 1000)) {
        // one piece after the other
    }
    return status;
}

enum status load(void)
{
    memset(&why, 0, sizeof(why));
    request.plan = &plan;
    return carry_out(payload_load(&request, &memory, &result, &why));
}

void assert_loads(void)
{
    if (load() != STATUS_OK) {
        fail_msg("%s", why.text);
    }
}

void assert_refused(const char *text)
{
    assert_int_not_equal(load(), STATUS_OK);
    assert_string_equal(why.text, text);
}

uint32_t ram32(uint64_t address)
{
    uint32_t value;
    memcpy(&value, guest_memory_at(&memory, gpa(address), sizeof(value)), sizeof(value));
    return value;
}

uint64_t ram64(uint64_t address)
{
    return ram32(address) | (uint64_t)ram32(address + 4) << 32;
}

void assert_identity(uint64_t address)
{
    uint64_t pml4e = ram64(result.cr3 + (address >> 39) * 8);
    uint64_t pdpte;
    uint64_t pde;
    assert_int_equal(pml4e & 0xfff, 3);
    pdpte = ram64((pml4e & ~0xfffULL) + (address >> 30 & 511) * 8);
    assert_int_equal(pdpte & 0xfff, 3);
    pde = ram64((pdpte & ~0xfffULL) + (address >> 21 & 511) * 8);
    assert_int_equal(pde, (address & ~0x1fffffULL) | 0x83);
}
