// SPDX-License-Identifier: MIT
// Tests of the loader of ELF executables that follow no boot protocol.
#include "tests/host/load/load_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/load/load_fixture.h"
#include "vmm/address.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

// ---- ELF64

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

// Stack, tables, command line and information lie at the top, in one block.
static void test_elf64_layout(void **state)
{
    (void)state;
    make_elf64();
    assert_loads();
    assert_int_equal(result.cr3, RAM_BYTES - 8 * PAGE_SIZE);
    assert_int_equal(result.stack, result.cr3);
    assert_int_equal(result.rdi, RAM_BYTES - 2 * PAGE_SIZE);
}

static void test_elf64_tables_avoid_segments(void **state)
{
    (void)state;
    make_elf64();
    file.elf64.segments[2].paddr = RAM_BYTES - 0x5800; // where the tables would be
    assert_loads();
    assert_int_equal(result.rdi, RAM_BYTES - 0x6000 - 2 * PAGE_SIZE);
    assert_memory_equal(ram + RAM_BYTES - 0x5800, file.bytes + 0x2000, 0x10);
    // All RAM above the VGA hole is taken, so the tables lie below it.
    file.elf64.segments[0].paddr = 0x10000;
    file.elf64.segments[2].paddr = 0xc0000;
    file.elf64.segments[2].memsz = RAM_BYTES - 0xc0000;
    assert_loads();
    assert_int_equal(result.rdi, 0x9f000 - 2 * PAGE_SIZE);
    // No place is left: a segment lies in the middle of the rest.
    file.elf64.segments[0].paddr = 0x9000;
    file.elf64.segments[0].memsz = 0xa0000 - 0x9000;
    assert_refused("no room for 48 KiB of stack, page tables, information and modules beside the "
                   "ELF segments");
}

// A VM of 600 GiB. The test has only the part of the RAM that the loader touches.
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
    assert_refused("no room for 8060 KiB of stack, page tables, information and modules beside "
                   "the ELF segments");
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
    file.elf64.entry = 0x1000; // inside the segment of data
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

// ---- Information and modules

static void test_information_and_modules(void **state)
{
    static const uint8_t first[5000] = {1, 2, 3};
    static const uint8_t second[] = {9};
    uint64_t list;
    (void)state;
    make_elf64();
    request.module_count = 2;
    request.modules[0] = (struct payload){first, sizeof(first), "one"};
    request.modules[1] = (struct payload){second, sizeof(second), ""};
    assert_loads();
    assert_int_equal(result.rbx, RAM_BYTES - 4 * PAGE_SIZE);
    assert_string_equal((char *)ram + ram32(result.rbx + 16), "one two");
    assert_int_equal(ram32(result.rbx + 20), 2);
    list = ram32(result.rbx + 24);
    assert_int_equal(ram32(list), RAM_BYTES - 3 * PAGE_SIZE);
    assert_int_equal(ram32(list + 4), RAM_BYTES - 3 * PAGE_SIZE + sizeof(first));
    assert_memory_equal(ram + RAM_BYTES - 3 * PAGE_SIZE, first, sizeof(first));
    assert_string_equal((char *)ram + ram32(list + 8), "one");
    assert_int_equal(ram[RAM_BYTES - PAGE_SIZE], 9);
    assert_string_equal((char *)ram + result.rdi, "one two");
}

static void test_modules_without_room(void **state)
{
    uint8_t *large = calloc(1, RAM_BYTES);
    (void)state;
    assert_non_null(large);
    make_elf64();
    request.module_count = 1;
    request.modules[0] = (struct payload){large, RAM_BYTES, ""};
    assert_refused("module 0 of 4096 KiB is larger than the VM's RAM of 3968 KiB");
    request.modules[0].size = 3 * MIB;
    assert_refused("no room for 3120 KiB of stack, page tables, information and modules beside "
                   "the ELF segments");
    request.modules[0].size = MIB;
    assert_loads();
    request.module_count = 17;
    assert_refused("17 further modules given, expected 16 at most");
    free(large);
}

// ---- ELF32

static void make_program32(void)
{
    make_elf32(0);
    memset(file.elf32.multiboot, 0, sizeof(file.elf32.multiboot));
    file.elf32.segments[0].flags = 5;
}

static void test_elf32(void **state)
{
    (void)state;
    make_program32();
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_ELF32);
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.entry, 0x200004);
    assert_int_equal(result.rax, 0);
    assert_int_equal(result.cr3, 0);
    assert_int_equal(result.rsi, RAM_BYTES - 0x20000);
    assert_string_equal((char *)ram + result.rdi, "one two");
    assert_int_equal(result.rdi, RAM_BYTES - 2 * PAGE_SIZE);
    assert_int_equal(result.stack, result.rdi);
    assert_int_equal(result.rbx, RAM_BYTES - PAGE_SIZE);
    assert_memory_equal(ram + 0x200000, file.bytes + 0x1000, 0x100);
    assert_int_equal(ram[0x201fff], 0);
}

static void test_elf32_with_much_memory(void **state)
{
    (void)state;
    make_program32();
    memory.extents[2] = (struct guest_extent){.gpa = gpa(4 * GIB), .bytes = 5 * GIB};
    memory.extent_count = 3;
    assert_loads();
    assert_int_equal(result.rsi, 0xfffff000);
}

static void test_elf32_refusals(void **state)
{
    (void)state;
    make_program32();
    file.elf32.machine = 62;
    assert_refused("ELF e_machine is 62: expected 3");
    file.elf32.machine = 3;
    file.elf32.entry = 0x9000; // its segment is data
    assert_refused("ELF e_entry is 0x9000: expected an address inside an executable segment");
    request.kind = PAYLOAD_ELF64;
    assert_refused("ELF e_ident[EI_CLASS] is 1: expected 2, ELF64");
    make_elf64();
    request.kind = PAYLOAD_ELF32;
    assert_refused("ELF e_ident[EI_CLASS] is 2: expected 1, ELF32");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, load_file_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_elf64),
        LOAD_TEST(test_elf64_layout),
        LOAD_TEST(test_elf64_tables_avoid_segments),
        LOAD_TEST(test_elf64_with_much_memory),
        LOAD_TEST(test_elf64_entry_by_physical_address),
        LOAD_TEST(test_elf64_header_refusals),
        LOAD_TEST(test_elf64_segment_refusals),
        LOAD_TEST(test_information_and_modules),
        LOAD_TEST(test_modules_without_room),
        LOAD_TEST(test_elf32),
        LOAD_TEST(test_elf32_with_much_memory),
        LOAD_TEST(test_elf32_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
