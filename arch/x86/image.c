// SPDX-License-Identifier: MIT
// Physical addresses of the image, from those of the linker.
#include "arch/x86/image.h"

#include "arch/x86/paging.h"

extern const char image_physical_start[]; // linker.ld
extern const char image_physical_end[];

extern uint64_t image_moved_by; // boot/multiboot2.asm writes it before there is any C
uint64_t image_moved_by;

struct memory_span image_span(void)
{
    return (struct memory_span){.start = (uintptr_t)image_physical_start + image_moved_by,
                                .bytes = (uint64_t)(image_physical_end - image_physical_start)};
}

uint64_t image_offset(void)
{
    return image_moved_by;
}

uint64_t image_physical(const void *address)
{
    return (uintptr_t)address - KERNEL_BASE + image_moved_by;
}
