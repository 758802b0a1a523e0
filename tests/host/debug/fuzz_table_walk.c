// SPDX-License-Identifier: MIT
// Fuzzes the walk for a person with any tables in any mode, and holds it against the walk by which
// Husk translates: both must find the same address, or the same reason why there is none.
#include "vmm/debug/table_walk.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_PAGES 4
#define RAM_BYTES (RAM_PAGES * PAGE_SIZE)

static _Alignas(4096) uint8_t ram[RAM_BYTES];
static struct guest_memory memory = {
    .base = ram, .extent_count = 1, .extents = {{.bytes = RAM_BYTES}}};

// The start of the input. The rest is patches of the RAM.
struct PACKED input {
    uint8_t mode;
    uint8_t bits; // of registers
    uint64_t address;
    uint64_t cr3;
    uint64_t pdptes[4];
};

struct PACKED patch {
    uint16_t at;
    uint64_t entry;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool read_ram(struct table_reader *reader, gpa_t address, unsigned width, uint64_t *value)
{
    (void)reader;
    const void *at = guest_memory_at(&memory, address, width);
    if (at) {
        *value = 0;
        memcpy(value, at, width);
    }
    return at;
}

static struct paging_state state_of(const struct input *input)
{
    struct paging_state state = {.cr0 = input->bits & 1 ? CR0_PG | CR0_WP : CR0_PG,
                                 .cr3 = input->cr3 % (RAM_BYTES + PAGE_SIZE),
                                 .efer = input->bits & 2 ? EFER_NXE : 0,
                                 .cr4 = input->bits & 4 ? CR4_PSE : 0,
                                 .cpl = input->bits & 8 ? 3 : 0};
    switch (input->mode % 6) {
    case 0:
        state.cr0 = 0;
        break;
    case 1:
        break;
    case 2:
        state.has_pdptes = true;
        // fallthrough
    case 3:
        state.cr4 |= CR4_PAE;
        break;
    case 4:
        state.cr4 |= CR4_PAE;
        state.efer |= EFER_LMA;
        break;
    default:
        state.cr4 |= CR4_PAE | CR4_LA57;
        state.efer |= EFER_LMA;
        break;
    }
    state.cr4 |= input->bits & 0x10 ? CR4_SMEP : 0;
    memcpy(state.pdptes, input->pdptes, sizeof(state.pdptes));
    return state;
}

static void fill_ram(const uint8_t *data, size_t size)
{
    struct patch patch;
    // All entries lead to tables in RAM at first.
    for (unsigned i = 0; i < RAM_BYTES / 8; i++) {
        uint64_t entry = (i % RAM_PAGES) * PAGE_SIZE | 7;
        memcpy(ram + (size_t)i * 8, &entry, sizeof(entry));
    }
    for (; size >= sizeof(patch); data += sizeof(patch), size -= sizeof(patch)) {
        memcpy(&patch, data, sizeof(patch));
        memcpy(ram + patch.at % (RAM_BYTES / 8) * 8, &patch.entry, sizeof(patch.entry));
    }
}

// A register that MOV to CR3 has loaded has no reserved bits set: the CPU has looked.
static bool reserved_in_register(const struct table_walk *walk)
{
    return walk->end == TABLE_RESERVED && walk->steps[walk->step_count - 1].in_register;
}

static void compare(const struct table_walk *walk, enum walk_outcome outcome,
                    const struct walk_result *result, bool allowed)
{
    switch (walk->end) {
    case TABLE_MAPPED:
        require((outcome == WALK_MAPPED) == allowed);
        require(outcome != WALK_MAPPED || result->gpa.value == walk->gpa.value);
        require(outcome == WALK_MAPPED || !(result->error_code & PAGE_FAULT_RESERVED));
        break;
    case TABLE_ABSENT:
        require(outcome == WALK_PAGE_FAULT && !(result->error_code & PAGE_FAULT_PRESENT));
        break;
    default:
        require(outcome == WALK_PAGE_FAULT && (result->error_code & PAGE_FAULT_RESERVED));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t before[RAM_BYTES];
    struct table_reader reader = {.read = read_ram};
    // Address bits above MAXPHYADDR are not checked by the other walk.
    struct table_cpu cpu = {.physical_bits = 52, .pages_1g = true};
    struct input input;
    struct table_walk walk;
    struct walk_result result;
    if (size < sizeof(input)) {
        return 0;
    }
    memcpy(&input, data, sizeof(input));
    fill_ram(data + sizeof(input), size - sizeof(input));
    struct paging_state state = state_of(&input);
    unsigned access = 1U << input.mode / 6 % 3;
    memcpy(before, ram, sizeof(ram));
    table_walk(&reader, &state, &cpu, gva(input.address), &walk);
    require(memcmp(before, ram, sizeof(ram)) == 0);
    require(walk.step_count <= TABLE_STEPS_MAX);
    if (walk.end == TABLE_NO_ADDRESS || reserved_in_register(&walk)) {
        return 0;
    }
    bool allowed =
        walk.mode == TABLE_NONE || guest_walk_allows(&state, walk.every, walk.some, access);
    compare(&walk, guest_walk(&memory, &state, gva(input.address), access, &result), &result,
            allowed);
    return 0;
}
