// SPDX-License-Identifier: MIT
// Tests of the command line and of the VM lines: the values read, and the text of each refusal.
#include "vmm/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/features.h"
#include "vmm/config/config_features.h"
#include "vmm/config/config_vm.h"
#include "vmm/config/config_words.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/console_choice.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

static unsigned complaints;
static char complaint[200]; // the last one
static char first_complaint[200];

static void complain(void *context, const char *text)
{
    assert_ptr_equal(context, &complaints);
    complaints++;
    if (complaints == 1) {
        (void)snprintf(first_complaint, sizeof(first_complaint), "%s", text);
    }
    (void)snprintf(complaint, sizeof(complaint), "%s", text);
}

static struct husk_config parse_husk(const char *line)
{
    struct husk_config config;
    complaints = 0;
    complaint[0] = '\0';
    config_parse_husk(line, &config, complain, &complaints);
    return config;
}

static struct vm_config vm;
static struct reason why;

static enum status parse_vm(const char *line)
{
    memset(&why, 0, sizeof(why));
    return config_parse_vm(line, &vm, &why);
}

static void assert_vm_refused(const char *line, const char *text)
{
    assert_int_not_equal(parse_vm(line), STATUS_OK);
    assert_string_equal(why.text, text);
}

static void test_empty_husk_line(void **state)
{
    struct husk_config config = parse_husk("");
    (void)state;
    assert_int_equal(config.consoles, CONSOLE_SERIAL | CONSOLE_SCREEN);
    assert_int_equal(config.guest_count, 0);
    assert_string_equal(config.focus, "");
    assert_false(config.poweroff_on_idle);
    assert_int_equal(complaints, 0);
}

static void test_whole_husk_line(void **state)
{
    struct husk_config config = parse_husk(
        "/boot/husk.elf console=com2,vga  guests=hello,ticker focus=hello on-idle=poweroff ");
    (void)state;
    assert_int_equal(complaints, 0);
    assert_int_equal(config.consoles, CONSOLE_COM1 << 1 | CONSOLE_SCREEN);
    assert_int_equal(config.guest_count, 2);
    assert_string_equal(config.guests[0], "hello");
    assert_string_equal(config.guests[1], "ticker");
    assert_string_equal(config.focus, "hello");
    assert_true(config.poweroff_on_idle);
}

static void test_console_words(void **state)
{
    static const char *const words[] = {"serial", "screen", "spcr", "pci-serial", "com1", "com2",
                                        "com3",   "com4",   "pci0", "pci1",       "pci2", "pci3",
                                        "pci4",   "pci5",   "pci6", "pci7"};
    char line[40];
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        (void)snprintf(line, sizeof(line), "console=%s", words[i]);
        assert_int_equal(parse_husk(line).consoles, BIT(i));
    }
    assert_int_equal(parse_husk("console=com1,pci-serial,serial").consoles,
                     CONSOLE_COM1 | CONSOLE_PCI | CONSOLE_SERIAL);
    // A line with nothing but a wrong word counts as an empty line.
    assert_int_equal(parse_husk("console=com5").consoles, CONSOLE_SERIAL | CONSOLE_SCREEN);
}

#define CONSOLES "serial, com1 to com4, spcr, pci-serial, pci0 to pci7, screen"

static void assert_complaint(const char *line, const char *text)
{
    (void)parse_husk(line);
    assert_int_equal(complaints, 1);
    assert_string_equal(complaint, text);
}

static void test_husk_complaints(void **state)
{
    (void)state;
    assert_complaint("colour=red",
                     "colour=: unknown, known are console= guests= focus= on-idle= no= gdb=");
    assert_complaint("debug",
                     "debug: unknown, known are console= guests= focus= on-idle= no= gdb=");
    assert_complaint("console=tty", "console=tty: expected " CONSOLES);
    assert_complaint("console=vga,", "console=: expected " CONSOLES);
    assert_complaint("on-idle=sleep", "on-idle=sleep: expected poweroff or stay");
    assert_complaint("focus=a/b",
                     "focus=a/b: expected a VM's name: 1 to 15 letters, digits, '-', '_', '.'");
    assert_complaint("guests=hello,,b",
                     "guests=: expected names of 1 to 15 letters, digits, '-', '_', '.'");
    assert_complaint("gdb=serial", "gdb=serial: expected com1 to com4, spcr, pci0 to pci7");
    assert_complaint("gdb=com1,com2", "gdb=com1,com2: expected com1 to com4, spcr, pci0 to pci7");
    assert_complaint("focus=a focus=b", "focus=b: expected once only, the first counts");
}

static void test_a_line_is_for_gdb(void **state)
{
    (void)state;
    assert_int_equal(parse_husk("").gdb, 0);
    assert_int_equal(parse_husk("gdb=com2").gdb, CONSOLE_COM1 << 1);
    assert_int_equal(parse_husk("gdb=spcr").gdb, CONSOLE_SPCR);
    assert_int_equal(parse_husk("gdb=pci7!").gdb,
                     CONSOLE_PCI0 << 7 | BIT(15 + CONSOLE_UNPROBED_SHIFT));
    assert_int_equal(complaints, 0);
}

static void test_features_are_switched_off(void **state)
{
    (void)state;
    assert_int_equal(parse_husk("").features_off, 0);
    assert_int_equal(parse_husk("no=vpid,hpet").features_off,
                     BIT(OPTIONAL_VPID) | BIT(OPTIONAL_HPET));
    assert_int_equal(complaints, 0);
}

// Each word of the list is known, and all words together give all features.
static void test_every_feature_has_its_word(void **state)
{
    char all[CONFIG_WORD_MAX] = "no=";
    char line[CONFIG_FEATURE_LINE];
    unsigned lines = 0;
    (void)state;
    for (unsigned next = 0; config_feature_line(&next, line); lines++) {
        (void)strncat(all, line, sizeof(all) - strlen(all) - 1);
    }
    assert_int_equal(parse_husk(all).features_off, BIT(OPTIONAL_COUNT) - 1);
    assert_int_equal(complaints, 0);
    assert_in_range(lines, 2, 8);
}

static void test_an_unknown_feature_is_named(void **state)
{
    struct husk_config config = parse_husk("no=vpid,ept-3g,npt-1g");
    (void)state;
    assert_int_equal(config.features_off, BIT(OPTIONAL_VPID) | BIT(OPTIONAL_NPT_1G));
    assert_string_equal(first_complaint,
                        "no=ept-3g: expected names of features, with commas, out of:");
    assert_in_range(complaints, 3, 9);          // and the list
    assert_non_null(strstr(complaint, "xhci")); // the last word
    config = parse_husk("no=vpi,vpidd,,VPID");
    assert_int_equal(config.features_off, 0);
}

static void test_rest_of_a_bad_husk_line_counts(void **state)
{
    struct husk_config config = parse_husk("bad guests=a,b$,c worse=1 on-idle=poweroff");
    (void)state;
    assert_int_equal(complaints, 3);
    assert_int_equal(config.guest_count, 2);
    assert_string_equal(config.guests[0], "a");
    assert_string_equal(config.guests[1], "c");
    assert_true(config.poweroff_on_idle);
}

static void test_too_many_guests(void **state)
{
    char line[512] = "guests=";
    struct husk_config config;
    (void)state;
    for (unsigned i = 0; i < 34; i++) {
        (void)sprintf(line + strlen(line), "%sg%u", i == 0 ? "" : ",", i);
    }
    config = parse_husk(line);
    assert_int_equal(config.guest_count, CONFIG_GUESTS_MAX);
    assert_int_equal(complaints, 2);
    assert_string_equal(complaint, "guests=g33: expected at most 32 guests, it is left out");
}

static void test_word_that_is_too_long(void **state)
{
    char line[2000];
    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "guests=", 7);
    line[sizeof(line) - 1] = '\0';
    assert_complaint(line, "guests...: longer than 639 bytes");
}

static void test_vm_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse_vm("vm=web"), STATUS_OK);
    assert_string_equal(vm.name, "web");
    assert_int_equal(vm.memory_bytes, VM_MEMORY_DEFAULT);
    assert_int_equal(vm.vcpus, 1);
    assert_false(vm.pinned);
    assert_int_equal(vm.restart, RESTART_NEVER);
    assert_int_equal(vm.kind, PAYLOAD_UNKNOWN);
    assert_true(vm.autostart);
    assert_false(vm.ignore_msrs);
    assert_string_equal(vm.command_line, "");
}

static void test_whole_vm_line(void **state)
{
    (void)state;
    assert_int_equal(parse_vm("/boot/x.elf vm=rt-1 mem=16M cpus=1 cpu=3 restart=on-failure "
                              "kind=multiboot1 start=no msrs=ignore -- root=/dev/sda  quiet -- x"),
                     STATUS_OK);
    assert_string_equal(vm.name, "rt-1");
    assert_int_equal(vm.memory_bytes, 16 * MIB);
    assert_true(vm.pinned);
    assert_int_equal(vm.cpus[0], BIT(3));
    assert_int_equal(vm.restart, RESTART_ON_FAILURE);
    assert_int_equal(vm.kind, PAYLOAD_MULTIBOOT1);
    assert_false(vm.autostart);
    assert_true(vm.ignore_msrs);
    assert_string_equal(vm.command_line, "root=/dev/sda  quiet -- x");
    assert_false(vm.no_paravirt);
    assert_int_equal(parse_vm("vm=a rng=yes"), STATUS_OK);
    assert_true(vm.random);
    assert_false(vm.balloon);
    assert_int_equal(parse_vm("vm=a balloon=yes"), STATUS_OK);
    assert_true(vm.balloon);
    assert_int_equal(parse_vm("vm=a msrs=fault pv=no"), STATUS_OK);
    assert_false(vm.random);
    assert_false(vm.ignore_msrs);
    assert_true(vm.no_paravirt);
}

// Who tells the payload to use the console need not say it twice.
static void test_second_console(void **state)
{
    static const struct {
        const char *line;
        bool hvc;
    } lines[] = {
        {"vm=a", false},
        {"vm=a hvc=yes", true},
        {"vm=a -- root=/dev/vda console=hvc0", true},
        {"vm=a -- console=hvc0,115200 quiet", true},
        {"vm=a hvc=no -- console=hvc0", false},
        {"vm=a hvc=yes -- console=ttyS0", true},
        {"vm=a -- console=ttyS0 console=hvc", false},
        {"vm=a -- hvc=yes", false},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_int_equal(parse_vm(lines[i].line), STATUS_OK);
        assert_int_equal(vm.hvc, lines[i].hvc);
    }
}

static void test_memory_sizes(void **state)
{
    static const struct {
        const char *line;
        uint64_t bytes;
    } sizes[] = {
        {"vm=a mem=1M", MIB},          {"vm=a mem=512m", 512 * MIB},
        {"vm=a mem=4G", 4 * GIB},      {"vm=a mem=4096G", GUEST_MEMORY_MAX},
        {"vm=a mem=2048K", 2 * MIB},   {"vm=a mem=1048576", MIB},
        {"vm=a mem=1052672", 1052672}, {"vm=a mem=0001g", GIB},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        assert_int_equal(parse_vm(sizes[i].line), STATUS_OK);
        assert_int_equal(vm.memory_bytes, sizes[i].bytes);
    }
}

static void test_cpu_lists(void **state)
{
    static const struct {
        const char *line;
        uint64_t cpus[HOST_CPUS_MAX / 64];
    } lists[] = {
        {"vm=a cpu=0", {BIT(0)}},
        {"vm=a cpu=1,4-7", {0xf2}},
        {"vm=a cpu=3-3,3,2-4", {0x1c}},
        {"vm=a cpu=007", {BIT(7)}},
        {"vm=a cpu=63-64,255", {BIT(63), BIT(0), 0, BIT(63)}},
        {"vm=a cpu=0-255", {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        assert_int_equal(parse_vm(lists[i].line), STATUS_OK);
        assert_true(vm.pinned);
        assert_memory_equal(vm.cpus, lists[i].cpus, sizeof(vm.cpus));
    }
    assert_int_equal(parse_vm("vm=a cpus=64 cpu=1"), STATUS_OK); // more vCPUs than CPUs
    assert_int_equal(vm.vcpus, 64);
    assert_int_equal(parse_vm("vm=a cpus=2"), STATUS_OK);
    assert_false(vm.pinned);
    assert_int_equal(vm.cpus[0], 0);
}

static void test_cpu_list_refusals(void **state)
{
    static const char *const bad[] = {"",      ",",   "1,",    ",1",  "1,,2", "1-",   "-2",  "4-3",
                                      "1-2-3", "1;2", "1-256", "0x1", "1,x",  "1, 2", "a-b", "+1"};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        char line[40];
        char text[120];
        snprintf(line, sizeof(line), "vm=a cpu=\"%s\"", bad[i]);
        snprintf(text, sizeof(text),
                 "cpu=%s: expected numbers of CPUs, 0 to 255, such as 2 or 1,4-7", bad[i]);
        assert_vm_refused(line, text);
    }
}

static void test_vm_refusals(void **state)
{
    static const struct {
        const char *line;
        const char *text;
    } bad[] = {
        {"", "vm=NAME is missing"},
        {"mem=4M", "vm=NAME is missing"},
        {"-- vm=a", "vm=NAME is missing"},
        {"vm=a share=0", "share=0: expected a number from 1 to 10000"},
        {"vm=a share=10001", "share=10001: expected a number from 1 to 10000"},
        {"vm=a share=", "share=: expected a number from 1 to 10000"},
        {"vm=", "vm=: expected 1 to 15 letters, digits, '-', '_', '.'"},
        {"vm=0123456789abcdef",
         "vm=0123456789abcdef: expected 1 to 15 letters, digits, '-', '_', '.'"},
        {"vm=\"a b\"", "vm=a b: expected 1 to 15 letters, digits, '-', '_', '.'"},
        {"vm=a mem=", "mem=: expected a size such as 64M or 1G"},
        {"vm=a mem=12Q", "mem=12Q: expected a size such as 64M or 1G"},
        {"vm=a mem=M", "mem=M: expected a size such as 64M or 1G"},
        {"vm=a mem=-1", "mem=-1: expected a size such as 64M or 1G"},
        {"vm=a mem=1MM", "mem=1MM: expected a size such as 64M or 1G"},
        {"vm=a mem=0", "mem=0: expected 1M to 4096G"},
        {"vm=a mem=1023K", "mem=1023K: expected 1M to 4096G"},
        {"vm=a mem=4097G", "mem=4097G: expected 1M to 4096G"},
        {"vm=a mem=18446744073709551616",
         "mem=18446744073709551616: expected a size such as 64M or 1G"},
        {"vm=a mem=17179869185G", "mem=17179869185G: expected a size such as 64M or 1G"},
        {"vm=a mem=1048577", "mem=1048577: expected a multiple of 4K"},
        {"vm=a cpus=0", "cpus=0: expected a number from 1 to 64"},
        {"vm=a cpus=65", "cpus=65: expected a number from 1 to 64"},
        {"vm=a cpus=1x", "cpus=1x: expected a number from 1 to 64"},
        {"vm=a cpu=256", "cpu=256: expected numbers of CPUs, 0 to 255, such as 2 or 1,4-7"},
        {"vm=a cpu=-1", "cpu=-1: expected numbers of CPUs, 0 to 255, such as 2 or 1,4-7"},
        {"vm=a cpu=99999999999999999999",
         "cpu=99999999999999999999: expected numbers of CPUs, 0 to 255, such as 2 or 1,4-7"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_vm_refused(bad[i].line, bad[i].text);
    }
}

static void test_vm_refusals_of_words(void **state)
{
    static const struct {
        const char *line;
        const char *text;
    } bad[] = {
        {"vm=a restart=maybe", "restart=maybe: expected never, always or on-failure"},
        {"vm=a kind=unknown",
         "kind=unknown: expected flat, elf32, elf64, linux, multiboot1 or multiboot2"},
        {"vm=a start=1", "start=1: expected yes or no"},
        {"vm=a msrs=no", "msrs=no: expected ignore or fault"},
        {"vm=a pv=kvm", "pv=kvm: expected no or yes"},
        {"vm=a rng=fast", "rng=fast: expected yes or no"},
        {"vm=a balloon=1M", "balloon=1M: expected yes or no"},
        {"vm=a hvc=hvc0", "hvc=hvc0: expected yes or no"},
        {"vm=a hvc=no hvc=no", "hvc=no: hvc= is given twice"},
        {"vm=a vm=b", "vm=b: vm= is given twice"},
        {"vm=a mem=4M mem=8M", "mem=8M: mem= is given twice"},
        {"vm=a meme=4M", "meme=: unknown, known are vm= mem= cpus= cpu= share= restart= kind= "
                         "start= msrs= pv= rng= hvc= balloon= ram-disk= net= --"},
        {"vm=a quiet", "quiet: unknown, known are vm= mem= cpus= cpu= share= restart= kind= start= "
                       "msrs= pv= rng= hvc= balloon= ram-disk= net= --"},
        {"vm=a /x/y", "/x/y: unknown, known are vm= mem= cpus= cpu= share= restart= kind= start= "
                      "msrs= pv= rng= hvc= balloon= ram-disk= net= --"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_vm_refused(bad[i].line, bad[i].text);
    }
}

static void test_further_module(void **state)
{
    (void)state;
    assert_int_equal(parse_vm("vm=web -- initrd of mem=3"), STATUS_OK);
    assert_string_equal(vm.name, "web");
    assert_string_equal(vm.command_line, "initrd of mem=3");
    assert_int_equal(config_check_module(&vm, &why), STATUS_OK);
    assert_int_equal(parse_vm("mem=4M vm=web start=no"), STATUS_OK);
    assert_int_equal(config_check_module(&vm, &why), STATUS_INVALID);
    assert_string_equal(why.text, "mem=4M: a further module of a VM has vm= and -- only");
    assert_int_equal(parse_vm("vm=web cpu=000000000000000000000001,2"), STATUS_OK);
    assert_int_equal(config_check_module(&vm, &why), STATUS_INVALID);
    assert_string_equal(why.text, "cpu=000000000000000000000001: a further module of a VM has vm= "
                                  "and -- only");
}

static void assert_words(const char *line, unsigned count, const char *const *words)
{
    struct config_word word;
    for (unsigned i = 0; i < count; i++) {
        assert_true(config_next_word(&line, &word));
        assert_string_equal(word.text, words[i]);
    }
    assert_false(config_next_word(&line, &word));
}

static void test_name_beside_mistakes(void **state)
{
    (void)state;
    assert_true(config_names_vm("mem=lots vm=web what=9", "web"));
    assert_true(config_names_vm("vm=odd vm=web", "web"));
    assert_false(config_names_vm("vm=web2 mem=8M", "web"));
    assert_false(config_names_vm("vm mem=web", "web"));
    assert_false(config_names_vm("vm=db -- vm=web", "web"));
    assert_false(config_names_vm("", "web"));
}

// As grub_create_loader_cmdline writes the arguments `a b`, `c"d`, `e\f`, `it's`.
static void test_words_as_grub_quotes_them(void **state)
{
    static const char *const words[] = {"a b", "c\"d", "e\\f", "it's"};
    (void)state;
    assert_words("\"a b\" c\\\"d e\\\\f it\\'s", 4, words);
    assert_words("\"a b\"\tc\\\"d\ne\\\\f   it\\'s \n", 4, words);
}

static void test_odd_words(void **state)
{
    static const char *const open[] = {"a b "};
    static const char *const empty[] = {"", "x"};
    static const char *const backslash[] = {"a\\"};
    static const char *const joined[] = {"ab cd"};
    (void)state;
    assert_words("   ", 0, NULL);
    assert_words("\"a b ", 1, open);
    assert_words("\"\" x", 2, empty);
    assert_words("a\\", 1, backslash);
    assert_words("a\"b c\"d", 1, joined);
}

static void test_quoted_value(void **state)
{
    (void)state;
    assert_int_equal(parse_vm("\"vm=web\" mem=\"8M\""), STATUS_OK);
    assert_string_equal(vm.name, "web");
    assert_int_equal(vm.memory_bytes, 8 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_husk_line),
        cmocka_unit_test(test_whole_husk_line),
        cmocka_unit_test(test_console_words),
        cmocka_unit_test(test_husk_complaints),
        cmocka_unit_test(test_a_line_is_for_gdb),
        cmocka_unit_test(test_features_are_switched_off),
        cmocka_unit_test(test_every_feature_has_its_word),
        cmocka_unit_test(test_an_unknown_feature_is_named),
        cmocka_unit_test(test_rest_of_a_bad_husk_line_counts),
        cmocka_unit_test(test_too_many_guests),
        cmocka_unit_test(test_word_that_is_too_long),
        cmocka_unit_test(test_vm_defaults),
        cmocka_unit_test(test_whole_vm_line),
        cmocka_unit_test(test_second_console),
        cmocka_unit_test(test_memory_sizes),
        cmocka_unit_test(test_cpu_lists),
        cmocka_unit_test(test_cpu_list_refusals),
        cmocka_unit_test(test_vm_refusals),
        cmocka_unit_test(test_vm_refusals_of_words),
        cmocka_unit_test(test_further_module),
        cmocka_unit_test(test_name_beside_mistakes),
        cmocka_unit_test(test_words_as_grub_quotes_them),
        cmocka_unit_test(test_odd_words),
        cmocka_unit_test(test_quoted_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
