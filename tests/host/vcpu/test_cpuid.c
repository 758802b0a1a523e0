// SPDX-License-Identifier: MIT
// Tests of a guest's CPUID table, on a fake host that tests change at will.
#include "vmm/vcpu/cpuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86/kvm_interface.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_host.h"
#include "vmm/backend.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/cpuid_build.h"
#include "vmm/vcpu/paravirt.h"

#define LAST_BASIC (CPUID_BASIC_LEAVES - 1)

static struct cpuid_table table;

static void build(struct cpuid_identity identity)
{
    cpuid_table_build(&table, &fake_host.host, &identity);
}

static int set_up(void **state)
{
    (void)state;
    fake_host_init();
    build((struct cpuid_identity){.vcpus = 1, .features = FEATURE_RDTSCP | FEATURE_INVPCID});
    return 0;
}

static struct cpuid_registers ask(uint32_t leaf, uint32_t subleaf)
{
    return cpuid_table_find(&table, leaf, subleaf);
}

static void assert_same(struct cpuid_registers a, struct cpuid_registers b)
{
    assert_memory_equal(&a, &b, sizeof(a));
}

// ---- Limits ----

static void basic_leaves_end_where_leaf_0_says(void **state)
{
    (void)state;
    assert_int_equal(ask(0, 0).eax, LAST_BASIC);
    assert_int_equal(ask(0, 0).ebx, 0x756e6547); // Genu
    assert_same(ask(LAST_BASIC + 1, 0), ask(LAST_BASIC, 0));
    assert_same(ask(0x3fffffff, 7), ask(LAST_BASIC, 7));
    assert_same(ask(UINT32_MAX, 0), ask(LAST_BASIC, 0));
}

static void hypervisor_leaves_name_husk(void **state)
{
    struct cpuid_registers leaf = ask(0x40000000, 0);
    (void)state;
    assert_int_equal(leaf.eax, 0x40000001);
    assert_memory_equal(&leaf.ebx, "Husk", 4);
    assert_memory_equal(&leaf.edx, "Husk", 4);
    assert_same(ask(0x40000001, 0), (struct cpuid_registers){0});
    assert_same(ask(0x40000002, 0), (struct cpuid_registers){0});
    assert_same(ask(0x4fffffff, 0), (struct cpuid_registers){0});
    assert_same(ask(0x50000000, 0), ask(LAST_BASIC, 0));
}

static void kvms_interface_is_in_the_second_range(void **state)
{
    (void)state;
    build((struct cpuid_identity){.vcpus = 1, .paravirt = true});
    assert_int_equal(ask(0x40000000, 0).eax, 0x40000010);
    assert_int_equal(ask(0x40000000, 0).ebx, 0x6b737548);
    assert_same(ask(0x40000010, 0), (struct cpuid_registers){2000000, 1000000, 0, 0});
    struct cpuid_registers leaf = ask(0x40000100, 0);
    assert_int_equal(leaf.eax, 0x40000101);
    assert_memory_equal(&leaf.ebx, "KVMKVMKVM\0\0\0", 12);
    assert_same(ask(0x40000101, 0), (struct cpuid_registers){PARAVIRT_FEATURES, 0, 0, 0});
    assert_same(ask(0x40000102, 0), (struct cpuid_registers){0});
    assert_same(ask(0x40000200, 0), (struct cpuid_registers){0});
    build((struct cpuid_identity){.vcpus = 1});
    assert_same(ask(0x40000010, 0), (struct cpuid_registers){0});
    assert_same(ask(0x40000100, 0), (struct cpuid_registers){0});
    assert_same(ask(0x40000101, 0), (struct cpuid_registers){0});
}

static void make_amd(void)
{
    fake_host_set_cpuid(0, 0, (struct cpuid_registers){0x16, 0x68747541, 0x444d4163, 0x69746e65});
    build((struct cpuid_identity){.apic_id = 5, .vcpus = 6});
}

static void leaves_beyond_the_last_are_zero_on_amd(void **state)
{
    (void)state;
    make_amd();
    assert_same(ask(LAST_BASIC + 1, 0), (struct cpuid_registers){0});
    assert_same(ask(0x1f, 0), (struct cpuid_registers){0});
    assert_same(ask(0x40000002, 0), (struct cpuid_registers){0});
    assert_same(ask(0x80000009, 0), (struct cpuid_registers){0});
    assert_same(ask(UINT32_MAX, 0), (struct cpuid_registers){0});
}

static void extended_leaves_end_at_8(void **state)
{
    (void)state;
    assert_int_equal(ask(0x80000000, 0).eax, 0x80000008);
    assert_same(ask(0x80000009, 0), ask(LAST_BASIC, 0));
    assert_int_equal(ask(0x80000002, 0).eax, 0x65746e49); // the brand is the host's
    assert_int_equal(cpuid_table_physical_bits(&table), 46);
}

static void fewer_extended_leaves_of_the_host_are_fewer_here(void **state)
{
    (void)state;
    fake_host_set_cpuid(0x80000000, 0, (struct cpuid_registers){0x80000001, 0, 0, 0});
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(ask(0x80000000, 0).eax, 0x80000001);
    assert_same(ask(0x80000002, 0), ask(LAST_BASIC, 0));
    assert_same(ask(0x80000008, 0), ask(LAST_BASIC, 0));
    assert_int_equal(cpuid_table_physical_bits(&table), 36);
}

static void a_host_without_extended_leaves_is_survived(void **state)
{
    (void)state;
    fake_host_set_cpuid(0x80000000, 0, (struct cpuid_registers){0});
    build((struct cpuid_identity){.vcpus = 1});
    assert_same(ask(0x80000010, 0), ask(LAST_BASIC, 0));
    assert_same(ask(0xf0000000, 0), ask(LAST_BASIC, 0));
    assert_int_equal(cpuid_table_efer_allowed(&table), 0);
    assert_int_equal(cpuid_table_physical_bits(&table), 36);
}

static void an_old_host_has_no_leaf_7(void **state)
{
    (void)state;
    fake_host_set_cpuid(0, 0, (struct cpuid_registers){2, 0, 0, 0});
    build((struct cpuid_identity){.vcpus = 1, .features = FEATURE_INVPCID});
    assert_same(ask(7, 0), (struct cpuid_registers){0});
    assert_int_equal(cpuid_table_cr4_allowed(&table) & (CR4_SMEP | CR4_SMAP | CR4_UMIP), 0);
}

// ---- Masks ----

static void what_husk_does_not_offer_is_hidden(void **state)
{
    struct cpuid_registers leaf1 = ask(1, 0);
    (void)state;
    assert_int_equal(leaf1.ecx & BIT(3), 0);            // MONITOR
    assert_int_equal(leaf1.ecx & (BIT(5) | BIT(6)), 0); // VMX, SMX
    assert_int_equal(leaf1.ecx & (BIT(2) | BIT(4) | BIT(7) | BIT(8) | BIT(15)), 0);
    assert_int_equal(leaf1.edx & (BIT(21) | BIT(22) | BIT(28) | BIT(29) | BIT(31)), 0);
    assert_int_equal(ask(5, 0).edx, 0);
    assert_same(ask(6, 0), (struct cpuid_registers){4, 0, 0, 0}); // ARAT alone
    assert_same(ask(0xa, 0), (struct cpuid_registers){0});
    assert_int_equal(ask(7, 0).ebx & (BIT(4) | BIT(11) | BIT(14)), 0); // HLE, RTM, MPX
    assert_int_equal(ask(7, 0).edx & (BIT(26) | BIT(27)), 0);          // IBRS, STIBP
    assert_int_equal(ask(0xd, 1).eax, 7);                              // no XSAVES
}

static void xsaves_shows_where_it_cannot_be_switched_off(void **state)
{
    (void)state;
    assert_false(cpuid_table_has_xss(&table));
    build((struct cpuid_identity){.vcpus = 1, .features = FEATURE_XSAVES});
    assert_int_equal(ask(0xd, 1).eax, 15);
    assert_true(cpuid_table_has_xss(&table));
}

static void what_husk_makes_is_shown(void **state)
{
    (void)state;
    assert_true(ask(1, 0).ecx & BIT(31)); // a hypervisor
    assert_true(ask(1, 0).ecx & BIT(21)); // x2APIC
    assert_true(ask(1, 0).ecx & BIT(24)); // TSC deadline
    fake_host_cpuid(1, 0)->ecx = 0;
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(ask(1, 0).ecx, BIT(31) | BIT(21) | BIT(24));
}

static void a_feature_needs_the_back_end(void **state)
{
    uint64_t pcide = CR4_PCIDE;
    (void)state;
    assert_true(ask(1, 0).ecx & BIT(17));
    assert_true(ask(7, 0).ebx & BIT(10));
    assert_true(ask(0x80000001, 0).edx & BIT(27));
    assert_int_equal(cpuid_table_cr4_allowed(&table) & pcide, pcide);
    build((struct cpuid_identity){.vcpus = 1, .features = 0});
    assert_false(ask(1, 0).ecx & BIT(17));
    assert_false(ask(7, 0).ebx & BIT(10));
    assert_false(ask(7, 0).ecx & BIT(22));
    assert_false(ask(0x80000001, 0).edx & BIT(27));
    assert_int_equal(cpuid_table_cr4_allowed(&table) & pcide, 0);
}

static void vector_extensions_need_their_state(void **state)
{
    uint32_t avx = BIT(12) | BIT(28) | BIT(29);
    uint32_t avx512 = BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);
    (void)state;
    assert_int_equal(ask(1, 0).ecx & avx, avx);
    assert_int_equal(ask(7, 0).ebx & avx512, avx512);
    fake_host.xcr0_mask = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(ask(1, 0).ecx & avx, avx);
    assert_true(ask(7, 0).ebx & BIT(5)); // AVX2
    assert_int_equal(ask(7, 0).ebx & avx512, 0);
    assert_false(ask(7, 0).ecx & BIT(3)); // PKU
    fake_host.xcr0_mask = XCR0_X87 | XCR0_SSE;
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(ask(1, 0).ecx & avx, 0);
    assert_false(ask(7, 0).ebx & BIT(5));
    assert_int_equal(ask(7, 0).ecx & (BIT(9) | BIT(10)), 0);
}

static void without_xsave_there_is_no_trace_of_it(void **state)
{
    (void)state;
    fake_host.xcr0_mask = 0;
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(ask(1, 0).ecx & (BIT(26) | BIT(27) | BIT(28)), 0);
    for (uint32_t i = 0; i < 12; i++) {
        assert_same(ask(0xd, i), (struct cpuid_registers){0});
    }
    assert_int_equal(cpuid_table_cr4_allowed(&table) & CR4_OSXSAVE, 0);
    cpuid_table_set_xcr0(&table, 1);
    assert_same(ask(0xd, 0), (struct cpuid_registers){0});
}

static void allowed_bits_follow_the_leaves(void **state)
{
    uint64_t cr4 = cpuid_table_cr4_allowed(&table);
    (void)state;
    assert_int_equal(cr4 & (CR4_VMXE | CR4_SMXE | CR4_LA57), 0);
    assert_int_equal(cr4 & (CR4_PAE | CR4_OSXSAVE | CR4_SMEP), CR4_PAE | CR4_OSXSAVE | CR4_SMEP);
    assert_int_equal(cr4 >> 23, 0);
    assert_int_equal(cpuid_table_efer_allowed(&table), EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    fake_host_cpuid(0x80000001, 0)->edx |= (uint32_t)BIT(25);
    build((struct cpuid_identity){.vcpus = 1});
    assert_true(cpuid_table_efer_allowed(&table) & EFER_FFXSR); // as CPUID says
    fake_host_cpuid(0x80000001, 0)->edx &= ~(uint32_t)(BIT(20) | BIT(25));
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(cpuid_table_efer_allowed(&table), EFER_SCE | EFER_LME | EFER_LMA);
    for (unsigned vme = 0; vme < 2; vme++) {
        fake_host_cpuid(1, 0)->edx = vme != 0 ? UINT32_MAX : ~(uint32_t)BIT(1);
        build((struct cpuid_identity){.vcpus = 1});
        assert_int_equal(cpuid_table_cr4_allowed(&table) & (CR4_VME | CR4_PVI),
                         vme != 0 ? CR4_VME | CR4_PVI : 0);
    }
}

// ---- What follows the guest's registers ----

static void osxsave_and_ospke_follow_cr4(void **state)
{
    (void)state;
    assert_false(ask(1, 0).ecx & BIT(27));
    assert_false(ask(7, 0).ecx & BIT(4));
    cpuid_table_set_cr4(&table, CR4_OSXSAVE);
    assert_true(ask(1, 0).ecx & BIT(27));
    assert_false(ask(7, 0).ecx & BIT(4));
    cpuid_table_set_cr4(&table, CR4_PKE | CR4_PAE);
    assert_false(ask(1, 0).ecx & BIT(27));
    assert_true(ask(7, 0).ecx & BIT(4));
}

static void the_apic_bit_follows_the_apic(void **state)
{
    (void)state;
    assert_true(ask(1, 0).edx & BIT(9));
    cpuid_table_set_apic(&table, false);
    assert_false(ask(1, 0).edx & BIT(9));
    assert_false(ask(0x80000001, 0).edx & BIT(9)); // reserved on Intel
    cpuid_table_set_apic(&table, true);
    assert_true(ask(1, 0).edx & BIT(9));
    assert_false(ask(0x80000001, 0).edx & BIT(9));
    make_amd();
    assert_true(ask(1, 0).edx & ask(0x80000001, 0).edx & BIT(9));
    cpuid_table_set_apic(&table, false);
    assert_false((ask(1, 0).edx | ask(0x80000001, 0).edx) & BIT(9));
    assert_true(ask(1, 0).ecx & BIT(21)); // the processor still has an x2APIC
}

static void xsave_sizes_follow_xcr0(void **state)
{
    (void)state;
    assert_same(ask(0xd, 0), (struct cpuid_registers){0x2e7, 576, 0xa88, 0});
    cpuid_table_set_xcr0(&table, XCR0_X87 | XCR0_SSE | XCR0_AVX);
    assert_int_equal(ask(0xd, 0).ebx, 0x340);
    assert_int_equal(ask(0xd, 0).ecx, 0xa88); // of all that may be switched on
    assert_int_equal(ask(0xd, 1).ebx, 576 + 0x100);
    cpuid_table_set_xcr0(&table, 0x2e7);
    assert_int_equal(ask(0xd, 0).ebx, 0xa88);
    assert_int_equal(ask(0xd, 1).ebx, 576 + 0x100 + 0x40 + 0x200 + 0x400 + 8);
    cpuid_table_set_xcr0(&table, XCR0_X87);
    assert_int_equal(ask(0xd, 0).ebx, 576);
    assert_int_equal(ask(0xd, 1).ebx, 576);
}

static void compacted_components_are_aligned_where_they_say_so(void **state)
{
    (void)state;
    fake_host_cpuid(0xd, 2)->eax = 0xf0;
    fake_host_cpuid(0xd, 5)->ecx = BIT(1);
    build((struct cpuid_identity){.vcpus = 1});
    cpuid_table_set_xcr0(&table, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK);
    assert_int_equal(ask(0xd, 1).ebx, ALIGN_UP(576 + 0xf0, 64) + 0x40);
}

static void components_that_are_not_offered_have_no_subleaf(void **state)
{
    (void)state;
    assert_same(ask(0xd, 2), (struct cpuid_registers){0x100, 0x240, 0, 0});
    assert_same(ask(0xd, 3), (struct cpuid_registers){0}); // MPX
    assert_same(ask(0xd, 8), (struct cpuid_registers){0});
    assert_same(ask(0xd, UINT32_MAX), (struct cpuid_registers){0});
}

// ---- What is made up ----

static void topology_is_one_thread_a_core(void **state)
{
    (void)state;
    build((struct cpuid_identity){.apic_id = 2, .vcpus = 3});
    assert_same(ask(0xb, 0), (struct cpuid_registers){0, 1, 0x100, 2});
    assert_same(ask(0xb, 1), (struct cpuid_registers){2, 3, 0x201, 2});
    assert_same(ask(0xb, 2), (struct cpuid_registers){0, 0, 2, 2});
    assert_same(ask(0xb, 3), (struct cpuid_registers){0, 0, 3, 2});
    assert_same(ask(0xb, 0xffffff42), (struct cpuid_registers){0, 0, 0x42, 2});
    assert_int_equal(ask(1, 0).ebx, 2U << 24 | 3 << 16 | 0x0800);
    assert_int_equal(ask(0x80000008, 0).ecx, 2);
}

static void a_single_cpu_is_a_package_of_one(void **state)
{
    (void)state;
    assert_same(ask(0xb, 0), (struct cpuid_registers){0, 1, 0x100, 0});
    assert_same(ask(0xb, 1), (struct cpuid_registers){0, 1, 0x201, 0});
    assert_int_equal(ask(1, 0).ebx, 1 << 16 | 0x0800);
}

static void caches_are_shared_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(ask(4, 0).eax, 0x121); // level 1 data, no sharing
    assert_int_equal(ask(4, 3).eax, 0x163);
    assert_int_equal(ask(4, 3).ebx, 0x0280003f);
    assert_int_equal(ask(4, 4).eax, 0);
    assert_same(ask(4, 100), (struct cpuid_registers){0});
}

static void caches_without_end_are_cut(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        fake_host_set_cpuid(4, i, (struct cpuid_registers){0x21, i, 0, 0});
    }
    build((struct cpuid_identity){.vcpus = 1});
    assert_int_equal(ask(4, 7).ebx, 7);
    assert_same(ask(4, 8), (struct cpuid_registers){0});
    assert_int_equal(ask(0xd, 0).eax, 0x2e7); // the other subleaves are still there
}

static void frequency_is_told(void **state)
{
    static const uint64_t ghz[] = {1, 2, 4, 5, 9};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(ghz); i++) {
        fake_host.tsc_ghz = ghz[i];
        build((struct cpuid_identity){.vcpus = 1});
        struct cpuid_registers leaf = ask(0x15, 0);

        assert_int_not_equal(leaf.eax, 0);
        assert_int_equal((uint64_t)leaf.ecx * leaf.ebx / leaf.eax, ghz[i] * 1000000000);
        assert_int_equal(ask(0x16, 0).eax, ghz[i] * 1000);
    }
}

// Computes the frequency as Linux does: in kHz, with a product of 32 bits.
static void frequency_fits_into_32_bits_and_is_as_near_as_a_quartz(void **state)
{
    static const uint64_t hz[] = {24000000,   99998000,   100000000,  1396500000, 2095994000,
                                  2999999999, 3500000000, 3799912345, 5700123456};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(hz); i++) {
        fake_host.tsc_ghz = hz[i] / 1000000000;
        fake_host.tsc_hz_more = hz[i] % 1000000000;
        build((struct cpuid_identity){.vcpus = 1});
        struct cpuid_registers leaf = ask(0x15, 0);
        uint64_t product = (uint64_t)(leaf.ecx / 1000) * leaf.ebx;

        assert_in_range(product, 1, UINT32_MAX);
        uint64_t khz = hz[i] / 1000;
        assert_in_range(product / leaf.eax, khz - khz / 20000 - 1, khz + khz / 20000 + 1);
    }
}

// ---- Properties ----

static uint32_t random_word(void)
{
    return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

// A random leaf. Leaves near the ends of each range are as frequent as all others together.
static uint32_t random_leaf(void)
{
    static const uint32_t bases[] = {0, 0x40000000, 0x80000000, 0};
    unsigned which = random_word() % ARRAY_SIZE(bases);
    return which == 3 ? random_word() : bases[which] + random_word() % 0x20;
}

static void randomise_host(void)
{
    for (unsigned i = 0; i < fake_host.cpuid_count; i++) {
        struct fake_cpuid *known = &fake_host.cpuid[i];

        if (known->leaf != 0 && known->leaf != 0x80000000 && known->leaf != 0xd) {
            known->registers = (struct cpuid_registers){random_word(), random_word(), random_word(),
                                                        random_word()};
        }
    }
    fake_host_cpuid(0, 0)->eax = random_word() % 0x20;
    fake_host_cpuid(0x80000008, 0)->eax = 36 + random_word() % 17;
    fake_host_cpuid(0x80000000, 0)->eax = 0x80000000 + random_word() % 0x20;
    fake_host.xcr0_mask = random_word() % 4 ? (random_word() & 0x2e7) | 1 : 0;
}

static void assert_subset(uint32_t shown, uint32_t host, uint64_t made_up)
{
    assert_int_equal(shown & ~(host | (uint32_t)made_up), 0);
}

static void no_feature_that_the_host_has_not(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < 2000; i++) {
        randomise_host();
        build((struct cpuid_identity){.vcpus = 1, .features = random_word() % 4});
        cpuid_table_set_cr4(&table, random_word() & cpuid_table_cr4_allowed(&table));
        uint32_t os = BIT(27);

        assert_subset(ask(1, 0).ecx, fake_host_cpuid(1, 0)->ecx, BIT(31) | BIT(21) | BIT(24) | os);
        assert_subset(ask(1, 0).edx, fake_host_cpuid(1, 0)->edx, BIT(9));
        assert_subset(ask(7, 0).ebx, fake_host_cpuid(7, 0)->ebx, 0);
        assert_subset(ask(7, 0).ecx, fake_host_cpuid(7, 0)->ecx, BIT(4));
        assert_subset(ask(7, 0).edx, fake_host_cpuid(7, 0)->edx, 0);
        assert_subset(ask(0xd, 1).eax, fake_host_cpuid(0xd, 1)->eax, 0);
        if (ask(0x80000000, 0).eax >= 0x80000001) {
            assert_subset(ask(0x80000001, 0).ecx, fake_host_cpuid(0x80000001, 0)->ecx, 0);
            assert_subset(ask(0x80000001, 0).edx, fake_host_cpuid(0x80000001, 0)->edx, 0);
        }
        assert_false(ask(1, 0).ecx & (BIT(3) | BIT(5)));
        assert_in_range(cpuid_table_physical_bits(&table), 36, 52);
    }
}

static void every_leaf_has_an_answer(void **state)
{
    (void)state;
    srand(2);
    for (unsigned i = 0; i < 20000; i++) {
        if (i % 100 == 0) {
            randomise_host();
            build((struct cpuid_identity){.vcpus = 1});
        }
        uint32_t leaf = random_leaf();
        uint32_t subleaf = i % 2 ? random_word() : random_word() % 64;

        assert_same(ask(leaf, subleaf), ask(leaf, subleaf));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(basic_leaves_end_where_leaf_0_says, set_up),
        cmocka_unit_test_setup(hypervisor_leaves_name_husk, set_up),
        cmocka_unit_test_setup(kvms_interface_is_in_the_second_range, set_up),
        cmocka_unit_test_setup(leaves_beyond_the_last_are_zero_on_amd, set_up),
        cmocka_unit_test_setup(extended_leaves_end_at_8, set_up),
        cmocka_unit_test_setup(fewer_extended_leaves_of_the_host_are_fewer_here, set_up),
        cmocka_unit_test_setup(a_host_without_extended_leaves_is_survived, set_up),
        cmocka_unit_test_setup(an_old_host_has_no_leaf_7, set_up),
        cmocka_unit_test_setup(what_husk_does_not_offer_is_hidden, set_up),
        cmocka_unit_test_setup(xsaves_shows_where_it_cannot_be_switched_off, set_up),
        cmocka_unit_test_setup(what_husk_makes_is_shown, set_up),
        cmocka_unit_test_setup(a_feature_needs_the_back_end, set_up),
        cmocka_unit_test_setup(vector_extensions_need_their_state, set_up),
        cmocka_unit_test_setup(without_xsave_there_is_no_trace_of_it, set_up),
        cmocka_unit_test_setup(allowed_bits_follow_the_leaves, set_up),
        cmocka_unit_test_setup(osxsave_and_ospke_follow_cr4, set_up),
        cmocka_unit_test_setup(the_apic_bit_follows_the_apic, set_up),
        cmocka_unit_test_setup(xsave_sizes_follow_xcr0, set_up),
        cmocka_unit_test_setup(compacted_components_are_aligned_where_they_say_so, set_up),
        cmocka_unit_test_setup(components_that_are_not_offered_have_no_subleaf, set_up),
        cmocka_unit_test_setup(topology_is_one_thread_a_core, set_up),
        cmocka_unit_test_setup(a_single_cpu_is_a_package_of_one, set_up),
        cmocka_unit_test_setup(caches_are_shared_by_nobody, set_up),
        cmocka_unit_test_setup(caches_without_end_are_cut, set_up),
        cmocka_unit_test_setup(frequency_is_told, set_up),
        cmocka_unit_test_setup(frequency_fits_into_32_bits_and_is_as_near_as_a_quartz, set_up),
        cmocka_unit_test_setup(no_feature_that_the_host_has_not, set_up),
        cmocka_unit_test_setup(every_leaf_has_an_answer, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
