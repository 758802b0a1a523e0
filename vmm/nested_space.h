// SPDX-License-Identifier: MIT
// A VM's guest-physical memory as a back end maps it: the part of the seam about nested paging.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

enum memory_access {
    ACCESS_READ = BIT(0),
    ACCESS_WRITE = BIT(1),
    ACCESS_EXECUTE = BIT(2),
    ACCESS_ALL = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
};

// The nested page table and the permission maps of one VM. Only the back end knows what is in it.
struct nested_space;

// The way of a guest-physical address through the nested page table.
#define NESTED_STEPS_MAX 4

struct nested_step {
    hpa_t at;
    uint64_t entry;
    unsigned access; // enum memory_access: what this entry allows
};

struct nested_way {
    unsigned step_count;
    struct nested_step steps[NESTED_STEPS_MAX]; // the highest level first
    uint64_t page_bytes;                        // of the page that the last one maps; 0: none
    // If there is a page:
    hpa_t hpa;           // of the address itself
    uint8_t memory_type; // the nested table's (SDM Vol. 3A 12.3, table 12-2)
    bool ignores_pat;    // the types of the guest's own PAT do not count
};

// A VM's nested page table and permission maps, which all its vCPUs share.
struct space_ops {
    enum status (*create)(struct nested_space **space);
    // Gives a part of it back, in far less than 1 ms. True: all of it is gone. False: call it
    // again; until then nothing else may be done with it.
    MUST_CHECK bool (*destroy)(struct nested_space *space);
    // Maps a part of the range from its start on, at least a page, in far less than 1 ms. Returns
    // how many bytes are mapped; 0: there are no frames for tables. gpa, hpa and bytes are
    // multiples of 4 KiB. The largest pages that fit are used.
    MUST_CHECK uint64_t (*map)(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                               unsigned access);
    // Splits large pages. A vCPU that runs meanwhile may use an unmapped page until its next entry.
    // None may run if the range has whole 2 MiB that begin at a multiple of 2 MiB.
    enum status (*unmap)(struct nested_space *space, gpa_t gpa, uint64_t bytes);
    // Finds the way of an address as it is now. For a person: it changes nothing.
    void (*find)(struct nested_space *space, gpa_t gpa, struct nested_way *way);
    // Sets whether RDMSR and WRMSR of that MSR exit. At first they exit for all MSRs.
    void (*intercept_msr)(struct nested_space *space, uint32_t msr, bool reads, bool writes);
};
