// SPDX-License-Identifier: MIT
// Takes timer interrupts from each source of a PC in turn, and prints a line a second.
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/options.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/print.h"
#include "guests/lib/rtc.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"

#define TICKS_A_SECOND 100
#define TOLERANCE_NS (NS_PER_S / 20)
#define RTC_TOLERANCE_S 2
#define APIC_TIMER_VECTOR 0x40
#define CALIBRATION_NS (50 * NS_PER_MS)
#define SAMPLE_NS (NS_PER_MS / 10)
#define SAMPLES 20

struct source {
    const char *name;
    void (*start)(void);
    void (*stop)(void);
};

static volatile uint32_t ticks;
static uint32_t apic_timer_hz;
static unsigned complaints;

static void on_pit(struct trap_frame *frame)
{
    (void)frame;
    ticks++;
    pic_end_of_interrupt(PIT_IRQ);
}

static void on_apic_timer(struct trap_frame *frame)
{
    (void)frame;
    ticks++;
    apic_write(APIC_EOI, 0);
}

static void start_pit(void)
{
    pit_start_periodic((PIT_HZ + TICKS_A_SECOND / 2) / TICKS_A_SECOND);
    pic_unmask(PIT_IRQ);
}

static void stop_pit(void)
{
    pic_mask_all();
    pit_stop();
}

static void start_apic_timer(enum apic_mode mode)
{
    apic_set_mode(mode);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_16);
    apic_write(APIC_LVT_TIMER, APIC_LVT_PERIODIC | APIC_TIMER_VECTOR);
    apic_write(APIC_TIMER_INITIAL, apic_timer_hz / TICKS_A_SECOND);
}

static void start_xapic(void)
{
    start_apic_timer(APIC_MODE_XAPIC);
}

static void start_x2apic(void)
{
    start_apic_timer(APIC_MODE_X2APIC);
}

static void stop_apic_timer(void)
{
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
    apic_set_mode(APIC_MODE_XAPIC);
}

// Reads the timer's count and the clock at the same moment. Reads them again if the CPU was taken
// away in between, and takes the reads that were the closest: on a slow machine none is fast
// enough.
static uint64_t sample_apic_timer(uint32_t *count)
{
    uint64_t shortest = UINT64_MAX;
    uint64_t middle = 0;
    for (unsigned i = 0; i < SAMPLES && shortest > SAMPLE_NS; i++) {
        const uint64_t before = clock_ns();
        const uint32_t read = apic_read(APIC_TIMER_CURRENT);
        const uint64_t duration = clock_ns() - before;
        if (duration < shortest) {
            shortest = duration;
            middle = before + duration / 2;
            *count = read;
        }
    }
    return middle;
}

static void calibrate_apic_timer(void)
{
    uint32_t first;
    uint32_t last;
    apic_set_mode(APIC_MODE_XAPIC);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_16);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
    apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
    const uint64_t start = sample_apic_timer(&first);
    while (clock_ns() - start < CALIBRATION_NS) {
    }
    const uint64_t end = sample_apic_timer(&last);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_timer_hz = (uint32_t)((first - last) * NS_PER_S / (end - start));
}

static uint64_t run_second(const struct source *source)
{
    const uint64_t start = clock_ns();
    ticks = 0;
    source->start();
    while (ticks < TICKS_A_SECOND) {
        cpu_wait_for_interrupt();
    }
    source->stop();
    return clock_ns() - start;
}

static void check_second(uint64_t number, uint64_t duration_ns)
{
    if (duration_ns < NS_PER_S - TOLERANCE_NS || duration_ns > NS_PER_S + TOLERANCE_NS) {
        print("ticker: complaint: second %lu took %lu us by the clock\n", number,
              duration_ns / 1000);
        complaints++;
    }
}

static void check_rtc(uint32_t rtc_start, uint64_t clock_start)
{
    const uint64_t rtc_s = (rtc_second_of_day() + SECONDS_A_DAY - rtc_start) % SECONDS_A_DAY;
    const uint64_t clock_s = (clock_ns() - clock_start) / NS_PER_S % SECONDS_A_DAY;
    const uint64_t difference = rtc_s > clock_s ? rtc_s - clock_s : clock_s - rtc_s;
    if (difference > RTC_TOLERANCE_S && difference < SECONDS_A_DAY - RTC_TOLERANCE_S) {
        print("ticker: complaint: the RTC counted %lu s, the clock %lu s\n", rtc_s, clock_s);
        complaints++;
    }
}

static void init(void)
{
    clock_init();
    pic_init();
    trap_set_handler(PIC_VECTOR + PIT_IRQ, on_pit);
    trap_set_handler(APIC_TIMER_VECTOR, on_apic_timer);
    calibrate_apic_timer();
}

uint8_t guest_main(const struct guest *guest)
{
    static const struct source sources[] = {
        {"pit", start_pit, stop_pit},
        {"apic", start_xapic, stop_apic_timer},
        {"x2apic", start_x2apic, stop_apic_timer},
    };
    const uint64_t count = option_number(guest->command_line, "count", UINT64_MAX);
    init();
    const unsigned source_count = apic_has_x2apic() ? 3 : 2;
    const uint32_t rtc_start = rtc_second_of_day();
    const uint64_t clock_start = clock_ns();
    for (uint64_t i = 0; i < count; i++) {
        const struct source *source = &sources[i % source_count];
        const uint64_t duration_ns = run_second(source);
        print("tick %lu %s %u interrupts in %llu ms\n", i + 1, source->name, TICKS_A_SECOND,
              (duration_ns + NS_PER_MS / 2) / NS_PER_MS);
        check_second(i + 1, duration_ns);
        check_rtc(rtc_start, clock_start);
    }
    print("ticker: %lu seconds, %u complaints\n", count, complaints);
    return complaints == 0 ? 0 : 1;
}
