// SPDX-License-Identifier: MIT
// Finds the memory of a VM by a vCPU's page tables, or by guest-physical addresses.
#include "vmm/debug/gdb/gdb_memory.h"

#include "vmm/address.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/ram_reader.h"
#include "vmm/debug/table_walk.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_paging.h"
#include "vmm/vm/vm.h"

static bool translate(const struct vm *vm, const struct gdb_place *place, uint64_t *physical)
{
    static const struct table_cpu any_cpu = {.physical_bits = 52, .pages_1g = true};
    const struct vcpu *vcpu = vm->vcpus[place->thread.vcpu];
    struct ram_reader reader;
    struct table_walk walk;
    *physical = place->address;
    if (place->physical) {
        return true;
    }
    if (!vcpu) {
        return false;
    }
    struct paging_state state = vcpu_paging(vcpu);
    ram_reader_init(&reader, &vm->memory);
    table_walk(&reader.reader, &state, &any_cpu, gva(place->address), &walk);
    *physical = walk.gpa.value;
    return walk.end == TABLE_MAPPED;
}

// The next piece of at most `length` bytes, within one page. NULL: it is not there.
static uint8_t *next_piece(struct vm *vm, struct gdb_place *place, size_t length, size_t *bytes)
{
    uint64_t physical;
    *bytes = (size_t)MIN(length, PAGE_SIZE - place->address % PAGE_SIZE);
    if (!translate(vm, place, &physical)) {
        return NULL;
    }
    place->address += *bytes;
    return guest_memory_at(&vm->memory, gpa(physical), *bytes);
}

size_t gdb_memory_read(struct vm *vm, struct gdb_place place, void *bytes, size_t length)
{
    uint8_t *to = bytes;
    size_t done = 0;
    size_t piece;
    const uint8_t *at;
    while (done < length && (at = next_piece(vm, &place, length - done, &piece))) {
        memcpy(to + done, at, piece);
        done += piece;
    }
    return done;
}

size_t gdb_memory_write(struct vm *vm, struct gdb_place place, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    size_t done = 0;
    size_t piece;
    uint8_t *at;
    while (done < length && (at = next_piece(vm, &place, length - done, &piece))) {
        memcpy(at, from + done, piece);
        done += piece;
    }
    return done;
}
