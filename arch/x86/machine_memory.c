// SPDX-License-Identifier: MIT
// Tells addresses that can be a device's from those that firmware has wrong.
#include "arch/x86/machine_memory.h"

#include "arch/x86/cpuid.h"

#define PHYSICAL_BITS_DEFAULT 36

static const struct machine_memory *machine;

void machine_memory_set(const struct machine_memory *memory)
{
    machine = memory;
}

bool machine_memory_has(uint64_t address, uint64_t bytes)
{
    unsigned bits = cpuid_checked(CPUID_ADDRESS_SIZES, 0).eax & PHYSICAL_BITS_MASK;
    uint64_t limit = BIT(bits != 0 ? bits : PHYSICAL_BITS_DEFAULT);
    return address < limit && bytes <= limit - address;
}

bool machine_memory_can_be_device(uint64_t address, uint64_t bytes)
{
    if (!machine_memory_has(address, bytes)) {
        return false;
    }
    for (unsigned i = 0; machine && i < machine->usable_count; i++) {
        const struct memory_span *usable = &machine->usable[i];
        if (address < usable->start + usable->bytes && usable->start < address + bytes) {
            return false;
        }
    }
    return true;
}
