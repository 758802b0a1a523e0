// SPDX-License-Identifier: MIT
// Tests of the Multiboot 1 loader.
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
#include "vmm/util/status.h"
#include "vmm/util/types.h"

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
    assert_string_equal((char *)ram + ram32(info + 64), "Husk, in the place of GRUB 2");
    assert_int_equal(ram32(info + 44), 5 * 24);
    map = ram32(info + 48);
    for (unsigned i = 0; i < 5; i++) {
        static const uint32_t expected[5][3] = {{0, 0x9fc00, 1},
                                                {0x9fc00, 0x400, 2},
                                                {0xe0000, 0x20000, 2},
                                                {0x100000, RAM_BYTES - 0x100000, 1},
                                                {0xfeb00000, 0x100000, 2}};
        assert_int_equal(ram32(map + i * 24UL), 20);
        assert_int_equal(ram64(map + i * 24UL + 4), expected[i][0]);
        assert_int_equal(ram64(map + i * 24UL + 12), expected[i][1]);
        assert_int_equal(ram32(map + i * 24UL + 20), expected[i][2]);
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
    assert_int_equal(ram32(result.rbx + 44), 6 * 24);
    map = ram32(result.rbx + 48) + 5 * 24;
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

// The information and the modules lie below the PC's own areas if a low image leaves room there,
// else above them.
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
    make_multiboot();
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

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, load_file_set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_multiboot_addresses),       LOAD_TEST(test_multiboot_information),
        LOAD_TEST(test_multiboot_map_above_4_gib), LOAD_TEST(test_multiboot_modules),
        LOAD_TEST(test_multiboot_without_room),    LOAD_TEST(test_multiboot_low_image),
        LOAD_TEST(test_multiboot_load_end),        LOAD_TEST(test_multiboot_address_refusals),
        LOAD_TEST(test_multiboot_flags),           LOAD_TEST(test_multiboot_header_search),
        LOAD_TEST(test_multiboot_elf32),           LOAD_TEST(test_multiboot_elf64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
