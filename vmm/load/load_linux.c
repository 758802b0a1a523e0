// SPDX-License-Identifier: MIT
// Loads a Linux bzImage (Linux/x86 Boot Protocol): kernel, initrd, and the state at its start.
#include "vmm/load/load_linux.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_linux_header.h"
#include "vmm/load/load_linux_params.h"
#include "vmm/load/load_linux_setup.h"
#include "vmm/load/load_payload.h"
#include "vmm/load/load_plan.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define INITRD_ALIGNMENT 4 // of each archive, if an initrd has several
#define IDENTITY_MAP_END (4 * GIB)

static enum status check_command_line(const struct linux_image *image, struct reason *why)
{
    uint64_t place = image->real_mode ? linux_setup_line(image) : LINUX_COMMAND_LINE;
    uint64_t most = MIN(image->header.cmdline_size, GUEST_EBDA - place - 1);
    uint64_t length = strlen(image->payload->command_line);
    if (length > most) {
        return refuse(why, STATUS_RANGE,
                      "bzImage cmdline_size is %u: a command line of %llu characters is longer",
                      image->header.cmdline_size, (unsigned long long)length);
    }
    return STATUS_OK;
}

// The initrd goes as high as the kernel allows, because the kernel unpacks itself below it.
static enum status place_initrd(const struct load_request *request, const struct linux_image *image,
                                const struct guest_memory *memory, struct linux_initrd *initrd,
                                struct reason *why)
{
    uint64_t limit =
        MIN((uint64_t)image->header.initrd_addr_max + 1, guest_ram_end(memory, GUEST_HIGH_MEMORY));
    uint64_t room = limit > image->end ? limit - image->end : 0;
    for (unsigned i = 0; i < request->module_count; i++) {
        uint64_t start = ALIGN_UP(initrd->bytes, INITRD_ALIGNMENT);
        if (start > room || request->modules[i].size > room - start) {
            return refuse(why, STATUS_NO_MEMORY,
                          "initrd: module %u of %llu bytes does not fit between %#llx, where the "
                          "kernel ends, and %#llx",
                          i, (unsigned long long)request->modules[i].size,
                          (unsigned long long)image->end, (unsigned long long)limit);
        }
        initrd->bytes = start + request->modules[i].size;
    }
    initrd->address = initrd->bytes > 0 ? ALIGN_DOWN(limit - initrd->bytes, PAGE_SIZE) : 0;
    return STATUS_OK;
}

// Several modules follow each other: the kernel unpacks several archives in a row.
static enum status load_initrd(const struct load_request *request,
                               const struct guest_memory *memory, const struct linux_initrd *initrd,
                               struct reason *why)
{
    uint64_t address = initrd->address;
    for (unsigned i = 0; i < request->module_count; i++) {
        const struct payload *module = &request->modules[i];
        bool last = i + 1 == request->module_count;
        struct load_piece piece = {.what = "initrd",
                                   .index = i,
                                   .file_bytes = module->size,
                                   .address = address,
                                   .memory_bytes = last ? module->size
                                                        : ALIGN_UP(module->size, INITRD_ALIGNMENT)};
        enum status status = payload_plan(module, memory, &piece, request->plan, why);
        if (status != STATUS_OK) {
            return status;
        }
        address += piece.memory_bytes;
    }
    return STATUS_OK;
}

static enum status load_kernel(const struct linux_image *image, const struct guest_memory *memory,
                               struct load_plan *plan, struct reason *why)
{
    const struct load_piece kernel = {.what = "bzImage kernel",
                                      .offset = image->offset,
                                      .file_bytes = image->bytes,
                                      .address = image->load_address,
                                      .memory_bytes = image->bytes};
    if (!guest_memory_at(memory, gpa(LINUX_PARAMS), GUEST_EBDA - LINUX_PARAMS)) {
        return refuse(why, STATUS_NO_MEMORY, "bzImage: no RAM from %#llx to %#llx", LINUX_PARAMS,
                      GUEST_EBDA);
    }
    return payload_plan(image->payload, memory, &kernel, plan, why);
}

static void start(const struct linux_image *image, struct load_plan *plan,
                  struct load_result *result)
{
    result->stack = LINUX_STACK_END;
    result->rsi = LINUX_PARAMS;
    result->gdt = LINUX_GDT;
    result->gdt_bytes = LINUX_GDT_BYTES;
    result->code_selector = LINUX_CODE_SELECTOR;
    result->data_selector = LINUX_DATA_SELECTOR;
    if (!image->long_mode) {
        result->mode = START_PROTECTED;
        result->entry = image->load_address + image->header.code32_start - GUEST_HIGH_MEMORY;
        return;
    }
    result->mode = START_LONG;
    result->entry = image->load_address + LINUX_ENTRY_64;
    result->cr3 = LINUX_PAGE_TABLES;
    plan->tables = (struct load_tables){.address = LINUX_PAGE_TABLES, .map_end = IDENTITY_MAP_END};
}

enum status load_linux(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why)
{
    struct linux_image image;
    struct linux_initrd initrd = {0};
    enum status status = linux_open(&request->payload, &image, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_command_line(&image, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = linux_place(&image, memory, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = place_initrd(request, &image, memory, &initrd, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = load_kernel(&image, memory, request->plan, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = load_initrd(request, memory, &initrd, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (image.real_mode) {
        return linux_write_setup(&image, &initrd, memory, result, why);
    }
    linux_write_params(&image, &initrd, memory);
    start(&image, request->plan, result);
    return STATUS_OK;
}
