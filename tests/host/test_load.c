// SPDX-License-Identifier: MIT
// Tests of the loaders: where a good payload ends up, and what each refusal of a bad one says.
#include "tests/host/load_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_BYTES 0x3000

// As the ELF specification lays them out.
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

static union {
    uint8_t bytes[FILE_BYTES];
    struct elf64_file elf64;
    struct elf32_file elf32;
    struct multiboot_file multiboot;
} file;

static int set_up(void **state)
{
    load_set_up(state);
    for (unsigned i = 0; i < sizeof(file.bytes); i++) {
        file.bytes[i] = (uint8_t)(i * 7 + 1);
    }
    request.payload.bytes = file.bytes;
    request.payload.size = sizeof(file.bytes);
    return 0;
}

// ---- Flat

static void make_flat(void)
{
    file.bytes[510] = 0x55;
    file.bytes[511] = 0xaa;
}

static void test_flat(void **state)
{
    (void)state;
    make_flat();
    assert_int_equal(payload_recognise(file.bytes, 512), PAYLOAD_FLAT);
    assert_int_equal(payload_recognise(file.bytes, 511), PAYLOAD_UNKNOWN);
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_FLAT);
    assert_int_equal(result.mode, START_REAL);
    assert_int_equal(result.entry, 0x7c00);
    assert_int_equal(result.stack, 0x7c00);
    assert_int_equal(result.rdx, 0x80);
    assert_memory_equal(ram + 0x7c00, file.bytes, sizeof(file.bytes));
    assert_int_equal(ram[0x7bff], 0xee);
    assert_int_equal(ram[0x7c00 + sizeof(file.bytes)], 0xee);
}

static void test_flat_by_word(void **state)
{
    (void)state;
    assert_refused("payload of 12288 bytes of an unknown kind: expected Multiboot 1, a bzImage, "
                   "ELF64, or 0x55aa at offset 510 (else say kind=flat)");
    request.kind = PAYLOAD_FLAT;
    request.payload.size = 1;
    assert_loads();
    assert_int_equal(ram[0x7c00], file.bytes[0]);
}

static void test_flat_sizes(void **state)
{
    uint64_t most = 0x9fc00 - 0x7c00;
    uint8_t *large = calloc(1, most + 1);

    (void)state;
    assert_non_null(large);
    request.kind = PAYLOAD_FLAT;
    request.payload.bytes = large;
    request.payload.size = most;
    assert_loads();
    request.payload.size = most + 1;
    assert_refused("a flat binary of 622593 bytes: expected 1 to 622592");
    request.payload.size = 0;
    assert_refused("a flat binary of 0 bytes: expected 1 to 622592");
    free(large);
}

static void test_further_modules_where_there_are_none(void **state)
{
    (void)state;
    make_flat();
    request.module_count = 2;
    assert_refused("2 further modules given, a payload of kind flat takes none");
}

// ---- ELF64

// One segment of code at 1 MiB with 0x1000 bytes of zeros behind it, one of data at 0x1000.
static void make_elf64(void)
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

static void test_elf64(void **state)
{
    (void)state;
    make_elf64();
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_ELF64);
    assert_int_equal(result.mode, START_LONG);
    assert_int_equal(result.entry, 0x100010);
    assert_int_equal(result.rsi, RAM_BYTES - 0x20000);
    assert_string_equal((char *)ram + result.rdi, "one two");
    assert_memory_equal(ram + 0x100000, file.bytes + 0x1000, 0x800);
    for (unsigned i = 0x800; i < 0x1800; i++) {
        assert_int_equal(ram[0x100000 + i], 0);
    }
    assert_int_equal(ram[0x101800], 0xee);
    assert_memory_equal(ram + 0x1000, file.bytes + 0x2000, 0x10);
    assert_identity(0);
    assert_identity(0x100000);
    assert_identity(0xfee00000);
    assert_identity(0xffe00000);
    assert_int_equal(ram64(result.cr3 + 8), 0);
}

// Stack, tables and command line lie at the top, in one block.
static void test_elf64_layout(void **state)
{
    (void)state;
    make_elf64();
    assert_loads();
    assert_int_equal(result.cr3, RAM_BYTES - 7 * PAGE_SIZE);
    assert_int_equal(result.stack, result.cr3);
    assert_int_equal(result.rdi, RAM_BYTES - PAGE_SIZE);
}

static void test_elf64_tables_avoid_segments(void **state)
{
    (void)state;
    make_elf64();
    file.elf64.segments[2].paddr = RAM_BYTES - 0x5800; // where the tables would be
    assert_loads();
    assert_int_equal(result.rdi, RAM_BYTES - 0x6000 - PAGE_SIZE);
    assert_memory_equal(ram + RAM_BYTES - 0x5800, file.bytes + 0x2000, 0x10);
    // All RAM above the VGA hole is taken: below it, then.
    file.elf64.segments[2].paddr = 0xc0000;
    file.elf64.segments[2].memsz = RAM_BYTES - 0xc0000;
    assert_loads();
    assert_int_equal(result.rdi, 0xa0000 - PAGE_SIZE);
    // No place at all: a segment in the middle of what is left.
    file.elf64.segments[0].paddr = 0x9000;
    file.elf64.segments[0].memsz = 0xa0000 - 0x9000;
    assert_refused("no room for 44 KiB of page tables and stack beside the ELF segments");
}

// 600 GiB of RAM of which the test has the part that the loader touches.
static void test_elf64_with_much_memory(void **state)
{
    (void)state;
    make_elf64();
    memory.extents[2] = (struct guest_extent){.gpa = gpa(4 * GIB), .bytes = 600 * GIB};
    memory.extent_count = 3;
    assert_loads();
    assert_identity(0);
    assert_identity(4 * GIB);
    assert_identity(511 * GIB);
    assert_identity(512 * GIB);
    assert_identity(604 * GIB - PAGE_SIZE_2M);
    assert_int_equal(ram64(result.cr3 + 16), 0);
    memory.extents[2].bytes = 2000 * GIB;
    assert_refused("no room for 8056 KiB of page tables and stack beside the ELF segments");
}

static void test_elf64_entry_by_physical_address(void **state)
{
    (void)state;
    make_elf64();
    file.elf64.entry = 0x1017ff;
    assert_loads();
    assert_int_equal(result.entry, 0x1017ff);
    file.elf64.entry = 0x101800;
    assert_refused("ELF e_entry is 0x101800: expected an address inside an executable segment");
    file.elf64.entry = 0x1000; // in the data
    assert_refused("ELF e_entry is 0x1000: expected an address inside an executable segment");
    file.elf64.entry = ~0ULL;
    assert_refused("ELF e_entry is 0xffffffffffffffff: expected an address inside an executable "
                   "segment");
}

static void test_elf64_header_refusals(void **state)
{
    (void)state;
    make_elf64();
    file.elf64.ident[5] = 2;
    assert_refused("ELF e_ident[EI_DATA] is 2: expected 1, little endian");
    make_elf64();
    file.elf64.type = 3;
    assert_refused("ELF e_type is 3: expected 2, an executable at a fixed address");
    make_elf64();
    file.elf64.machine = 183;
    assert_refused("ELF e_machine is 183: expected 62");
    make_elf64();
    file.elf64.phentsize = 55;
    assert_refused("ELF e_phentsize is 55: expected 56");
    make_elf64();
    file.elf64.phnum = 65;
    assert_refused("ELF e_phnum is 65: expected 1 to 64");
    make_elf64();
    file.elf64.phnum = 0;
    assert_refused("ELF e_phnum is 0: expected 1 to 64");
    make_elf64();
    file.elf64.phoff = 0x2fff;
    assert_refused("ELF e_phoff is 0x2fff: 3 program headers are not in the file of 0x3000 bytes");
    file.elf64.phoff = ~0ULL - 8;
    assert_refused("ELF e_phoff is 0xfffffffffffffff7: 3 program headers are not in the file of "
                   "0x3000 bytes");
    make_elf64();
    request.payload.size = 63;
    assert_refused("ELF header: the file ends after 63 bytes");
}

static void test_elf64_segment_refusals(void **state)
{
    (void)state;
    make_elf64();
    file.elf64.segments[0].filesz = 0x1801;
    assert_refused("ELF segment 0: 0x1801 bytes in the file, but 0x1800 in memory");
    make_elf64();
    file.elf64.segments[2].offset = 0x2ff1;
    assert_refused("ELF segment 2: 0x10 bytes at offset 0x2ff1 are not in the file of 0x3000 "
                   "bytes");
    file.elf64.segments[2].offset = ~0ULL;
    assert_refused("ELF segment 2: 0x10 bytes at offset 0xffffffffffffffff are not in the file of "
                   "0x3000 bytes");
    make_elf64();
    file.elf64.segments[2].paddr = 0x9fff8;
    assert_refused("ELF segment 2: 0x10 bytes at address 0x9fff8 do not fit in the VM's RAM of "
                   "3968 KiB");
    file.elf64.segments[2].paddr = ~0ULL - 7;
    assert_refused("ELF segment 2: 0x10 bytes at address 0xfffffffffffffff8 do not fit in the "
                   "VM's RAM of 3968 KiB");
    make_elf64();
    file.elf64.segments[0].memsz = ~0ULL;
    assert_refused("ELF segment 0: 0xffffffffffffffff bytes at address 0x100000 do not fit in "
                   "the VM's RAM of 3968 KiB");
    make_elf64();
    file.elf64.segments[0].type = 0;
    file.elf64.segments[2].memsz = 0;
    file.elf64.segments[2].filesz = 0;
    assert_refused("ELF file without a segment to load (PT_LOAD)");
}

static void test_forced_kinds(void **state)
{
    (void)state;
    request.kind = PAYLOAD_ELF64;
    assert_refused("not an ELF file: no 7f 45 4c 46 at its start");
    request.kind = PAYLOAD_MULTIBOOT1;
    assert_refused("no Multiboot 1 header with a valid checksum in the first 8192 bytes");
}

// ---- Multiboot 1

static void set_multiboot_flags(uint32_t *header, uint32_t flags)
{
    header[0] = 0x1badb002;
    header[1] = flags;
    header[2] = 0U - 0x1badb002U - flags;
}

// The header lies at offset 0x20 of the image; 0x1000 bytes of zeros follow the image.
static struct multiboot_file *make_multiboot(void)
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

static void make_elf32(uint32_t flags)
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

static void test_multiboot_addresses(void **state)
{
    (void)state;
    make_multiboot();
    assert_int_equal(payload_recognise(file.bytes, sizeof(file.bytes)), PAYLOAD_MULTIBOOT1);
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_MULTIBOOT1);
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.entry, 0x100040);
    assert_int_equal(result.rax, 0x2badb002);
    assert_memory_equal(ram + 0x100000, file.bytes, sizeof(file.bytes));
    assert_int_equal(ram[0x103000], 0);
    assert_int_equal(ram[0x103fff], 0);
    assert_int_equal(result.rbx, 0x104000);
}

static void test_multiboot_information(void **state)
{
    uint64_t info;
    uint64_t map;

    (void)state;
    make_multiboot();
    assert_loads();
    info = result.rbx;
    assert_int_equal(ram32(info), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    assert_int_equal(ram32(info + 4), 639);
    assert_int_equal(ram32(info + 8), 3072);
    assert_string_equal((char *)ram + ram32(info + 16), "one two");
    assert_int_equal(ram32(info + 20), 0);
    assert_string_equal((char *)ram + ram32(info + 64), "Husk");
    assert_int_equal(ram32(info + 44), 4 * 24);
    map = ram32(info + 48);
    for (unsigned i = 0; i < 4; i++) {
        static const uint32_t expected[4][3] = {{0, 0x9fc00, 1},
                                                {0x9fc00, 0x400, 2},
                                                {0xe0000, 0x20000, 2},
                                                {0x100000, RAM_BYTES - 0x100000, 1}};

        assert_int_equal(ram32(map + i * 24), 20);
        assert_int_equal(ram64(map + i * 24 + 4), expected[i][0]);
        assert_int_equal(ram64(map + i * 24 + 12), expected[i][1]);
        assert_int_equal(ram32(map + i * 24 + 20), expected[i][2]);
    }
}

static void test_multiboot_map_above_4_gib(void **state)
{
    uint64_t map;

    (void)state;
    make_multiboot();
    memory.extents[2] = (struct guest_extent){.gpa = gpa(4 * GIB), .bytes = 5 * GIB};
    memory.extent_count = 3;
    assert_loads();
    assert_int_equal(ram32(result.rbx + 44), 5 * 24);
    map = ram32(result.rbx + 48) + 4 * 24;
    assert_int_equal(ram64(map + 4), 4 * GIB);
    assert_int_equal(ram64(map + 12), 5 * GIB);
    assert_int_equal(ram32(map + 20), 1);
}

static void test_multiboot_modules(void **state)
{
    static const uint8_t first[5000] = {1, 2, 3};
    static const uint8_t second[] = {9};
    uint64_t list;

    (void)state;
    make_multiboot();
    request.module_count = 3;
    request.modules[0] = (struct payload){first, sizeof(first), "initrd x"};
    request.modules[1] = (struct payload){second, sizeof(second), ""};
    request.modules[2] = (struct payload){NULL, 0, "empty"};
    assert_loads();
    assert_int_equal(ram32(result.rbx + 20), 3);
    list = ram32(result.rbx + 24);
    assert_int_equal(ram32(list), 0x105000);
    assert_int_equal(ram32(list + 4), 0x105000 + 5000);
    assert_string_equal((char *)ram + ram32(list + 8), "initrd x");
    assert_memory_equal(ram + 0x105000, first, sizeof(first));
    assert_int_equal(ram32(list + 16), 0x107000);
    assert_int_equal(ram32(list + 20), 0x107001);
    assert_string_equal((char *)ram + ram32(list + 24), "");
    assert_int_equal(ram[0x107000], 9);
    assert_int_equal(ram32(list + 32), ram32(list + 36));
}

static void test_multiboot_without_room(void **state)
{
    uint8_t *large = calloc(1, RAM_BYTES);
    struct multiboot_file *header = make_multiboot();

    (void)state;
    assert_non_null(large);
    request.module_count = 1;
    request.modules[0] = (struct payload){large, RAM_BYTES - 0x105000 + 1, ""};
    assert_refused("module of 3053 KiB: no room in the VM's RAM from 0x105000 on");
    request.modules[0].size--;
    assert_loads();
    request.modules[0].size = UINT64_MAX;
    assert_int_equal(load(), STATUS_NO_MEMORY);
    header->bss_end_addr = RAM_BYTES;
    assert_refused("Multiboot information of 1 KiB: no room in the VM's RAM from 0x400000 on");
    request.module_count = 17;
    assert_refused("17 further modules given, expected 16 at most");
    free(large);
}

// What a low image leaves free below the PC's own areas is used; else it goes above them.
static void test_multiboot_low_image(void **state)
{
    static const uint8_t module[0x80000];
    struct multiboot_file *header = make_multiboot();

    (void)state;
    header->header_addr = 0x8020;
    header->load_addr = 0x8000;
    header->bss_end_addr = 0;
    header->entry_addr = 0x8000;
    request.module_count = 1;
    request.modules[0] = (struct payload){module, sizeof(module), ""};
    assert_loads();
    assert_int_equal(result.rbx, 0xb000);
    assert_int_equal(ram32(ram32(result.rbx + 24)), 0xc000);
    header->bss_end_addr = 0x9f800;
    assert_loads();
    assert_int_equal(result.rbx, 0x100000);
}

static void test_multiboot_load_end(void **state)
{
    struct multiboot_file *header = make_multiboot();

    (void)state;
    header->load_end_addr = 0x101000;
    header->bss_end_addr = 0x101000;
    assert_loads();
    assert_int_equal(ram[0x100fff], file.bytes[0xfff]);
    assert_int_equal(result.rbx, 0x101000);
    header->load_end_addr = 0x103001;
    assert_refused("Multiboot image 0: 0x3001 bytes at offset 0 are not in the file of 0x3000 "
                   "bytes");
    header->load_end_addr = 0xfffff;
    assert_refused("Multiboot load_end_addr is 0xfffff: expected 0 or at least load_addr "
                   "0x100000");
}

static void test_multiboot_address_refusals(void **state)
{
    struct multiboot_file *header = make_multiboot();

    (void)state;
    header->header_addr = 0xfffff;
    assert_refused("Multiboot load_addr is 0x100000: with header_addr 0xfffff at offset 0x20 it "
                   "is not in the file");
    header->header_addr = 0x100021;
    assert_refused("Multiboot load_addr is 0x100000: with header_addr 0x100021 at offset 0x20 it "
                   "is not in the file");
    header = make_multiboot();
    header->entry_addr = 0x104000;
    assert_refused("Multiboot entry_addr is 0x104000: expected an address from 0x100000 to below "
                   "0x104000");
    header->entry_addr = 0xfffff;
    assert_refused("Multiboot entry_addr is 0xfffff: expected an address from 0x100000 to below "
                   "0x104000");
    header = make_multiboot();
    header->bss_end_addr = 0xffffffff;
    assert_refused("Multiboot image 0: 0xffefffff bytes at address 0x100000 do not fit in the "
                   "VM's RAM of 3968 KiB");
    header = make_multiboot();
    request.payload.size = 0x20 + 12 + 19;
    assert_refused("Multiboot header at offset 0x20: the file ends in it");
}

static void test_multiboot_flags(void **state)
{
    struct multiboot_file *header = make_multiboot();

    (void)state;
    set_multiboot_flags(&header->magic, 0x10003 | BIT(5) | BIT(9));
    assert_refused("Multiboot header flags are 0x10223: bit 5 is required, known are 0 to 2 and "
                   "16");
    set_multiboot_flags(&header->magic, 0xffff0007);
    assert_loads();
    set_multiboot_flags(&header->magic, 3);
    assert_refused("Multiboot header without addresses (flag 16) in a file that is not ELF");
    header->checksum++;
    assert_int_equal(payload_recognise(file.bytes, sizeof(file.bytes)), PAYLOAD_UNKNOWN);
}

// The header must lie whole in the first 8192 bytes, at a multiple of 4.
static void test_multiboot_header_search(void **state)
{
    uint32_t header[3];

    (void)state;
    set_multiboot_flags(header, 0x10000);
    memcpy(file.bytes + 8192 - 12, header, sizeof(header));
    assert_int_equal(payload_recognise(file.bytes, sizeof(file.bytes)), PAYLOAD_MULTIBOOT1);
    assert_int_equal(payload_recognise(file.bytes, 8191), PAYLOAD_UNKNOWN);
    memset(file.bytes + 8180, 0, 12);
    memcpy(file.bytes + 8192 - 8, header, sizeof(header));
    assert_int_equal(payload_recognise(file.bytes, sizeof(file.bytes)), PAYLOAD_UNKNOWN);
    memset(file.bytes + 8184, 0, 12);
    memcpy(file.bytes + 0x22, header, sizeof(header));
    assert_int_equal(payload_recognise(file.bytes, sizeof(file.bytes)), PAYLOAD_UNKNOWN);
}

static void test_multiboot_elf32(void **state)
{
    (void)state;
    make_elf32(3);
    assert_loads();
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.entry, 0x200004);
    assert_memory_equal(ram + 0x200000, file.bytes + 0x1000, 0x100);
    assert_int_equal(ram[0x201fff], 0);
    assert_int_equal(result.rbx, 0x202000);
    file.elf32.entry = 0x9000;
    assert_loads();
    file.elf32.entry = 0x9100;
    assert_refused("ELF e_entry is 0x9100: expected an address inside a segment");
    file.elf32.machine = 62;
    assert_refused("ELF e_machine is 62: expected 3");
    memset(file.elf32.multiboot, 0, sizeof(file.elf32.multiboot));
    assert_refused("an ELF32 file without a Multiboot 1 header: expected Multiboot 1, a bzImage, "
                   "ELF64, or 0x55aa at offset 510 (else say kind=flat)");
    request.kind = PAYLOAD_ELF64;
    file.elf32.machine = 3;
    assert_refused("ELF e_ident[EI_CLASS] is 1: expected 2, ELF64");
}

static void test_multiboot_elf64(void **state)
{
    uint32_t header[3];

    (void)state;
    make_elf64();
    set_multiboot_flags(header, 0);
    memcpy(file.bytes + 0x400, header, sizeof(header));
    assert_loads();
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.entry, 0x100010);
    memory.extents[2] = (struct guest_extent){.gpa = gpa(4 * GIB), .bytes = GIB};
    memory.extent_count = 3;
    file.elf64.segments[2].paddr = 4 * GIB;
    file.elf64.segments[2].memsz = 0;
    file.elf64.segments[2].filesz = 0;
    assert_loads();
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(payload_kind_name(PAYLOAD_MULTIBOOT1), "multiboot1");
    assert_string_equal(payload_kind_name(PAYLOAD_KINDS), "unknown");
    assert_string_equal(payload_kind_name((enum payload_kind) - 1), "unknown");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, load_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_flat),
        LOAD_TEST(test_flat_by_word),
        LOAD_TEST(test_flat_sizes),
        LOAD_TEST(test_further_modules_where_there_are_none),
        LOAD_TEST(test_elf64),
        LOAD_TEST(test_elf64_layout),
        LOAD_TEST(test_elf64_tables_avoid_segments),
        LOAD_TEST(test_elf64_with_much_memory),
        LOAD_TEST(test_elf64_entry_by_physical_address),
        LOAD_TEST(test_elf64_header_refusals),
        LOAD_TEST(test_elf64_segment_refusals),
        LOAD_TEST(test_forced_kinds),
        LOAD_TEST(test_multiboot_addresses),
        LOAD_TEST(test_multiboot_information),
        LOAD_TEST(test_multiboot_map_above_4_gib),
        LOAD_TEST(test_multiboot_modules),
        LOAD_TEST(test_multiboot_without_room),
        LOAD_TEST(test_multiboot_low_image),
        LOAD_TEST(test_multiboot_load_end),
        LOAD_TEST(test_multiboot_address_refusals),
        LOAD_TEST(test_multiboot_flags),
        LOAD_TEST(test_multiboot_header_search),
        LOAD_TEST(test_multiboot_elf32),
        LOAD_TEST(test_multiboot_elf64),
        LOAD_TEST(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
