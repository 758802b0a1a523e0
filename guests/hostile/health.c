// SPDX-License-Identifier: MIT
// Whether the devices still work, whatever was done to them: each does its own work once.
#include "guests/hostile/health.h"

#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/hpet.h"
#include "guests/lib/ioapic.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/rtc.h"

#define PATIENT_SPINS 3000000U
#define FLUSHES 64U
#define RTC_STATUS_B 0x0b
#define RTC_SET_24_HOURS 0x82
#define RTC_24_HOURS 0x02
#define RTC_MINUTES 0x02
#define KEYBOARD_DATA 0x60
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_OUTPUT_FULL BIT(0)
#define KEYBOARD_SELF_TEST 0xaa
#define KEYBOARD_IS_WELL 0x55
#define UART_LINE_STATUS 0x3fd
#define UART_SCRATCH 0x3ff
#define UART_EMPTY 0x60
#define POST_PORT 0x80
#define SYSTEM_PORT_A 0x92
#define VGA_MISC 0x3c2
#define VGA_COLOUR 0x67
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_LOW 0x0f
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_HOST_BRIDGE 0x80000000U
#define PCI_NOBODY UINT32_MAX
#define PM_TIMER 0x608
#define TIMER_VECTOR 0x71U

static bool comes(unsigned vector)
{
    const uint32_t before = machine_interrupts(vector);
    machine_limit_interrupts(1);
    cpu_interrupts_on();
    for (unsigned i = 0; i < PATIENT_SPINS && machine_interrupts(vector) == before; i++) {
    }
    cpu_interrupts_off();
    machine_limit_interrupts(0);
    return machine_interrupts(vector) != before;
}

static bool pic_keeps_masks(void)
{
    out8(PIC_MASTER_DATA, 0xfa);
    out8(PIC_SLAVE_DATA, 0xf5);
    const bool kept = in8(PIC_MASTER_DATA) == 0xfa && in8(PIC_SLAVE_DATA) == 0xf5;
    pic_mask_all();
    return kept;
}

static bool pit_interrupts(void)
{
    pit_start_periodic(1000);
    pic_unmask(PIT_IRQ);
    const bool come = comes(PIC_VECTOR + PIT_IRQ);
    pit_stop();
    pic_mask_all();
    return come;
}

static void cmos_write(uint8_t index, uint8_t value)
{
    out8(CMOS_INDEX, index);
    out8(CMOS_DATA, value);
}

static bool rtc_keeps_time(void)
{
    cmos_write(RTC_STATUS_B, RTC_SET_24_HOURS);
    cmos_write(RTC_MINUTES, 0x59);
    const bool kept = cmos_read(RTC_MINUTES) == 0x59;
    cmos_write(RTC_STATUS_B, RTC_24_HOURS);
    return kept && cmos_read(RTC_STATUS_B) == RTC_24_HOURS;
}

static bool keyboard_is_well(void)
{
    out8(KEYBOARD_COMMAND, KEYBOARD_SELF_TEST);
    for (unsigned i = 0; i < FLUSHES && (in8(KEYBOARD_COMMAND) & KEYBOARD_OUTPUT_FULL) != 0; i++) {
        if (in8(KEYBOARD_DATA) == KEYBOARD_IS_WELL) {
            return true;
        }
    }
    return false;
}

static bool uart_sends(void)
{
    out8(UART_SCRATCH, 0x5a);
    return in8(UART_SCRATCH) == 0x5a && (in8(UART_LINE_STATUS) & UART_EMPTY) == UART_EMPTY;
}

static bool vga_keeps_cursor(void)
{
    out8(VGA_MISC, VGA_COLOUR);
    out8(CRTC_INDEX, CRTC_CURSOR_LOW);
    out8(CRTC_DATA, 0x5a);
    return in8(CRTC_DATA) == 0x5a;
}

static bool pci_has_bridge(void)
{
    out32(PCI_ADDRESS, PCI_HOST_BRIDGE);
    const uint32_t identity = in32(PCI_DATA);
    return identity != 0 && identity != PCI_NOBODY && in32(PCI_ADDRESS) == PCI_HOST_BRIDGE;
}

static bool small_ports_answer(void)
{
    out8(POST_PORT, 0x5a);
    return in8(POST_PORT) == 0x5a && in8(0xe9) == 0xe9 && in8(0xf4) == UINT8_MAX &&
           (in8(SYSTEM_PORT_A) & 1) == 0;
}

static bool pm_timer_runs(void)
{
    const uint32_t before = in32(PM_TIMER);
    for (unsigned i = 0; i < PATIENT_SPINS; i++) {
        if (in32(PM_TIMER) != before) {
            return true;
        }
    }
    return false;
}

static bool hpet_runs(void)
{
    hpet_quiet();
    *hpet_at(HPET_CONFIG) = HPET_ENABLE;
    const uint64_t before = *hpet_at(HPET_COUNTER);
    const bool runs = *hpet_at(HPET_COUNTER) > before;
    hpet_quiet();
    return runs;
}

static bool ioapic_keeps_entries(void)
{
    ioapic_set(1, (uint32_t)ENTRY_MASKED | 0x5a);
    return ioapic_read(IOAPIC_TABLE + 2) == (ENTRY_MASKED | 0x5a);
}

static bool apic_timer_interrupts(void)
{
    xapic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    xapic_write(APIC_TIMER_INITIAL, 1000);
    return comes(TIMER_VECTOR);
}

struct check {
    const char *device;
    bool (*works)(void);
};

static const struct check checks[] = {
    {"the 8259s", pic_keeps_masks},
    {"the 8254 and its interrupt", pit_interrupts},
    {"the RTC", rtc_keeps_time},
    {"the keyboard controller", keyboard_is_well},
    {"the UART", uart_sends},
    {"the VGA", vga_keeps_cursor},
    {"the PCI host bridge", pci_has_bridge},
    {"ports 0x80, 0x92, 0xe9, 0xf4", small_ports_answer},
    {"the PM timer", pm_timer_runs},
    {"the HPET", hpet_runs},
    {"the I/O APIC", ioapic_keeps_entries},
    {"the APIC's timer", apic_timer_interrupts},
};

enum outcome devices_work(void)
{
    machine_restore();
    for (unsigned i = 0; i < ARRAY_SIZE(checks); i++) {
        if (!checks[i].works()) {
            return attempt_wrong(checks[i].device, 0);
        }
    }
    return OUTCOME_DONE;
}
