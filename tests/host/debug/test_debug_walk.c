// SPDX-License-Identifier: MIT
// Tests of `walk` on a VM: the text, from the registers to the end of the way.
#include "vmm/debug/debug_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_backend.h"
#include "tests/host/monitor/inspect_fixture.h"
#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_life.h"

static struct vm *web;
static struct reason why;

static int set_up(void **state)
{
    inspect_set_up(state);
    web = fixture.web;
    return 0;
}

static void set_register(enum guest_register which, uint64_t value)
{
    web->vcpus[0]->core.backend->registers[which] = value;
}

static void set64(uint64_t at, uint64_t value)
{
    memcpy(fixture_ram(web, at), &value, sizeof(value));
}

static const char *walk(uint64_t address)
{
    shown[0] = '\0';
    assert_int_equal(debug_walk(web, 0, gva(address), &shown_sink, &why), STATUS_OK);
    return shown;
}

static void assert_has(const char *part)
{
    if (!strstr(shown, part)) {
        fail_msg("no \"%s\" in:\n%s", part, shown);
    }
}

static void set_4_levels(uint64_t last)
{
    set_register(REG_CR0, CR0_PE | CR0_PG | CR0_WP);
    set_register(REG_CR3, 0x1000);
    set_register(REG_CR4, CR4_PAE | CR4_SMEP);
    set_register(REG_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    set_register(REG_PAT, 0x0007040600070406);
    set64(0x1000, 0x2027);
    set64(0x2000, 0x3007);
    set64(0x3000, 0x4007);
    set64(0x4008, last);
}

static void test_a_page_of_ram(void **state)
{
    (void)state;
    set_4_levels(0x800000000000516bULL | BIT(63));
    walk(0x1123);
    assert_has("web is running: this is a view of one moment\n"
               "4-level paging, CR3 0x1000, ring 0; on: WP NXE SMEP\n"
               "PML4E   0 at 0x1000 = 0x2027: P W U A\n"
               "    nested PML4E at 0xf000 = ");
    assert_has("PDPTE   0 at 0x2000 = 0x3007: P W U\n");
    assert_has("PTE     1 at 0x4008 = 0x800000000000516b: P W PWT A NX D G\n");
    assert_has("guest-physical 0x5123, in a page of 4 KiB: RAM\n");
    assert_has(", in a page of 4 KiB\n"
               "rights: supervisor, writable, no code; ring 0 may read write\n"
               "memory type: PAT WT (entry 1), MTRRs WB, nested table WB\n"
               "    the CPU uses WT; a guest's MTRRs do not count\n");
}

static void test_a_user_page_with_a_key(void **state)
{
    (void)state;
    set_4_levels(0x5065 | 9ULL << 59);
    set_register(REG_CR4, CR4_PAE | CR4_PKE | CR4_SMAP);
    walk(0x1123);
    assert_has("rights: user, read-only, code; ring 0 may execute\n"
               "    protection key 9: PKRU may forbid more\n");
}

static void test_a_paused_vm_has_no_moment(void **state)
{
    (void)state;
    set_4_levels(0x5067);
    assert_int_equal(vm_pause(web, &why), STATUS_OK);
    walk(0x1123);
    assert_null(strstr(shown, "moment"));
    assert_has("guest-physical 0x5123");
}

static void test_an_ended_vm(void **state)
{
    (void)state;
    set_4_levels(0x5067);
    fixture_fail(web, "broken");
    walk(0x1123);
    assert_null(strstr(shown, "moment"));
    assert_has("guest-physical 0x5123");
}

static void test_ends(void **state)
{
    (void)state;
    set_4_levels(0x5066);
    walk(0x1123);
    assert_has("PTE     1 at 0x4008 = 0x5066: W U A\n");
    assert_has("it ends here: not present\n");
    set64(0x3000, 0x4007 | BIT(51));
    walk(0x1123);
    assert_has("it ends here: the reserved bits 0x8000000000000 are set\n");
    set64(0x3000, 0xfee00007);
    walk(0x1123);
    assert_has("PTE     1 at 0xfee00008 = 0x0:\n");
    assert_has("it ends here: the entry is not in RAM (local APIC)\n");
    walk(0x1000000000000);
    assert_has("it ends here: the address is not canonical\n");
    set_register(REG_EFER, 0);
    set_register(REG_CR4, 0);
    walk(0x100000000);
    assert_has("it ends here: a linear address has 32 bits in this mode\n");
}

static void test_without_paging(void **state)
{
    (void)state;
    set_register(REG_CR0, CR0_PE);
    set_register(REG_EFER, 0);
    walk(0x7c00);
    assert_has("paging is off\nguest-physical 0x7c00: RAM\n");
    assert_has("memory type: PAT WB (entry 0), MTRRs WB, nested table WB\n");
    assert_null(strstr(shown, "rights"));
}

static void assert_device(uint64_t address, const char *name)
{
    char line[128];
    walk(address);
    snprintf(line, sizeof(line), "guest-physical 0x%llx: %s\n", (unsigned long long)address, name);
    assert_has(line);
}

static void test_devices(void **state)
{
    (void)state;
    set_register(REG_CR0, CR0_PE);
    assert_device(0xfee00020, "local APIC");
    assert_device(0xfec00000, "I/O APIC");
    assert_device(0xfed000f0, "HPET");
    assert_device(0xfeb00000, "PCI configuration space");
    assert_device(0xa0000, "no device");
    assert_device(0xb8000, "RAM");
    assert_device(0x10000000, "no device");
    assert_has("    the nested table maps nothing there: an access exits\n");
    assert_null(strstr(shown, "memory type"));
    // With its APIC in x2APIC mode nothing is there.
    web->vcpus[0]->lapic.mode = LAPIC_X2APIC;
    assert_device(0xfee00020, "no device");
}

static void test_pae_by_registers(void **state)
{
    (void)state;
    set_register(REG_CR0, CR0_PE | CR0_PG);
    set_register(REG_CR4, CR4_PAE);
    set_register(REG_EFER, 0);
    set_register(REG_PDPTE0, 0x3001);
    set64(0x3000, 0x4007);
    set64(0x4008, 0x5067);
    walk(0x1123);
    assert_has("PAE paging, CR3 ");
    assert_has("PDPTE   0 in its register = 0x3001: P\nPDE     0 at 0x3000 = 0x4007: P W U\n");
    assert_has("guest-physical 0x5123");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(debug_walk(web, 1, gva(0), &shown_sink, &why), STATUS_RANGE);
    assert_string_equal(why.text, "web has vCPUs 0 to 0");
    assert_int_equal(debug_walk(fixture.spare, 0, gva(0), &shown_sink, &why), STATUS_BUSY);
    assert_string_equal(why.text, "spare is off: it has no memory");
    assert_string_equal(shown, "");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_page_of_ram),
        TEST(test_a_user_page_with_a_key),
        TEST(test_a_paused_vm_has_no_moment),
        TEST(test_an_ended_vm),
        TEST(test_ends),
        TEST(test_without_paging),
        TEST(test_devices),
        TEST(test_pae_by_registers),
        TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
