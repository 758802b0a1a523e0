// SPDX-License-Identifier: MIT
// The payloads of the loaders' tests.
#include "tests/host/load/load_files.h"

union load_file file;

int load_file_set_up(void **state)
{
    load_set_up(state);
    for (unsigned i = 0; i < sizeof(file.bytes); i++) {
        file.bytes[i] = (uint8_t)(i * 7 + 1);
    }
    request.payload.bytes = file.bytes;
    request.payload.size = sizeof(file.bytes);
    return 0;
}

void set_multiboot_flags(uint32_t *header, uint32_t flags)
{
    header[0] = 0x1badb002;
    header[1] = flags;
    header[2] = 0U - 0x1badb002U - flags;
}

struct multiboot_file *make_multiboot(void)
{
    struct multiboot_file *header = (struct multiboot_file *)(void *)(file.bytes + 0x20);
    set_multiboot_flags(&header->magic, 0x10003);
    header->header_addr = 0x100020;
    header->load_addr = 0x100000;
    header->load_end_addr = 0;
    header->bss_end_addr = 0x104000;
    header->entry_addr = 0x100040;
    return header;
}

void make_elf32(uint32_t flags)
{
    file.elf32 = (struct elf32_file){
        .ident = {0x7f, 'E', 'L', 'F', 1, 1, 1},
        .type = 2,
        .machine = 3,
        .entry = 0x200004,
        .phoff = 52,
        .phentsize = 32,
        .phnum = 2,
        .segments = {{.type = 1,
                      .offset = 0x1000,
                      .vaddr = 0x200000,
                      .paddr = 0x200000,
                      .filesz = 0x100,
                      .memsz = 0x2000,
                      .flags = 6},
                     {.type = 1,
                      .offset = 0x2000,
                      .vaddr = 0x9000,
                      .paddr = 0x9000,
                      .filesz = 0x100,
                      .memsz = 0x100}},
    };
    set_multiboot_flags(file.elf32.multiboot, flags);
}

void make_elf64(void)
{
    file.elf64 = (struct elf64_file){
        .ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
        .type = 2,
        .machine = 62,
        .version = 1,
        .entry = 0xffffffff80100010,
        .phoff = 64,
        .phentsize = 56,
        .phnum = 3,
        .segments = {{.type = 1,
                      .flags = 5,
                      .offset = 0x1000,
                      .vaddr = 0xffffffff80100000,
                      .paddr = 0x100000,
                      .filesz = 0x800,
                      .memsz = 0x1800},
                     {.type = 4, .offset = ~0ULL, .filesz = ~0ULL, .memsz = ~0ULL}, // PT_NOTE
                     {.type = 1,
                      .flags = 6,
                      .offset = 0x2000,
                      .vaddr = 0x1000,
                      .paddr = 0x1000,
                      .filesz = 0x10,
                      .memsz = 0x10}},
    };
}

struct linux_header *make_linux(uint16_t version, uint8_t jump)
{
    struct linux_header *header = (struct linux_header *)(void *)(file.bytes + LINUX_HEADER_OFFSET);
    for (unsigned i = 0; i < LINUX_FILE_BYTES; i++) {
        file.bytes[i] = (uint8_t)(i * 7 + 1);
    }
    *header = (struct linux_header){
        .setup_sects = LINUX_SETUP_BYTES / 512 - 1,
        .root_flags = 1,
        .syssize = LINUX_KERNEL_BYTES / 16,
        .boot_flag = 0xaa55,
        .jump = {0xeb, jump},
        .header = 0x53726448,
        .version = version,
        .loadflags = 0x61,
        .code32_start = 0x100000,
        .initrd_addr_max = 0x7fffffff,
        .kernel_alignment = 0x200000,
        .relocatable_kernel = 1,
        .cmdline_size = 255,
    };
    return header;
}

struct linux_header *make_linux_2_15(void)
{
    struct linux_header *header = make_linux(0x20f, 0x6a);
    header->xloadflags = LINUX_KERNEL_64;
    header->pref_address = 0x200000;
    header->init_size = 0x100000;
    header->payload_offset = 0x100;
    header->payload_length = 0xf00;
    header->setup_data = 0x1234;
    return header;
}
