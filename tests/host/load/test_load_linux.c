// SPDX-License-Identifier: MIT
// Tests of the Linux loader: what a good kernel finds, and what each refusal of a bad one says.
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
#include "vmm/load/load_linux_header.h"
#include "vmm/load/load_linux_params.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

static struct linux_header *header; // in the file

static int set_up(void **state)
{
    load_set_up(state);
    header = make_linux_2_15();
    request.payload.bytes = file.bytes;
    request.payload.size = LINUX_FILE_BYTES;
    return 0;
}

static uint8_t param8(unsigned offset)
{
    return ram[result.rsi + offset];
}

static uint32_t param32(unsigned offset)
{
    return ram32(result.rsi + offset);
}

// ---- Where it starts, and what it is told

static void test_64_bit_entry(void **state)
{
    (void)state;
    assert_int_equal(payload_recognise(file.bytes, LINUX_FILE_BYTES), PAYLOAD_LINUX);
    assert_loads();
    assert_int_equal(result.kind, PAYLOAD_LINUX);
    assert_int_equal(result.mode, START_LONG);
    assert_int_equal(result.entry, 0x200200);
    assert_int_equal(result.code_selector, 0x10);
    assert_int_equal(result.data_selector, 0x18);
    assert_int_equal(result.gdt_bytes, 0x20);
    assert_int_equal(ram64(result.gdt + 0x10), 0x00af9b000000ffff);
    assert_int_equal(ram64(result.gdt + 0x18), 0x00cf93000000ffff);
    assert_memory_equal(ram + 0x200000, file.bytes + LINUX_SETUP_BYTES, LINUX_KERNEL_BYTES);
    assert_int_equal(ram[0x200000 + LINUX_KERNEL_BYTES], 0xee); // init_size need not be zeros
    assert_identity(0);
    assert_identity(0x200000);
    assert_identity(0xffe00000);
    assert_int_equal(ram64(result.cr3 + 8), 0);
}

static void test_32_bit_entry(void **state)
{
    (void)state;
    header->xloadflags = 0;
    header->code32_start = 0x100010;
    assert_loads();
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.entry, 0x200010);
    assert_int_equal(param32(0x214), 0x200010);
    assert_int_equal(ram64(result.gdt + 0x10), 0x00cf9b000000ffff);
    assert_int_equal(result.rbx, 0);
    assert_int_equal(result.rdi, 0);
}

static void test_header_in_the_parameters(void **state)
{
    (void)state;
    assert_loads();
    assert_int_equal(result.rsi, LINUX_PARAMS);
    assert_int_equal(param32(0x202), 0x53726448);
    assert_int_equal(param8(0x1f2), 1);    // the image's own fields stay
    assert_int_equal(param8(0x210), 0xff); // the loader sets this one
    assert_int_equal(param8(0x211), 1);
    assert_int_equal(param32(0x1fa) & 0xffff, 0xffff);
    assert_int_equal(param32(0x214), 0x200000);
    assert_int_equal(ram64(result.rsi + 0x250), 0);
    assert_int_equal(param8(0x1ef), 0); // the sentinel
    assert_int_equal(param32(0x26c), 0);
    assert_string_equal((char *)ram + param32(0x228), "one two");
}

static void test_screen_and_tables_in_the_parameters(void **state)
{
    (void)state;
    assert_loads();
    assert_int_equal(param8(6), 3);
    assert_int_equal(param8(7), 80);
    assert_int_equal(param8(14), 25);
    assert_int_equal(param8(15), 1);
    assert_int_equal(param8(16), 16);
    assert_int_equal(ram64(result.rsi + 0x70), 0xe0000);
}

static void assert_e820(unsigned index, uint64_t base, uint64_t bytes, uint32_t type)
{
    uint64_t entry = result.rsi + 0x2d0 + index * 20ULL;
    assert_int_equal(ram64(entry), base);
    assert_int_equal(ram64(entry + 8), bytes);
    assert_int_equal(ram32(entry + 16), type);
}

static void test_e820_in_the_parameters(void **state)
{
    (void)state;
    memory.extents[2] = (struct guest_extent){.gpa = gpa(4 * GIB), .bytes = 5 * GIB};
    memory.extent_count = 3;
    assert_loads();
    assert_int_equal(param8(0x1e8), 6);
    assert_e820(0, 0, 0x9fc00, 1);
    assert_e820(1, 0x9fc00, 0x400, 2);
    assert_e820(2, 0xe0000, 0x20000, 2);
    assert_e820(3, 0x100000, RAM_BYTES - 0x100000, 1);
    assert_e820(4, 0xfeb00000, MIB, 2);
    assert_e820(5, 4 * GIB, 5 * GIB, 1);
}

// ---- Versions of the protocol

// Version 2.06 has no field behind cmdline_size: what lies there is code.
static void test_version_2_06(void **state)
{
    (void)state;
    header = make_linux(0x206, 0x3a);
    header->xloadflags = 0xffff; // a field of version 2.12
    header->kernel_alignment = 0x1000;
    header->pref_address = 0xdeadbeef;
    header->init_size = 0xdeadbeef;
    header->payload_length = 0xdeadbeef;
    assert_loads();
    assert_int_equal(result.mode, START_PROTECTED);
    assert_int_equal(result.entry, 0x100000);
    assert_memory_equal(ram + 0x100000, file.bytes + LINUX_SETUP_BYTES, LINUX_KERNEL_BYTES);
    assert_int_equal(param32(0x23c), 0);
    assert_int_equal(param32(0x258), 0);
    header->version = 0x1ff;
    assert_refused("bzImage version is 0x1ff: expected 0x200 or later");
}

static void test_version_2_06_size(void **state)
{
    (void)state;
    header = make_linux(0x206, 0x3a);
    load_set_ram(MIB + 3ULL * LINUX_KERNEL_BYTES);
    header->kernel_alignment = 0x1000;
    assert_loads();
    load_set_ram(MIB + 2ULL * LINUX_KERNEL_BYTES);
    assert_refused("bzImage size is 0x3000: the kernel needs RAM from 0x100000 to 0x103000, the "
                   "VM's ends at 0x102000");
}

static void test_version_2_10_has_no_64_bit_entry(void **state)
{
    (void)state;
    header->version = 0x20a;
    header->jump[1] = 0x62;
    assert_loads();
    assert_int_equal(result.mode, START_PROTECTED);
    header->jump[1] = 0x61;
    assert_refused("bzImage jump is eb 61: expected eb and 62 to 8e");
}

// ---- The 16-bit entry

static uint32_t setup32(unsigned offset)
{
    return ram32(0x10000 + offset);
}

static void assert_starts_at_16_bit_entry(uint16_t segment, uint64_t stack)
{
    assert_int_equal(result.mode, START_REAL);
    assert_int_equal(result.entry, 0);
    assert_int_equal(result.code_selector, segment + 0x20);
    assert_int_equal(result.data_selector, segment);
    assert_int_equal(result.stack, stack);
    assert_false(result.interrupts_on);
    assert_int_equal(result.gdt_bytes, 0);
    assert_memory_equal(ram + 0x100000, file.bytes + LINUX_SETUP_BYTES, LINUX_KERNEL_BYTES);
}

static void test_without_a_32_bit_entry(void **state)
{
    (void)state;
    header->code32_start = 0;
    request.payload.command_line = "console=ttyS0";
    assert_loads();
    assert_starts_at_16_bit_entry(0x1000, 0xe000);
    assert_memory_equal(ram + 0x10000, file.bytes, LINUX_HEADER_OFFSET);
    assert_memory_equal(ram + 0x10200 + 0x70, file.bytes + 0x200 + 0x70,
                        LINUX_SETUP_BYTES - 0x200 - 0x70);
    assert_int_equal(ram[0x10210], 0xff); // type_of_loader
    assert_int_equal(ram[0x10211], header->loadflags | 0x80);
    assert_int_equal(setup32(0x224) & 0xffff, 0xe000 - 0x200);
    assert_int_equal(setup32(0x228), 0x1e000);
    assert_string_equal((char *)ram + 0x1e000, "console=ttyS0");
    assert_int_equal(setup32(0x218), 0); // no initrd
}

// Fields of later versions are code.
static void test_version_2_02(void **state)
{
    (void)state;
    header = make_linux(0x202, 0x2a);
    header->initrd_addr_max = 0x11223344;
    header->relocatable_kernel = 1;
    header->cmdline_size = 0;
    header->syssize = 0;
    request.payload.command_line = "a";
    assert_loads();
    assert_starts_at_16_bit_entry(0x1000, 0xe000);
    assert_int_equal(setup32(0x228), 0x1e000);
    assert_int_equal(setup32(0x22c), 0x11223344);
}

static void test_version_2_01(void **state)
{
    (void)state;
    header = make_linux(0x201, 0x24);
    header->cmd_line_ptr = 0x11223344;
    request.payload.command_line = "root=/dev/hda1";
    assert_loads();
    assert_starts_at_16_bit_entry(0x9000, 0x9800);
    assert_int_equal(ram32(0x90020), 0x9800a33f);
    assert_int_equal(ram32(0x90224) & 0xffff, 0x9800 - 0x200);
    assert_int_equal(ram32(0x90228), 0x11223344);
    assert_string_equal((char *)ram + 0x99800, "root=/dev/hda1");
    header->version = 0x200;
    header->jump[1] = 0x22;
    header->heap_end_ptr = 0x1234;
    assert_loads();
    assert_int_equal(ram32(0x90224) & 0xffff, 0x1234);
    header->jump[1] = 0x21;
    assert_refused("bzImage jump is eb 21: expected eb and 22 to 8e");
}

static void test_setup_that_is_too_long(void **state)
{
    static uint8_t long_file[0x70 * 512];
    (void)state;
    memcpy(long_file, file.bytes, LINUX_FILE_BYTES);
    request.payload.bytes = long_file;
    header = (struct linux_header *)(void *)(long_file + LINUX_HEADER_OFFSET);
    header->code32_start = 0;
    header->payload_offset = 0;
    header->payload_length = 0;
    header->syssize = 1;
    header->setup_sects = 0x6d;
    request.payload.size = 0x6f * 512ULL;
    assert_loads();
    header->setup_sects = 0x6e;
    request.payload.size = 0x70 * 512ULL;
    assert_refused(
        "bzImage setup_sects is 110: a real-mode part of 0xde00 bytes, there is room for "
        "0xdc00");
}

// A header of a later version is longer. The kernel gets all of it.
static void test_later_version(void **state)
{
    (void)state;
    header->version = 0x21f;
    header->jump[1] = 0x8e;
    assert_loads();
    assert_int_equal(param8(0x28f), file.bytes[0x28f]);
    assert_int_equal(param8(0x290), 0);
    header->jump[1] = 0x8f;
    assert_refused("bzImage jump is eb 8f: expected eb and 62 to 8e");
    header->jump[0] = 0xe9;
    header->jump[1] = 0x6a;
    assert_refused("bzImage jump is e9 6a: expected eb and 62 to 8e");
}

// ---- Where the kernel goes

static void test_place_of_a_kernel_that_cannot_be_relocated(void **state)
{
    (void)state;
    header->relocatable_kernel = 0;
    header->kernel_alignment = 3; // the field has no meaning then
    assert_loads();
    assert_int_equal(result.entry, 0x100200);
    assert_memory_equal(ram + 0x100000, file.bytes + LINUX_SETUP_BYTES, LINUX_KERNEL_BYTES);
    header->init_size = 0x200001; // counts from the address to which the kernel moves itself
    assert_refused("bzImage init_size is 0x200001: the kernel needs RAM from 0x100000 to "
                   "0x401000, the VM's ends at 0x400000");
}

static void test_place_is_aligned(void **state)
{
    (void)state;
    header->pref_address = 0x100000;
    assert_loads();
    assert_int_equal(result.entry, 0x200200);
    header->pref_address = 0;
    header->kernel_alignment = 0x10000;
    assert_loads();
    assert_int_equal(result.entry, 0x100200);
}

static void test_init_size(void **state)
{
    (void)state;
    header->init_size = 0x200000;
    assert_loads();
    header->init_size = 0x200001;
    assert_refused("bzImage init_size is 0x200001: the kernel needs RAM from 0x200000 to "
                   "0x401000, the VM's ends at 0x400000");
    header->init_size = 0xffffffff;
    assert_refused("bzImage init_size is 0xffffffff: the kernel needs RAM from 0x200000 to "
                   "0x100200000, the VM's ends at 0x400000");
}

static void test_place_refusals(void **state)
{
    (void)state;
    header->pref_address = 0xfffff;
    assert_refused("bzImage pref_address is 0xfffff: expected 0 or 0x100000 to below 0xc0000000");
    header->pref_address = ~0ULL;
    assert_refused("bzImage pref_address is 0xffffffffffffffff: expected 0 or 0x100000 to below "
                   "0xc0000000");
    header->pref_address = 0x200000;
    header->kernel_alignment = 0x300000;
    assert_refused("bzImage kernel_alignment is 0x300000: expected a power of two");
    header->kernel_alignment = 0;
    assert_refused("bzImage kernel_alignment is 0: expected a power of two");
    header->kernel_alignment = 0x80000000;
    assert_refused("bzImage init_size is 0x100000: the kernel needs RAM from 0x80000000 to "
                   "0x80100000, the VM's ends at 0x400000");
}

// ---- The file

static void test_setup_sects_of_0_are_4(void **state)
{
    (void)state;
    header->setup_sects = 0;
    header->syssize = 0xc00 / 16;
    header->payload_length = 0;
    assert_loads();
    assert_memory_equal(ram + 0x200000, file.bytes + 0xa00, 0xc00);
}

// syssize counts paragraphs of 16 bytes. The last one need not be whole, and a signature may follow
// the kernel.
static void test_syssize(void **state)
{
    (void)state;
    header->payload_length = 0;
    header->syssize = 0x800 / 16;
    assert_loads();
    assert_memory_equal(ram + 0x200000, file.bytes + LINUX_SETUP_BYTES, 0x800);
    assert_int_equal(ram[0x200800], 0xee);
    header->syssize = LINUX_KERNEL_BYTES / 16;
    request.payload.size = LINUX_FILE_BYTES - 15;
    assert_loads();
    request.payload.size = LINUX_FILE_BYTES - 16;
    assert_refused("bzImage syssize is 0x100: expected 1 to 0xff paragraphs, which the file has");
    header->syssize = 0;
    assert_refused("bzImage syssize is 0: expected 1 to 0xff paragraphs, which the file has");
}

static void test_truncated_files(void **state)
{
    (void)state;
    request.payload.size = 0x23b;
    assert_refused("bzImage header: the file ends after 571 bytes");
    request.payload.size = 0x26b;
    assert_refused("bzImage header: the file ends after 619 bytes");
    request.payload.size = 0x600;
    assert_refused("bzImage setup_sects is 2: no kernel behind offset 0x600 of a file of 0x600 "
                   "bytes");
    header->setup_sects = 255;
    assert_refused("bzImage setup_sects is 255: no kernel behind offset 0x20000 of a file of 0x600 "
                   "bytes");
    request.kind = PAYLOAD_LINUX;
    request.payload.size = 0;
    assert_refused("bzImage header: the file ends after 0 bytes");
}

static void test_header_refusals(void **state)
{
    (void)state;
    header->boot_flag = 0x55aa;
    assert_refused("bzImage boot_flag is 0x55aa: expected 0xaa55");
    header->boot_flag = 0xaa55;
    header->header = 0x12345678;
    request.kind = PAYLOAD_LINUX;
    assert_refused("bzImage header is 0x12345678: expected 0x53726448, \"HdrS\"");
    header->header = 0x53726448;
    header->loadflags = 0x80;
    assert_refused("bzImage loadflags is 0x80: bit 0 is 0, expected a kernel for 0x100000");
    header->loadflags = 1;
    header->payload_length = 0xf01;
    assert_refused("bzImage payload_offset is 0x100: 0xf01 bytes of payload are not in the 0x1000 "
                   "of the kernel");
    header->payload_offset = 0xffffffff;
    assert_refused("bzImage payload_offset is 0xffffffff: 0xf01 bytes of payload are not in the "
                   "0x1000 of the kernel");
}

static void test_entry_refusals(void **state)
{
    (void)state;
    header->code32_start = 0x101000;
    assert_refused("bzImage code32_start is 0x101000: expected 0, or an address in the kernel's "
                   "0x1000 bytes from 0x100000 on");
    header->code32_start = 0xfffff;
    assert_refused("bzImage code32_start is 0xfffff: expected 0, or an address in the kernel's "
                   "0x1000 bytes from 0x100000 on");
    header->code32_start = 0x100000;
    header->payload_offset = 0;
    header->payload_length = 0;
    header->syssize = 0x20;
    assert_refused("bzImage xloadflags is 0x1: a 64-bit entry at 0x200, in a kernel of 0x200 "
                   "bytes");
    header->syssize = 0x21;
    assert_loads();
}

// ---- Command line and initrd

static void test_command_line_length(void **state)
{
    static char line[300];
    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    request.payload.command_line = line + sizeof(line) - 1 - 255;
    assert_loads();
    assert_string_equal((char *)ram + LINUX_COMMAND_LINE, request.payload.command_line);
    request.payload.command_line--;
    assert_refused("bzImage cmdline_size is 255: a command line of 256 characters is longer");
}

static void add_module(const uint8_t *bytes, uint64_t size)
{
    request.modules[request.module_count++] = (struct payload){bytes, size, ""};
}

static void test_initrd_lies_at_the_end_of_ram(void **state)
{
    static const uint8_t initrd[5000] = {1, 2, 3};
    (void)state;
    add_module(initrd, sizeof(initrd));
    assert_loads();
    assert_int_equal(param32(0x218), RAM_BYTES - 0x2000);
    assert_int_equal(param32(0x21c), sizeof(initrd));
    assert_memory_equal(ram + RAM_BYTES - 0x2000, initrd, sizeof(initrd));
}

static void test_no_initrd(void **state)
{
    (void)state;
    assert_loads();
    assert_int_equal(param32(0x218), 0);
    assert_int_equal(param32(0x21c), 0);
    add_module(NULL, 0);
    assert_loads();
    assert_int_equal(param32(0x218), 0);
    assert_int_equal(param32(0x21c), 0);
}

static void test_initrd_of_several_modules(void **state)
{
    static const uint8_t first[] = {1, 2, 3, 4, 5};
    static const uint8_t second[] = {6, 7};
    static const uint8_t all[] = {1, 2, 3, 4, 5, 0, 0, 0, 6, 7, 0xee};
    (void)state;
    add_module(first, sizeof(first));
    add_module(NULL, 0);
    add_module(second, sizeof(second));
    assert_loads();
    assert_int_equal(param32(0x21c), 10);
    assert_memory_equal(ram + param32(0x218), all, sizeof(all));
}

static void test_initrd_respects_the_kernels_limit(void **state)
{
    static const uint8_t initrd[0x1000] = {9};
    (void)state;
    add_module(initrd, sizeof(initrd));
    header->initrd_addr_max = 0x300fff;
    assert_loads();
    assert_int_equal(param32(0x218), 0x300000);
    header->initrd_addr_max = 0x300ffe;
    assert_refused("initrd: module 0 of 4096 bytes does not fit between 0x300000, where the "
                   "kernel ends, and 0x300fff");
    header->initrd_addr_max = 0xffffffff;
    assert_loads();
    assert_int_equal(param32(0x218), RAM_BYTES - 0x1000);
}

static void test_initrd_without_room(void **state)
{
    uint8_t *large = calloc(1, 2 * MIB);
    (void)state;
    assert_non_null(large);
    add_module(large, MIB);
    assert_loads();
    assert_int_equal(param32(0x218), 3 * MIB);
    request.modules[0].size++;
    assert_refused("initrd: module 0 of 1048577 bytes does not fit between 0x300000, where the "
                   "kernel ends, and 0x400000");
    request.modules[0].size = UINT64_MAX;
    assert_int_equal(load(), STATUS_NO_MEMORY);
    request.modules[0].size = MIB - 1;
    add_module(large, 1);
    assert_refused("initrd: module 1 of 1 bytes does not fit between 0x300000, where the kernel "
                   "ends, and 0x400000");
    free(large);
}

static void test_without_low_ram(void **state)
{
    (void)state;
    memory.extents[0].bytes = 0x90000;
    assert_refused("bzImage: no RAM from 0x10000 to 0x9fc00");
}

#define LOAD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, ram_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOAD_TEST(test_64_bit_entry),
        LOAD_TEST(test_32_bit_entry),
        LOAD_TEST(test_header_in_the_parameters),
        LOAD_TEST(test_screen_and_tables_in_the_parameters),
        LOAD_TEST(test_e820_in_the_parameters),
        LOAD_TEST(test_version_2_06),
        LOAD_TEST(test_version_2_06_size),
        LOAD_TEST(test_version_2_10_has_no_64_bit_entry),
        LOAD_TEST(test_without_a_32_bit_entry),
        LOAD_TEST(test_version_2_02),
        LOAD_TEST(test_version_2_01),
        LOAD_TEST(test_setup_that_is_too_long),
        LOAD_TEST(test_later_version),
        LOAD_TEST(test_place_of_a_kernel_that_cannot_be_relocated),
        LOAD_TEST(test_place_is_aligned),
        LOAD_TEST(test_init_size),
        LOAD_TEST(test_place_refusals),
        LOAD_TEST(test_setup_sects_of_0_are_4),
        LOAD_TEST(test_syssize),
        LOAD_TEST(test_truncated_files),
        LOAD_TEST(test_header_refusals),
        LOAD_TEST(test_entry_refusals),
        LOAD_TEST(test_command_line_length),
        LOAD_TEST(test_initrd_lies_at_the_end_of_ram),
        LOAD_TEST(test_no_initrd),
        LOAD_TEST(test_initrd_of_several_modules),
        LOAD_TEST(test_initrd_respects_the_kernels_limit),
        LOAD_TEST(test_initrd_without_room),
        LOAD_TEST(test_without_low_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
