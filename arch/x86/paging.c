// SPDX-License-Identifier: MIT
// The kernel's page tables: the image by its sections, the pool, devices and stacks.
#include "arch/x86/paging.h"

#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/image.h"
#include "arch/x86/instructions.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/page_table.h"
#include "arch/x86/panic.h"
#include "arch/x86/stacks.h"
#include "vmm/util/string.h"

#define WINDOW_BYTES (512 * GIB) // one PML4 entry
#define DATA_FLAGS (PAGE_PRESENT | PAGE_WRITABLE | PAGE_NO_EXECUTE | PAGE_GLOBAL)

extern const char text_start[]; // linker.ld
extern const char text_end[];
extern const char constants_start[];
extern const char constants_end[];
extern const char data_start[];
extern const char data_end[];
extern const char boot_stack_start[];
extern const char boot_stack_end[];

static uint64_t kernel_root;
static uint64_t device_next = DEVICE_WINDOW; // no address is used twice, so no TLB entry is stale

static void map_or_panic(uint64_t address, uint64_t physical, uint64_t bytes, uint64_t flags)
{
    if (!page_table_map(kernel_root, address, physical, bytes, flags)) {
        panic("no frames for the page tables of %#lx", address);
    }
}

static void map_image(const char *start, const char *end, uint64_t flags)
{
    map_or_panic((uintptr_t)start, image_physical(start), (uint64_t)(end - start),
                 flags | PAGE_PRESENT | PAGE_GLOBAL);
}

void paging_init(void)
{
    struct memory_span pool = frames_pool();
    page_table_init();
    kernel_root = frames_physical(frames_allocate(1));
    // All address spaces share the tables below these entries, so the tables must exist from the
    // start.
    if (!page_table_reserve(kernel_root, DIRECT_MAP) ||
        !page_table_reserve(kernel_root, DEVICE_WINDOW) ||
        !page_table_reserve(kernel_root, STACK_WINDOW) ||
        !page_table_reserve(kernel_root, KERNEL_BASE)) {
        panic("no frames for page tables");
    }

    map_image(text_start, text_end, 0);
    map_image(constants_start, constants_end, PAGE_NO_EXECUTE);
    map_image(data_start, data_end, PAGE_NO_EXECUTE | PAGE_WRITABLE);
    map_image(boot_stack_start, boot_stack_end, PAGE_NO_EXECUTE | PAGE_WRITABLE);
    map_or_panic(DIRECT_MAP + pool.start, pool.start, pool.bytes, DATA_FLAGS);
    paging_enter(kernel_root);
}

uint64_t paging_kernel_cr3(void)
{
    return kernel_root;
}

void paging_enter(uint64_t cr3)
{
    cpu_this()->cr3 = cr3;
    if (read_cr3() != cr3) {
        write_cr3(cr3);
    }
}

// Maps the pages that contain `bytes` from `physical` at the next free addresses of the device
// window. The addresses and `physical` have the same offset within 2 MiB, so that large pages fit.
// Returns the address of the first byte.
static uint64_t map_window(uint64_t physical, uint64_t bytes, uint64_t flags)
{
    uint64_t first = ALIGN_DOWN(physical, PAGE_SIZE);
    uint64_t size = ALIGN_UP(physical - first + bytes, PAGE_SIZE);
    uint64_t address = ALIGN_UP(device_next, PAGE_SIZE_2M) + first % PAGE_SIZE_2M;
    if (bytes > WINDOW_BYTES || address + size > DEVICE_WINDOW + WINDOW_BYTES) {
        panic("no addresses to map %#lx bytes at %#lx", bytes, physical);
    }
    device_next = address + size;
    map_or_panic(address, first, size, flags);
    return address + (physical - first);
}

volatile void *paging_map_device(uint64_t physical, uint64_t bytes, enum cache_type type)
{
    static_assert((HOST_PAT >> 8 & 7) == 1, "entry 1, PWT: write-combining (SDM Vol. 3A 12.12.2)");
    static_assert((HOST_PAT >> 24 & 7) == 0, "entry 3, PWT and PCD: uncached");
    static const uint64_t cache_flags[] = {
        [CACHE_WRITE_BACK] = 0,
        [CACHE_WRITE_COMBINING] = PAGE_WRITE_COMBINING,
        [CACHE_UNCACHED] = PAGE_UNCACHED,
    };
    return (volatile void *)map_window(physical, bytes, DATA_FLAGS | cache_flags[type]);
}

const void *paging_map_firmware(uint64_t physical, uint64_t bytes)
{
    return (const void *)map_window(physical, bytes, PAGE_PRESENT | PAGE_NO_EXECUTE | PAGE_GLOBAL);
}

void paging_unmap_firmware(const void *address, uint64_t bytes)
{
    uint64_t first = ALIGN_DOWN((uintptr_t)address, PAGE_SIZE);
    page_table_unmap(kernel_root, first, ALIGN_UP((uintptr_t)address + bytes, PAGE_SIZE) - first);
}

void paging_map_trampoline(uint64_t page, const void *code, uint64_t bytes)
{
    uint64_t writable = map_window(page, PAGE_SIZE, DATA_FLAGS);
    memset((void *)writable, 0, PAGE_SIZE);
    memcpy((void *)writable, code, MIN(bytes, PAGE_SIZE));
    page_table_unmap(kernel_root, writable, PAGE_SIZE);
    map_or_panic(page, page, PAGE_SIZE, PAGE_PRESENT);
}

void paging_unmap_trampoline(uint64_t page)
{
    // The tables stay, because other CPUs may have cached pointers to them.
    page_table_unmap(kernel_root, page, PAGE_SIZE);
}

uint64_t paging_create_stack(struct cpu *cpu)
{
    uint64_t bottom = stacks_next();
    uint64_t *frames = frames_allocate(STACK_BYTES / PAGE_SIZE);
    if (!frames) {
        return 0;
    }
    if (!page_table_map(kernel_root, bottom, frames_physical(frames), STACK_BYTES, DATA_FLAGS)) {
        page_table_unmap(kernel_root, bottom, STACK_BYTES);
        frames_release(frames, STACK_BYTES / PAGE_SIZE);
        return 0;
    }
    stacks_add();
    frames[0] = (uintptr_t)cpu;
    // Below the very end, because cpu_this wants RSP itself to lie in the slot.
    return bottom + STACK_BYTES - 16;
}
