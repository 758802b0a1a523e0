// SPDX-License-Identifier: MIT
// Tests of the words for network cards.
#include "vmm/config/config_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/config/config_vm.h"
#include "vmm/config/config_words.h"

static struct vm_config config;
static struct reason why;

static void parse(const char *text)
{
    assert_int_equal(config_parse_vm(text, &config, &why), STATUS_OK);
}

static void a_line_names_switches(void **state)
{
    (void)state;
    parse("/boot/vmlinuz vm=web mem=64M");
    assert_int_equal(config.net_count, 0);
    parse("vm=web net=lan mem=64M net=dmz,promisc -- net=other");
    assert_int_equal(config.net_count, 2);
    assert_string_equal(config.nets[0].name, "lan");
    assert_false(config.nets[0].has_mac);
    assert_false(config.nets[0].promiscuous);
    assert_string_equal(config.nets[1].name, "dmz");
    assert_true(config.nets[1].promiscuous);
    parse("vm=web net=lan net=lan"); // two ports of one switch
    assert_int_equal(config.net_count, 2);
}

static void a_card_may_have_an_address(void **state)
{
    static const uint8_t mac[] = {0x52, 0x54, 0x00, 0xaB, 0xcD, 0xeF};
    (void)state;
    parse("vm=web net=lan,mac=52:54:00:aB:Cd:eF,promisc");
    assert_true(config.nets[0].has_mac);
    assert_true(config.nets[0].promiscuous);
    assert_memory_equal(config.nets[0].mac.bytes, mac, sizeof(mac));
}

static void bad_words_are_refused(void **state)
{
    static const char name[] = "net=: a switch's name is " CONFIG_NAME_RULE;
    static const char option[] = "net=lan: behind the name: expected mac= or promisc";
    static const char mac[] =
        "net=lan: mac=: expected one card's address, such as 52:54:00:12:34:56";
    static const struct {
        const char *words;
        const char *reason;
    } cases[] = {
        {"net=", name},
        {"net=,promisc", name},
        {"net=a/b", name},
        {"net=lan-of-16-letters", name},
        {"net=lan,", option},
        {"net=lan,fast", option},
        {"net=lan,promisc=yes", option},
        {"net=lan,mac", option},
        {"net=lan,mac=", mac},
        {"net=lan,mac=52:54:00:12:34", mac},
        {"net=lan,mac=52:54:00:12:34:5", mac},
        {"net=lan,mac=52:54:00:12:34:567", mac},
        {"net=lan,mac=52:54:00:12:34:5g", mac},
        {"net=lan,mac=52:54:00:12:34 56", mac},
        {"net=lan,mac=525400123456", mac},
        {"net=lan,mac=52-54-00-12-34-56", mac},
        {"net=lan,mac=00:00:00:00:00:00", mac},
        {"net=lan,mac=ff:ff:ff:ff:ff:ff", mac},
        {"net=lan,mac=01:00:5e:00:00:01", mac},
        {"net=a net=b net=c net=d net=e,promisc", "net=e,promisc: a VM has at most 4 of them"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char line[128] = "vm=web ";
        strcat(line, cases[i].words);
        assert_int_not_equal(config_parse_vm(line, &config, &why), STATUS_OK);
        assert_string_equal(why.text, cases[i].reason);
    }
}

static void only_the_first_line_of_a_vm_has_cards(void **state)
{
    (void)state;
    parse("vm=web net=lan");
    assert_int_not_equal(config_check_module(&config, &why), STATUS_OK);
    assert_string_equal(why.text, "net=lan: a further module of a VM has vm= and -- only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_switches),
        cmocka_unit_test(a_card_may_have_an_address),
        cmocka_unit_test(bad_words_are_refused),
        cmocka_unit_test(only_the_first_line_of_a_vm_has_cards),
    };
    return cmocka_run_group_tests_name("config_net", tests, NULL, NULL);
}
