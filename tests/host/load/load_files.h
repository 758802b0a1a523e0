// SPDX-License-Identifier: MIT
// Payloads that the tests of the loaders begin with: a good one of each simple kind.
#pragma once

#include "tests/host/load/load_fixture.h"
#include "vmm/load/load_linux_header.h"

#define FILE_BYTES 0x3000

// The layout is that of the ELF specification.
struct elf64_file {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } segments[3];
};

struct elf32_file {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
    } segments[2];
    uint32_t multiboot[3];
};

struct multiboot_file {
    uint32_t magic, flags, checksum;
    uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

extern union load_file {
    uint8_t bytes[FILE_BYTES];
    struct elf64_file elf64;
    struct elf32_file elf32;
    struct multiboot_file multiboot;
} file;

// load_set_up, and the file full of a pattern as the payload. For cmocka.
int load_file_set_up(void **state);

// One segment of code at 1 MiB with 0x1000 bytes of zeros behind it, one of data at 0x1000.
void make_elf64(void);

// One segment at 2 MiB with zeros behind it, one at 0x9000; with a Multiboot 1 header of those
// flags.
void make_elf32(uint32_t flags);

// Writes the three words of a Multiboot 1 header.
void set_multiboot_flags(uint32_t *header, uint32_t flags);

// The header lies at offset 0x20 of the image; 0x1000 bytes of zeros follow the image.
struct multiboot_file *make_multiboot(void);

// The smallest Linux kernel: two sectors of setup behind the first, then its protected-mode part.
#define LINUX_SETUP_BYTES 0x600
#define LINUX_KERNEL_BYTES 0x1000
#define LINUX_FILE_BYTES (LINUX_SETUP_BYTES + LINUX_KERNEL_BYTES)

// Relocatable, with the fields of version 2.06, and no 64-bit entry. Returns the header in the
// file.
struct linux_header *make_linux(uint16_t version, uint8_t jump);

// A kernel like those of today: it has a 64-bit entry, runs at 2 MiB and needs 1 MiB there.
struct linux_header *make_linux_2_15(void);
