// SPDX-License-Identifier: MIT
// What the tests of the loaders share: a VM's RAM, a request, and its result.
#pragma once

#include "tests/host/ram_fixture.h"
#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"

#define RAM_BYTES (4 * MIB)

extern struct load_request request;
extern struct load_result result;
extern struct reason why;
extern struct load_plan plan;

// RAM (see ram_fixture.h) of RAM_BYTES full of 0xee, and an empty request. For cmocka, with
// ram_tear_down.
int load_set_up(void **state);

// RAM of another size, also full of 0xee.
void load_set_ram(uint64_t bytes);

// Carries out the plan of a loader that returned STATUS_OK. Returns `status`.
enum status carry_out(enum status status);

enum status load(void);
void assert_loads(void);
void assert_refused(const char *text);

uint32_t ram32(uint64_t address);
uint64_t ram64(uint64_t address);

// Whether long mode's page tables at result.cr3 map the 2 MiB at `address` to themselves.
void assert_identity(uint64_t address);
