// SPDX-License-Identifier: MIT
// Tests of the words for disks.
#include "vmm/config/config_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vmm/config/config_vm.h"
#include "vmm/config/config_words.h"

static struct config_disk_line line;
static struct vm_config config;
static struct reason why;

static void parse(const char *text)
{
    assert_true(config_is_disk(text));
    assert_int_equal(config_parse_disk(text, &line, &why), STATUS_OK);
}

static void assert_refused(const char *text, const char *reason)
{
    assert_int_not_equal(config_parse_disk(text, &line, &why), STATUS_OK);
    assert_string_equal(why.text, reason);
}

static void a_line_names_its_vms_and_its_disk(void **state)
{
    (void)state;
    parse("/boot/data.img vm=web,db disk=data,ro");
    assert_int_equal(line.vm_count, 2);
    assert_string_equal(line.vms[0], "web");
    assert_string_equal(line.vms[1], "db");
    assert_string_equal(line.disk.name, "data");
    assert_true(line.disk.read_only);
    assert_false(line.disk.keep);
    assert_int_equal(line.disk.overlay_bytes, 0);
    assert_int_equal(line.disk.ram_bytes, 0);
    parse("disk=root,keep overlay=64M vm=web");
    assert_true(line.disk.keep);
    assert_int_equal(line.disk.overlay_bytes, 64 * MIB);
}

static void lines_without_disk_are_others(void **state)
{
    (void)state;
    assert_false(config_is_disk("/boot/vmlinuz vm=web mem=64M -- root=/dev/vda disk=x"));
    assert_false(config_is_disk("disk vm=web ram-disk=a:1G"));
    assert_false(config_is_disk(""));
}

static void bad_lines_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"vm=web disk=", "disk=: a disk's name is " CONFIG_NAME_RULE},
        {"vm=web disk=a/b", "disk=: a disk's name is " CONFIG_NAME_RULE},
        {"vm=web disk=a,rw", "disk=a: behind the name: expected ro or keep"},
        {"vm=web disk=a,", "disk=a: behind the name: expected ro or keep"},
        {"disk=a", "disk=a: vm=NAME is missing"},
        {"vm= disk=a", "vm=: expected names of VMs with commas, each " CONFIG_NAME_RULE},
        {"vm=a,,b disk=a", "vm=: expected names of VMs with commas, each " CONFIG_NAME_RULE},
        {"vm=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q disk=a", "vm=: at most 16 VMs have one disk"},
        {"vm=web disk=a disk=b", "disk=b: disk= is given twice"},
        {"vm=web disk=a overlay=1K", "overlay=1K: expected a size, 1M to 256G"},
        {"vm=web disk=a overlay=257G", "overlay=257G: expected a size, 1M to 256G"},
        {"vm=web disk=a overlay=much", "overlay=much: expected a size, 1M to 256G"},
        {"vm=web disk=a mem=1M", "mem=: unknown, known are vm= disk= overlay="},
        {"vm=web disk=a -- x", "--: unknown, known are vm= disk= overlay="},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_refused(cases[i].text, cases[i].reason);
    }
}

static void the_vms_of_a_bad_line_are_known(void **state)
{
    (void)state;
    assert_refused("disk=a,rw vm=web,db", "disk=a: behind the name: expected ro or keep");
    assert_int_equal(line.vm_count, 2);
    assert_string_equal(line.vms[1], "db");
}

static void ram_disks_have_names_and_sizes(void **state)
{
    (void)state;
    assert_int_equal(config_parse_vm("vm=web ram-disk=a:1G,keep,b:512M", &config, &why), STATUS_OK);
    assert_int_equal(config.ram_disk_count, 2);
    assert_string_equal(config.ram_disks[0].name, "a");
    assert_int_equal(config.ram_disks[0].ram_bytes, GIB);
    assert_int_equal(config.ram_disks[0].overlay_bytes, GIB);
    assert_true(config.ram_disks[0].keep);
    assert_string_equal(config.ram_disks[1].name, "b");
    assert_int_equal(config.ram_disks[1].ram_bytes, 512 * MIB);
    assert_false(config.ram_disks[1].keep);
}

static void bad_ram_disks_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"vm=w ram-disk=", "ram-disk=: a disk's name is " CONFIG_NAME_RULE},
        {"vm=w ram-disk=:1G", "ram-disk=: a disk's name is " CONFIG_NAME_RULE},
        {"vm=w ram-disk=a", "ram-disk=a: expected a size behind it, such as a:1G"},
        {"vm=w ram-disk=a:", "ram-disk=a: expected a size behind it, such as a:1G"},
        {"vm=w ram-disk=keep", "ram-disk=keep: expected a size behind it, such as keep:1G"},
        {"vm=w ram-disk=a:64K", "ram-disk=a: expected a size of 1M to 256G, a multiple of 4K"},
        {"vm=w ram-disk=a:1048577", "ram-disk=a: expected a size of 1M to 256G, a multiple of 4K"},
        {"vm=w ram-disk=a:300G", "ram-disk=a: expected a size of 1M to 256G, a multiple of 4K"},
        {"vm=w ram-disk=a:1M,b:1M,c:1M,d:1M,e:1M", "ram-disk=: at most 4 of them"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_not_equal(config_parse_vm(cases[i].text, &config, &why), STATUS_OK);
        assert_string_equal(why.text, cases[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_its_vms_and_its_disk),
        cmocka_unit_test(lines_without_disk_are_others),
        cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(the_vms_of_a_bad_line_are_known),
        cmocka_unit_test(ram_disks_have_names_and_sizes),
        cmocka_unit_test(bad_ram_disks_are_refused),
    };
    return cmocka_run_group_tests_name("config_disk", tests, NULL, NULL);
}
