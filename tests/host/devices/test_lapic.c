// SPDX-License-Identifier: MIT
// Tests of the local APIC: priorities, end of interrupt, registers in both modes, mode changes.
#include "vmm/devices/lapic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define SVR_ON 0x1ff
#define MASKED 0x10000U

static struct lapic lapic;
static struct lapic_output output;
static unsigned ended; // calls of output.eoi
static uint8_t last_ended;
static unsigned nmis;
static unsigned inits;

static void no_ipi(struct lapic_output *self, const struct apic_message *message)
{
    (void)self;
    (void)message;
    fail();
}

static void count_eoi(struct lapic_output *self, uint8_t vector)
{
    (void)self;
    ended++;
    last_ended = vector;
}

static void count_nmi(struct lapic_output *self)
{
    (void)self;
    nmis++;
}

static void count_init(struct lapic_output *self)
{
    (void)self;
    inits++;
}

static void no_startup(struct lapic_output *self, uint8_t vector)
{
    (void)self;
    (void)vector;
    fail();
}

static uint64_t get(unsigned reg)
{
    uint64_t value;
    assert_true(lapic_read(&lapic, reg, 0, &value));
    return value;
}

// In xAPIC mode.
static void get_what_does_not_exist(unsigned reg)
{
    uint64_t value = 1;
    assert_false(lapic_read(&lapic, reg, 0, &value));
    assert_int_equal(value, 0);
}

static void put(unsigned reg, uint64_t value)
{
    assert_true(lapic_write(&lapic, reg, value, 0));
}

static bool get_faults(unsigned reg)
{
    uint64_t value = 1;
    bool done = lapic_read(&lapic, reg, 0, &value);
    assert_true(done || value == 0);
    return !done;
}

static bool put_faults(unsigned reg, uint64_t value)
{
    return !lapic_write(&lapic, reg, value, 0);
}

static void enter_x2apic(void)
{
    assert_true(lapic_set_base(&lapic, lapic_base(&lapic) | APIC_BASE_X2APIC));
}

static int set_up_disabled(void **state)
{
    (void)state;
    output = (struct lapic_output){no_ipi, count_eoi, count_nmi, count_init, no_startup};
    lapic_init(&lapic, &output, 3, true, 40);
    ended = nmis = inits = 0;
    return 0;
}

static int set_up(void **state)
{
    set_up_disabled(state);
    put(LAPIC_SVR, SVR_ON);
    return 0;
}

static int set_up_x2apic(void **state)
{
    set_up(state);
    enter_x2apic();
    return 0;
}

static void test_reset_values(void **state)
{
    (void)state;
    assert_true(lapic_base(&lapic) == 0xfee00900);
    assert_int_equal(lapic_mode(&lapic), LAPIC_XAPIC);
    assert_int_equal(get(LAPIC_ID), 3 << 24);
    assert_int_equal(get(LAPIC_VERSION), 0x01050014);
    assert_int_equal(get(LAPIC_TPR), 0);
    assert_int_equal(get(LAPIC_PPR), 0);
    assert_int_equal(get(LAPIC_LDR), 0);
    assert_int_equal(get(LAPIC_DFR), 0xffffffff);
    assert_int_equal(get(LAPIC_SVR), 0xff);
    for (unsigned reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg++) {
        assert_int_equal(get(reg), MASKED);
    }
    for (unsigned reg = LAPIC_ISR; reg < LAPIC_IRR + 8; reg++) {
        assert_int_equal(get(reg), 0);
    }
    assert_int_equal(get(LAPIC_INITIAL_COUNT), 0);
    assert_int_equal(get(LAPIC_CURRENT_COUNT), 0);
    assert_int_equal(get(LAPIC_DIVIDE), 0);
    assert_int_equal(lapic_pending(&lapic), -1);
    assert_false(lapic_accepts_extint(&lapic));
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
}

static void test_software_disabled_takes_no_interrupts(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x40, false);
    assert_int_equal(lapic_pending(&lapic), -1);
    put(LAPIC_LVT_LINT0, 0x700);
    assert_int_equal(get(LAPIC_LVT_LINT0), 0x700 | MASKED); // the mask cannot be cleared
    put(LAPIC_SVR, SVR_ON);
    put(LAPIC_LVT_LINT0, 0x700);
    assert_true(lapic_accepts_extint(&lapic));
    lapic_post(&lapic, 0x40, false);
    put(LAPIC_SVR, 0xff);
    assert_int_equal(get(LAPIC_LVT_LINT0), 0x700 | MASKED); // disabling the APIC sets the mask
    assert_int_equal(lapic_pending(&lapic), 0x40);          // a request that was accepted stays
}

static void test_virtual_wire(void **state)
{
    (void)state;
    lapic_set_virtual_wire(&lapic);
    assert_true(lapic_accepts_extint(&lapic));
    lapic_set_lint(&lapic, 1, true);
    assert_int_equal(nmis, 1);
    lapic_set_lint(&lapic, 0, true); // the local APIC does not deliver ExtINT itself
    assert_int_equal(lapic_pending(&lapic), -1);
}

static void test_highest_vector_first(void **state)
{
    (void)state;
    for (unsigned vector = 16; vector < 256; vector++) {
        lapic_post(&lapic, (uint8_t)vector, false);
        assert_int_equal(lapic_pending(&lapic), vector);
    }
    for (unsigned word = 0; word < 8; word++) {
        assert_int_equal(get(LAPIC_IRR + word), word == 0 ? 0xffff0000 : 0xffffffff);
    }
    for (unsigned vector = 255; vector >= 16; vector--) {
        assert_int_equal(lapic_pending(&lapic), vector);
        lapic_accept(&lapic, vector);
        assert_int_equal(get(LAPIC_ISR + vector / 32), 1U << vector % 32);
        assert_int_equal(get(LAPIC_PPR), vector & 0xf0);
        lapic_eoi(&lapic);
    }
    assert_int_equal(lapic_pending(&lapic), -1);
}

static void test_nesting_by_priority_class(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x45, false);
    lapic_accept(&lapic, 0x45);
    lapic_post(&lapic, 0x4f, false); // a vector of the same class waits
    assert_int_equal(lapic_pending(&lapic), -1);
    lapic_post(&lapic, 0x50, false);
    assert_int_equal(lapic_pending(&lapic), 0x50);
    lapic_accept(&lapic, 0x50);
    lapic_eoi(&lapic); // ends the interrupt with the highest vector
    assert_int_equal(get(LAPIC_ISR + 2), 1 << 5);
    assert_int_equal(lapic_pending(&lapic), -1);
    lapic_eoi(&lapic);
    assert_int_equal(lapic_pending(&lapic), 0x4f);
    lapic_accept(&lapic, 0x4f);
    lapic_eoi(&lapic);
    lapic_eoi(&lapic); // an EOI with nothing in service does nothing
    assert_int_equal(lapic_processor_priority(&lapic), 0);
}

// A processor that serves the guest may put a vector into service. The model has not seen that.
static void test_arbitration_priority_is_that_of_the_page(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x45, false);
    lapic_accept(&lapic, 0x45);
    assert_int_equal(lapic_arbitration_priority(&lapic), 0x40);
    lapic.page.reg[LAPIC_ISR + 2].value = 0;
    assert_int_equal(lapic_arbitration_priority(&lapic), 0);
    lapic.page.reg[LAPIC_ISR + 3].value = 2;
    assert_int_equal(lapic_arbitration_priority(&lapic), 0x60);
    lapic.page.reg[LAPIC_ISR + 3].value = 0;
    lapic_set_cr8(&lapic, 3);
    assert_int_equal(lapic_arbitration_priority(&lapic), 0x30);
}

static void test_task_priority_and_cr8(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x61, false);
    put(LAPIC_TPR, 0x5f);
    assert_int_equal(lapic_pending(&lapic), 0x61);
    put(LAPIC_TPR, 0x60);
    assert_int_equal(lapic_pending(&lapic), -1);
    assert_int_equal(lapic_cr8(&lapic), 6);
    lapic_set_cr8(&lapic, 5);
    assert_int_equal(get(LAPIC_TPR), 0x50);
    assert_int_equal(lapic_pending(&lapic), 0x61);
    lapic_accept(&lapic, 0x61);
    put(LAPIC_TPR, 0x6c);
    assert_int_equal(get(LAPIC_PPR), 0x6c); // TPR's class is not below ISR's: PPR is the whole TPR
    put(LAPIC_TPR, 0x5c);
    assert_int_equal(get(LAPIC_PPR), 0x60);
    lapic_set_cr8(&lapic, 0xfff);
    assert_int_equal(lapic_cr8(&lapic), 15);
}

static void test_one_request_and_one_service_a_vector(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x40, false);
    lapic_post(&lapic, 0x40, false);
    lapic_accept(&lapic, 0x40);
    lapic_post(&lapic, 0x40, false); // requested again while it is in service
    assert_int_equal(lapic_pending(&lapic), -1);
    lapic_eoi(&lapic);
    assert_int_equal(lapic_pending(&lapic), 0x40);
    lapic_accept(&lapic, 0x40);
    lapic_eoi(&lapic);
    assert_int_equal(lapic_pending(&lapic), -1);
}

static void test_eoi_of_levels_is_reported(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x40, true);
    lapic_post(&lapic, 0x50, false);
    assert_int_equal(get(LAPIC_TMR + 2), 1);
    lapic_accept(&lapic, 0x50);
    put(LAPIC_EOI, 0xffffffff); // in xAPIC mode any value may be written
    assert_int_equal(ended, 0);
    lapic_accept(&lapic, 0x40);
    put(LAPIC_EOI, 0);
    assert_int_equal(ended, 1);
    assert_int_equal(last_ended, 0x40);
    lapic_post(&lapic, 0x40, false); // the trigger mode is that of the last request
    assert_int_equal(get(LAPIC_TMR + 2), 0);
    lapic_accept(&lapic, 0x40);
    lapic_eoi(&lapic);
    assert_int_equal(ended, 1);
    put(LAPIC_SVR, SVR_ON | 1 << 12); // EOI broadcasts off: the guest tells the I/O APIC itself
    lapic_post(&lapic, 0x40, true);
    lapic_accept(&lapic, 0x40);
    lapic_eoi(&lapic);
    assert_int_equal(ended, 1);
}

static void test_lint_modes(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT0, 0x41); // fixed, edge
    lapic_set_lint(&lapic, 0, true);
    lapic_set_lint(&lapic, 0, true);
    assert_int_equal(lapic_pending(&lapic), 0x41);
    lapic_accept(&lapic, 0x41);
    lapic_eoi(&lapic);
    assert_int_equal(lapic_pending(&lapic), -1);
    put(LAPIC_LVT_LINT1, 0x500); // INIT
    lapic_set_lint(&lapic, 1, true);
    assert_int_equal(inits, 1);
    lapic_set_lint(&lapic, 1, false);
    put(LAPIC_LVT_LINT1, 0x200); // SMI: a VM has no SMM
    lapic_set_lint(&lapic, 1, true);
    put(LAPIC_LVT_LINT1, 0x400 | MASKED);
    lapic_set_lint(&lapic, 1, false);
    lapic_set_lint(&lapic, 1, true);
    lapic_set_lint(&lapic, 7, true);
    assert_int_equal(nmis, 0);
}

static void test_lint_level_triggered(void **state)
{
    (void)state;
    lapic_set_lint(&lapic, 0, true);
    put(LAPIC_LVT_LINT0, 0x8041); // the pin is already asserted
    assert_int_equal(get(LAPIC_LVT_LINT0), 0xc041);
    assert_int_equal(lapic_pending(&lapic), 0x41);
    lapic_accept(&lapic, 0x41);
    lapic_set_lint(&lapic, 0, false);
    lapic_set_lint(&lapic, 0, true);
    assert_int_equal(get(LAPIC_IRR + 2), 0); // the last interrupt has not ended
    lapic_eoi(&lapic);
    assert_int_equal(lapic_pending(&lapic), 0x41); // the pin is still asserted
    lapic_accept(&lapic, 0x41);
    lapic_set_lint(&lapic, 0, false);
    lapic_eoi(&lapic);
    assert_int_equal(lapic_pending(&lapic), -1);
    assert_int_equal(get(LAPIC_LVT_LINT0), 0x8041);
}

static void test_errors(void **state)
{
    (void)state;
    put(LAPIC_LVT_ERROR, 0x33);
    lapic_post(&lapic, 15, false);
    assert_int_equal(get(LAPIC_ESR), 0); // only a write to ESR latches errors
    assert_int_equal(lapic_pending(&lapic), 0x33);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0x40);
    get_what_does_not_exist(0x3f);
    put(0x01, 5);
    get_what_does_not_exist(0x100000);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0x80);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0);
    put(LAPIC_LVT_ERROR, 0x05); // the error interrupt itself has an illegal vector
    get_what_does_not_exist(0x00);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0xc0);
}

static void test_xapic_registers_keep_their_bits(void **state)
{
    (void)state;
    put(LAPIC_TPR, 0xffffffff);
    assert_int_equal(get(LAPIC_TPR), 0xff);
    put(LAPIC_TPR, 0);
    put(LAPIC_LDR, 0xffffffff);
    assert_int_equal(get(LAPIC_LDR), 0xff000000);
    put(LAPIC_DFR, 0);
    assert_int_equal(get(LAPIC_DFR), 0x0fffffff);
    put(LAPIC_SVR, 0xffffffff);
    assert_int_equal(get(LAPIC_SVR), 0x11ff);
    put(LAPIC_LVT_TIMER, 0xffffffff);
    assert_int_equal(get(LAPIC_LVT_TIMER), 0x700ff);
    put(LAPIC_LVT_THERMAL, 0xffffffff);
    assert_int_equal(get(LAPIC_LVT_THERMAL), 0x107ff);
    put(LAPIC_LVT_PERFORMANCE, 0xffffffff);
    assert_int_equal(get(LAPIC_LVT_PERFORMANCE), 0x107ff);
    put(LAPIC_LVT_LINT1, 0xffffffff);
    assert_int_equal(get(LAPIC_LVT_LINT1), 0x1a7ff);
    put(LAPIC_LVT_ERROR, 0xffffffff);
    assert_int_equal(get(LAPIC_LVT_ERROR), 0x100ff);
    put(LAPIC_DIVIDE, 0xffffffff);
    assert_int_equal(get(LAPIC_DIVIDE), 0xb);
    put(LAPIC_ID, 0xffffffff);
    put(LAPIC_VERSION, 0xffffffff);
    put(LAPIC_IRR, 0xffffffff);
    assert_int_equal(get(LAPIC_ID), 3 << 24);
    assert_int_equal(get(LAPIC_VERSION), 0x01050014);
    assert_int_equal(get(LAPIC_IRR), 0);
}

static void test_x2apic_identity(void **state)
{
    (void)state;
    assert_int_equal(get(LAPIC_ID), 3);
    assert_int_equal(get(LAPIC_LDR), 1 << 3);
    lapic_init(&lapic, &output, 0x12345, false, 40);
    enter_x2apic();
    assert_int_equal(get(LAPIC_ID), 0x12345);
    assert_int_equal(get(LAPIC_LDR), 0x12340000 | 1 << 5);
}

static void test_x2apic_faults_by_register(void **state)
{
    static const uint8_t readable[] = {0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x32,
                                       0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e};
    static const uint8_t writable[] = {0x08, 0x0b, 0x0f, 0x28, 0x30, 0x32, 0x33,
                                       0x34, 0x35, 0x36, 0x37, 0x38, 0x3e, 0x3f};
    bool reads[0x400] = {false};
    bool writes[0x400] = {false};
    (void)state;
    for (unsigned i = 0; i < sizeof(readable); i++) {
        reads[readable[i]] = true;
    }
    for (unsigned reg = 0x10; reg < 0x28; reg++) {
        reads[reg] = true;
    }
    for (unsigned i = 0; i < sizeof(writable); i++) {
        writes[writable[i]] = true;
    }
    for (unsigned reg = 0; reg < 0x400; reg++) {
        assert_int_equal(get_faults(reg), !reads[reg]);
        if (reg != LAPIC_ICR && reg != LAPIC_SELF_IPI) {
            assert_int_equal(put_faults(reg, 0), !writes[reg]);
        }
    }
    assert_true(get_faults(0xffffffff));
    assert_true(put_faults(0xffffffff, 0));
}

static void test_x2apic_faults_by_reserved_bits(void **state)
{
    static const struct {
        uint8_t reg;
        uint64_t allowed;
    } registers[] = {
        {LAPIC_TPR, 0xff},
        {LAPIC_EOI, 0},
        {LAPIC_SVR, 0x11ff},
        {LAPIC_ESR, 0},
        {LAPIC_LVT_TIMER, 0x710ff},
        {LAPIC_LVT_THERMAL, 0x117ff},
        {LAPIC_LVT_PERFORMANCE, 0x117ff},
        {LAPIC_LVT_LINT0, 0x1f7ff},
        {LAPIC_LVT_LINT1, 0x1f7ff},
        {LAPIC_LVT_ERROR, 0x110ff},
        {LAPIC_INITIAL_COUNT, 0xffffffff},
        {LAPIC_DIVIDE, 0xb},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            bool allowed = registers[i].allowed >> bit & 1;
            assert_int_equal(put_faults(registers[i].reg, BIT(bit)), !allowed);
        }
    }
    for (unsigned bit = 20; bit < 32; bit++) {
        assert_true(put_faults(LAPIC_ICR, BIT(bit)));
    }
    assert_true(put_faults(LAPIC_ICR, BIT(13)));
    assert_true(put_faults(LAPIC_SELF_IPI, 0x100));
}

static void test_x2apic_self_ipi(void **state)
{
    (void)state;
    put(LAPIC_SELF_IPI, 0x77);
    assert_int_equal(lapic_pending(&lapic), 0x77);
    put(LAPIC_SELF_IPI, 0x07);
    put(LAPIC_ESR, 0);
    assert_int_equal(get(LAPIC_ESR), 0x60); // the vector is illegal to send and to receive
}

static void test_eoi_by_register_is_lapic_eoi(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x40, false);
    lapic_accept(&lapic, 0x40);
    put(LAPIC_EOI, 0);
    assert_int_equal(get(LAPIC_ISR + 2), 0);
}

static void test_mode_transitions(void **state)
{
    const uint64_t base = APIC_DEFAULT_ADDRESS | APIC_BASE_BSP;
    const uint64_t bits[] = {0, APIC_BASE_ENABLE, APIC_BASE_ENABLE | APIC_BASE_X2APIC,
                             APIC_BASE_X2APIC};
    // Row: the mode before (disabled, xAPIC, x2APIC). Column: the mode that is written (the same
    // three, then the combination that is never legal).
    static const bool legal[3][4] = {
        {true, true, false, false}, {true, true, true, false}, {true, false, true, false}};
    (void)state;
    for (unsigned from = 0; from < 3; from++) {
        for (unsigned to = 0; to < 4; to++) {
            lapic_reset(&lapic);
            if (from == LAPIC_X2APIC) {
                enter_x2apic();
            } else {
                assert_true(lapic_set_base(&lapic, base | bits[from]));
            }
            assert_int_equal(lapic_mode(&lapic), from);
            assert_int_equal(lapic_set_base(&lapic, base | bits[to]), legal[from][to]);
            assert_int_equal(lapic_mode(&lapic), legal[from][to] ? to : from);
        }
    }
}

static void test_base_reserved_bits(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        bool reserved = bit < 8 || bit == 9 || bit >= 40;
        if (bit == 10 || bit == 11) {
            continue;
        }
        uint64_t value = (APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE) ^ BIT(bit);
        assert_int_equal(lapic_set_base(&lapic, value), !reserved);
    }
    assert_true(lapic_set_base(&lapic, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE));
    assert_true(lapic_base(&lapic) & APIC_BASE_BSP); // the guest cannot change the flag
}

static void test_disabled_is_gone_and_forgets(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, 0x20040);
    put(LAPIC_INITIAL_COUNT, 100);
    lapic_post(&lapic, 0x50, false);
    assert_true(lapic_set_base(&lapic, APIC_DEFAULT_ADDRESS));
    assert_true(get_faults(LAPIC_ID));
    assert_true(put_faults(LAPIC_EOI, 0));
    assert_true(lapic_accepts_extint(&lapic));
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    lapic_post(&lapic, 0x60, false);
    lapic_set_tsc_deadline(&lapic, 5, 5);
    assert_int_equal(lapic_pending(&lapic), -1);
    assert_true(lapic_set_base(&lapic, APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE));
    assert_int_equal(get(LAPIC_SVR), 0xff);
    assert_int_equal(get(LAPIC_LVT_TIMER), MASKED);
}

static void test_x2apic_keeps_the_state(void **state)
{
    (void)state;
    put(LAPIC_TPR, 0x30);
    lapic_post(&lapic, 0x50, false);
    enter_x2apic();
    assert_int_equal(get(LAPIC_TPR), 0x30);
    assert_int_equal(lapic_pending(&lapic), 0x50);
}

static void test_init_keeps_base_and_identity(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x50, false);
    put(LAPIC_TPR, 0x20);
    lapic_init_received(&lapic);
    assert_int_equal(lapic_mode(&lapic), LAPIC_X2APIC);
    assert_int_equal(get(LAPIC_ID), 3);
    assert_int_equal(get(LAPIC_TPR), 0);
    assert_int_equal(get(LAPIC_SVR), 0xff);
    assert_int_equal(lapic_pending(&lapic), -1);
}

// ---- The page from which a processor serves the guest ----

static void test_refresh_finds_what_the_processor_did(void **state)
{
    (void)state;
    lapic_post(&lapic, 0x41, false);
    lapic.page.reg[LAPIC_IRR + 2].value = 0; // the processor delivered 0x41
    lapic.page.reg[LAPIC_ISR + 2].value = 2;
    lapic.page.reg[LAPIC_IRR + 5].value = 1; // the guest sent 0xa0 to itself
    lapic_refresh(&lapic);
    assert_int_equal(lapic_highest(&lapic, LAPIC_REQUESTED), 0xa0);
    assert_int_equal(lapic_highest(&lapic, LAPIC_IN_SERVICE), 0x41);
    assert_int_equal(lapic_processor_priority(&lapic), 0x40);
    assert_int_equal(lapic_pending(&lapic), 0xa0);
    lapic.page.reg[LAPIC_IRR + 5].value = 0;
    lapic.page.reg[LAPIC_ISR + 2].value = 0;
    lapic_refresh(&lapic);
    assert_int_equal(lapic_highest(&lapic, LAPIC_REQUESTED), 0);
    assert_int_equal(lapic_highest(&lapic, LAPIC_IN_SERVICE), 0);
    assert_false(lapic_has_requests(&lapic));
}

static void test_the_page_shows_what_a_read_gives(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, 0x1002ff);
    put(LAPIC_DIVIDE, 0xb);
    put(LAPIC_INITIAL_COUNT, 1000);
    put(LAPIC_LDR, 0x12345678);
    put(LAPIC_TPR, 0x35);
    assert_true(lapic.unshown);
    lapic_show(&lapic);
    assert_false(lapic.unshown);
    for (unsigned reg = 0; reg < 0x40; reg++) {
        uint64_t value;
        bool exists = lapic_read(&lapic, reg, 0, &value);
        // The processor keeps PPR; the count exits.
        if (reg != LAPIC_PPR && reg != LAPIC_CURRENT_COUNT) {
            assert_int_equal(lapic.page.reg[reg].value, exists ? value : 0);
        }
    }
}

static void test_a_level_is_shown_in_the_lvt(void **state)
{
    (void)state;
    put(LAPIC_LVT_LINT1, 0x8041);
    lapic_show(&lapic);
    lapic_set_lint(&lapic, 1, true);
    lapic_show(&lapic);
    assert_int_equal(lapic.page.reg[LAPIC_LVT_LINT1].value, 0xc041);
    assert_true(lapic.level_changed);
    lapic_accept(&lapic, 0x41);
    lapic_set_lint(&lapic, 1, false);
    lapic.page.reg[LAPIC_ISR + 2].value = 0;
    lapic_ended(&lapic, 0x41);
    lapic_show(&lapic);
    assert_int_equal(lapic.page.reg[LAPIC_LVT_LINT1].value, 0x8041);
}

// LVT entries are masked while the APIC is switched off, whatever is written.
static void test_what_is_written_in_the_page_counts_as_a_write(void **state)
{
    (void)state;
    lapic.page.reg[LAPIC_SVR].value = 0xff;
    lapic_written(&lapic, LAPIC_SVR, 0);
    lapic.page.reg[LAPIC_LVT_ERROR].value = 0x41;
    lapic_written(&lapic, LAPIC_LVT_ERROR, 0);
    lapic_show(&lapic);
    assert_false(lapic_is_enabled(&lapic));
    assert_int_equal(lapic.page.reg[LAPIC_LVT_ERROR].value, MASKED | 0x41);
    lapic_written(&lapic, 0xff, 0); // there is no such register
}

// A write of the upper half causes no exit: the processor only keeps the value (SDM Vol. 3C
// 30.4.3.2).
static void test_the_icrs_upper_half_is_the_pages(void **state)
{
    (void)state;
    lapic.page.reg[LAPIC_ICR_HIGH].value = 3U << 24; // the APIC's own ID
    put(LAPIC_LVT_ERROR, MASKED);
    lapic_show(&lapic);
    assert_int_equal(get(LAPIC_ICR_HIGH), 3U << 24);
    lapic.page.reg[LAPIC_ICR].value = 0x4041;
    lapic_written(&lapic, LAPIC_ICR, 0);
    assert_int_equal(lapic_pending(&lapic), 0x41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reset_values, set_up_disabled),
        cmocka_unit_test_setup(test_software_disabled_takes_no_interrupts, set_up_disabled),
        cmocka_unit_test_setup(test_virtual_wire, set_up_disabled),
        cmocka_unit_test_setup(test_highest_vector_first, set_up),
        cmocka_unit_test_setup(test_nesting_by_priority_class, set_up),
        cmocka_unit_test_setup(test_arbitration_priority_is_that_of_the_page, set_up),
        cmocka_unit_test_setup(test_task_priority_and_cr8, set_up),
        cmocka_unit_test_setup(test_one_request_and_one_service_a_vector, set_up),
        cmocka_unit_test_setup(test_eoi_of_levels_is_reported, set_up),
        cmocka_unit_test_setup(test_lint_modes, set_up),
        cmocka_unit_test_setup(test_lint_level_triggered, set_up),
        cmocka_unit_test_setup(test_errors, set_up),
        cmocka_unit_test_setup(test_xapic_registers_keep_their_bits, set_up),
        cmocka_unit_test_setup(test_x2apic_identity, set_up_x2apic),
        cmocka_unit_test_setup(test_x2apic_faults_by_register, set_up_x2apic),
        cmocka_unit_test_setup(test_x2apic_faults_by_reserved_bits, set_up_x2apic),
        cmocka_unit_test_setup(test_x2apic_self_ipi, set_up_x2apic),
        cmocka_unit_test_setup(test_eoi_by_register_is_lapic_eoi, set_up_x2apic),
        cmocka_unit_test_setup(test_mode_transitions, set_up),
        cmocka_unit_test_setup(test_base_reserved_bits, set_up),
        cmocka_unit_test_setup(test_disabled_is_gone_and_forgets, set_up),
        cmocka_unit_test_setup(test_x2apic_keeps_the_state, set_up),
        cmocka_unit_test_setup(test_init_keeps_base_and_identity, set_up_x2apic),
        cmocka_unit_test_setup(test_refresh_finds_what_the_processor_did, set_up),
        cmocka_unit_test_setup(test_the_page_shows_what_a_read_gives, set_up),
        cmocka_unit_test_setup(test_a_level_is_shown_in_the_lvt, set_up),
        cmocka_unit_test_setup(test_what_is_written_in_the_page_counts_as_a_write, set_up),
        cmocka_unit_test_setup(test_the_icrs_upper_half_is_the_pages, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
