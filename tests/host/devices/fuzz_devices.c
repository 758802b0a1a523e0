// SPDX-License-Identifier: MIT
// Fuzzes all device models, wired as in a PC. Any access may come in any order and at any time.
// After each access the rules below are checked.
#include "vmm/devices/device.h"

#include <stdlib.h>
#include <string.h>

#include "tests/host/fake_device.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/exit_port.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/i8042.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_ipi.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/devices/pci_host.h"
#include "vmm/devices/pic.h"
#include "vmm/devices/pit.h"
#include "vmm/devices/reset_control.h"
#include "vmm/devices/rtc.h"
#include "vmm/devices/rtc_interrupts.h"
#include "vmm/devices/simple_ports.h"
#include "vmm/devices/system_port.h"
#include "vmm/devices/uart.h"
#include "vmm/devices/vga.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIRE_TIMER, WIRE_KEYBOARD, WIRE_UART, WIRE_RTC, WIRE_SCI, WIRES };

struct wire {
    struct irq_line line;
    bool level;
    unsigned rises;
};

static const uint8_t irqs[WIRES] = {0, 1, 4, 8, 9};

static struct wire wires[WIRES];
static struct fake_line intr;
static struct fake_line reset;
static struct fake_sink sink;
static struct pic_pair pic;
static struct pit pit;
static struct rtc rtc;
static struct uart uart;
static struct i8042 i8042;
static struct ioapic ioapic;
static struct ioapic_output ioapic_output;
static struct lapic lapic;
static struct lapic_output lapic_output;
static struct system_port system_port;
static struct debug_port debug_port;
static struct acpi_pm acpi_pm;
static struct acpi_pm_output power_output;
static struct reset_control reset_control;
static struct pci_host pci_host;
static struct vga vga;
static struct hpet hpet;
static struct hpet_output hpet_output;
static uint32_t hpet_lines;
static unsigned hpet_rises;
static uint64_t now;

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void wire_set(struct irq_line *line, bool level)
{
    struct wire *wire = container_of(line, struct wire, line);
    unsigned irq = irqs[wire - wires];
    require(level != wire->level);
    wire->level = level;
    wire->rises += level;
    pic_set_line(&pic, irq, level);
    ioapic_set_pin(&ioapic, irq == 0 ? 2 : irq, level);
    lapic_set_lint(&lapic, 0, pic_pending(&pic));
}

static void ioapic_deliver(struct ioapic_output *output, const struct apic_message *message)
{
    (void)output;
    if (lapic_is_addressed(&lapic, message)) {
        lapic_deliver(&lapic, message);
    }
}

static void send_ipi(struct lapic_output *output, const struct apic_message *message)
{
    (void)output;
    require(message->shorthand != APIC_SELF);
    require(message->vector >= 16 || message->delivery > APIC_LOWEST_PRIORITY);
}

static void eoi(struct lapic_output *output, uint8_t vector)
{
    (void)output;
    ioapic_eoi(&ioapic, vector);
}

static void nmi(struct lapic_output *output)
{
    (void)output;
}

static void init(struct lapic_output *output)
{
    (void)output;
    lapic_init_received(&lapic);
}

static void startup(struct lapic_output *output, uint8_t vector)
{
    (void)output;
    (void)vector;
}

static void hpet_set(struct hpet_output *output, unsigned gsi, bool level)
{
    (void)output;
    require(gsi < 32 && (hpet_lines >> gsi & 1) != level);
    require(HPET_ROUTES >> gsi & 1 || gsi == HPET_LEGACY_GSI_0 || gsi == HPET_LEGACY_GSI_1);
    hpet_lines ^= 1U << gsi;
    hpet_rises += level;
    ioapic_set_pin(&ioapic, gsi, level);
}

static void hpet_legacy(struct hpet_output *output, bool on)
{
    (void)output;
    (void)on;
    require(!hpet_is_legacy(&hpet)); // legacy replacement is not on yet, or no longer on
    require(!(hpet_lines & (1U << HPET_LEGACY_GSI_0 | 1U << HPET_LEGACY_GSI_1)));
}

static void power_off(struct acpi_pm_output *output)
{
    (void)output;
}

static void set_up(void)
{
    now = 0;
    for (unsigned i = 0; i < WIRES; i++) {
        wires[i] = (struct wire){.line = {wire_set}};
    }
    fake_line_init(&intr);
    fake_line_init(&reset);
    fake_sink_init(&sink);
    sink.room = 0;
    ioapic_output.deliver = ioapic_deliver;
    lapic_output = (struct lapic_output){send_ipi, eoi, nmi, init, startup};
    pic_init(&pic, &intr.line);
    ioapic_init(&ioapic, &ioapic_output);
    lapic_init(&lapic, &lapic_output, 1, true, 40);
    pit_init(&pit, &wires[WIRE_TIMER].line);
    rtc_init(&rtc, &wires[WIRE_RTC].line, 1700000000, 0);
    uart_init(&uart, &wires[WIRE_UART].line, &sink.sink);
    i8042_init(&i8042, &wires[WIRE_KEYBOARD].line, &reset.line);
    system_port_init(&system_port, &reset.line);
    debug_port_init(&debug_port, &sink.sink);
    power_output.power_off = power_off;
    acpi_pm_init(&acpi_pm, &wires[WIRE_SCI].line, &power_output, 0);
    reset_control_init(&reset_control, &reset.line);
    pci_host_init(&pci_host);
    vga_init(&vga);
    hpet_lines = 0;
    hpet_output = (struct hpet_output){hpet_set, hpet_legacy};
    hpet_init(&hpet, &hpet_output, 0);
}

// ---- The rules that are checked ----

static void check_vectors(enum lapic_set set)
{
    for (unsigned i = 0; i < 8; i++) {
        require((lapic_word(&lapic, set, i) != 0) == (lapic.used[set] >> i & 1));
    }
    require(lapic.used[set] < 256 && (lapic_word(&lapic, set, 0) & 0xffff) == 0);
}

static void check_lapic(void)
{
    int pending = lapic_pending(&lapic);
    unsigned priority = lapic_processor_priority(&lapic);
    for (enum lapic_set set = 0; set < LAPIC_SETS; set++) {
        check_vectors(set);
    }
    require(priority < 256 && priority >= lapic.page.reg[LAPIC_TPR].value);
    require(pending < 256 && (pending < 0 || (unsigned)pending >> 4 > priority >> 4));
}

static void check_pic(void)
{
    require(pic_pending(&pic) == intr.level);
    require((pic.chip[PIC_MASTER].request < 8) == intr.level);
    require(pic.chip[PIC_MASTER].top < 8 && pic.chip[PIC_SLAVE].top < 8);
}

static void check_queues(void)
{
    require(uart.receive.count <= UART_FIFO_BYTES && uart.transmit.count <= UART_FIFO_BYTES);
    require(i8042.keyboard_count <= I8042_QUEUE_BYTES);
    require(i8042.keyboard_answers <= i8042.keyboard_count);
    require(!reset.level); // the controller sends only pulses
}

static uint64_t next_hpet_event_ns(void)
{
    uint64_t next = NEVER_NS;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        next = MIN(next, hpet_timer_event_ns(&hpet, i, now));
    }
    return next;
}

// After the devices have advanced, nothing more is due at the same time.
static void check_time(void)
{
    pit_advance(&pit, now);
    rtc_advance(&rtc, now);
    acpi_pm_advance(&acpi_pm, now);
    hpet_advance(&hpet, now);
    lapic_advance(&lapic, now);
    require(pit_next_event_ns(&pit, now) > now);
    require(rtc_next_event_ns(&rtc, now) > now);
    require(acpi_pm_next_event_ns(&acpi_pm, now) > now);
    require(next_hpet_event_ns() > now);
    require(hpet.lines == hpet_lines);
    require(lapic_next_event_ns(&lapic) > now);
}

// ---- The accesses ----

static void advance_devices(void)
{
    pit_advance(&pit, now);
    rtc_advance(&rtc, now);
    acpi_pm_advance(&acpi_pm, now);
    hpet_advance(&hpet, now);
}

// The line does not rise before the event. It rises at the event.
static void run_to(uint64_t event, unsigned wire)
{
    unsigned before = wires[wire].rises;
    if (event == NEVER_NS) {
        return;
    }
    now = event - 1;
    advance_devices();
    require(wires[wire].rises == before);
    now = event;
    advance_devices();
    require(wires[wire].rises == before + 1);
}

// The power button may hold the line high. Then the event cannot raise it.
static void run_to_power_event(void)
{
    advance_devices(); // the next event is then in the future
    uint64_t event = acpi_pm_next_event_ns(&acpi_pm, now);
    if (event != NEVER_NS && !wires[WIRE_SCI].level) {
        run_to(event, WIRE_SCI);
    }
}

// Another timer may hold the line high. Then the event cannot raise it.
static void run_to_hpet_event(void)
{
    advance_devices();
    uint64_t event = next_hpet_event_ns();
    unsigned rises = hpet_rises;
    bool all_low = hpet_lines == 0;
    if (event == NEVER_NS) {
        return;
    }
    now = event - 1;
    advance_devices();
    require(hpet_rises == rises);
    now = event;
    advance_devices();
    require(hpet_rises > rises || !all_low);
}

static void pass_time(uint8_t how, uint8_t value)
{
    switch (how & 7) {
    case 0:
        run_to(pit_next_event_ns(&pit, now), WIRE_TIMER);
        break;
    case 1:
        run_to(rtc_next_event_ns(&rtc, now), WIRE_RTC);
        break;
    case 2:
        if (lapic_next_event_ns(&lapic) != NEVER_NS) {
            now = MAX(now, lapic_next_event_ns(&lapic));
        }
        break;
    case 3:
        run_to_power_event();
        break;
    case 4:
        run_to_hpet_event();
        break;
    default: // goes on by up to some days
        now += (uint64_t)value << (how >> 3);
        break;
    }
}

// The HPET's registers lie in the first 0x180 bytes. Bit 7 of `reg` and the low three bits of
// `value` choose the width and the alignment.
static void access_hpet(uint8_t reg, uint64_t value)
{
    unsigned offset = (reg & 0x7fU) << 2 | (reg & 0x80 ? value & 7 : 0);
    unsigned width = 1U << (value & 3);
    if (value & 4) {
        hpet_write(&hpet, offset, width, value >> 3, now);
        hpet_write(&hpet, offset, 8, value >> 3, now);
    } else {
        require(hpet_read(&hpet, offset, width, now) <=
                (width == 8 ? UINT64_MAX : BIT(8 * width) - 1));
    }
}

static void access_apics(uint8_t which, uint8_t reg, uint64_t value)
{
    uint64_t read;
    switch (which & 7) {
    case 0:
        ioapic_write(&ioapic, reg & 0x50, (uint32_t)value);
        break;
    case 1:
        (void)ioapic_read(&ioapic, reg);
        break;
    case 2:
        require(lapic_read(&lapic, reg & 0x3f, now, &read) || read == 0);
        break;
    case 3:
        if (!lapic_set_base(&lapic, value & 0xffff)) {
            require(lapic_mode(&lapic) <= LAPIC_X2APIC);
        }
        break;
    case 4:
        lapic_set_tsc_deadline(&lapic, value, value);
        break;
    case 5:
        lapic_set_cr8(&lapic, value);
        break;
    case 6:
        access_hpet(reg, value);
        break;
    default:
        if (!lapic_write(&lapic, reg & 0x3f, value, now)) {
            require(lapic_mode(&lapic) != LAPIC_XAPIC);
        }
        break;
    }
}

static void take_interrupt(void)
{
    int vector = lapic_pending(&lapic);
    if (vector >= 0) {
        lapic_accept(&lapic, (unsigned)vector);
        require(lapic_pending(&lapic) < vector);
    }
    if (lapic_accepts_extint(&lapic)) {
        pic_acknowledge(&pic);
    }
}

static void access_power(unsigned offset, bool write, uint8_t value)
{
    if (offset >= ACPI_PM_PORTS) {
        acpi_pm_press_power_button(&acpi_pm);
    } else if (write) {
        acpi_pm_write(&acpi_pm, offset, 1 + value % 4, value * 0x01010101U, now);
    } else {
        (void)acpi_pm_read(&acpi_pm, offset, 1 + value % 4, now);
    }
}

static void access_vga(unsigned offset, bool write, uint8_t value)
{
    struct vga_view view;
    if (write) {
        vga_write(&vga, offset, value);
    } else {
        (void)vga_read(&vga, offset, now);
    }
    view = vga_view(&vga);
    require(view.start < VGA_TEXT_CELLS && view.cursor < VGA_TEXT_CELLS);
    require(view.rows >= 1 && view.rows <= 1024 && view.columns >= 1 && view.columns <= 256);
}

static void access_port(uint8_t port, bool write, uint8_t value)
{
    switch (port >> 4) {
    case 0:
        write ? uart_write(&uart, port & 0xf, value) : (void)uart_read(&uart, port & 0xf);
        break;
    case 1:
        write ? pic_write(&pic, port >> 1 & 1, port, value)
              : (void)pic_read(&pic, port >> 1 & 1, port);
        break;
    case 2:
        write ? pit_write(&pit, port, value, now) : (void)pit_read(&pit, port, now);
        break;
    case 3:
        write ? pit_port61_write(&pit, value, now) : (void)pit_port61_read(&pit, now);
        break;
    case 4:
        write ? rtc_write(&rtc, port, value, now) : (void)rtc_read(&rtc, port, now);
        break;
    case 5:
        write ? i8042_write(&i8042, port & 1, value) : (void)i8042_read(&i8042, port & 1);
        break;
    case 6:
        write ? system_port_write(&system_port, value) : (void)system_port_read(&system_port);
        break;
    case 7:
        pic_elcr_write(&pic, port & 1, value);
        break;
    case 8:
        debug_port_write(&debug_port, value);
        break;
    case 9:
        access_power(port & 0xf, write, value);
        break;
    case 0xc:
    case 0xd:
    case 0xe:
        access_vga(port - 0xc0U, write, value);
        break;
    case 0xb:
        pci_host_write(&pci_host, port & 7, 1U << (port >> 3 & 1) * 2, value * 0x01010101U);
        require(pci_host_read(&pci_host, port & 7, 2) <= 0xffff);
        break;
    case 0xa:
        reset_control_write(&reset_control, value);
        require(reset_control_read(&reset_control) <= 0xe);
        break;
    default:
        break;
    }
}

static void from_outside(uint8_t what, uint8_t value)
{
    switch (what & 7) {
    case 0: { // the UART takes the byte if it has room
        bool room = uart_receive_room(&uart) != 0;
        require(uart_receive(&uart, value) == room);
        break;
    }
    case 1:
        (void)i8042_type(&i8042, value);
        break;
    case 2:
        sink.room = value;
        uart_output_ready(&uart);
        require(sink.room == 0 || !uart_output_waiting(&uart));
        break;
    case 3:
        lapic_set_lint(&lapic, value & 3, value & 4);
        break;
    case 4:
        ioapic_set_pin(&ioapic, value >> 1, value & 1);
        break;
    case 5:
        take_interrupt();
        break;
    case 6:
        pic_set_line(&pic, 10 + (value >> 1) % 6, value & 1);
        break;
    default:
        lapic_post(&lapic, value, what & 8);
        break;
    }
}

static void reset_one(uint8_t which)
{
    switch (which & 7) {
    case 0:
        uart_reset(&uart);
        break;
    case 1:
        pic_reset(&pic);
        break;
    case 2:
        pit_reset(&pit);
        break;
    case 3:
        rtc_reset(&rtc);
        break;
    case 4:
        i8042_reset(&i8042);
        break;
    case 5:
        ioapic_reset(&ioapic);
        break;
    case 6:
        lapic_set_virtual_wire(&lapic);
        break;
    default:
        lapic_reset(&lapic);
        break;
    }
}

static void step(const uint8_t *data, size_t left)
{
    uint64_t wide = 0;
    memcpy(&wide, data + 2, MIN(left - 2, sizeof(wide)));
    switch (data[0] & 7) {
    case 0:
    case 1:
    case 2:
        access_port(data[1], data[0] & 8, data[2]);
        break;
    case 3:
    case 4:
        access_apics(data[0] >> 3, data[1], data[0] & 0x80 ? wide : (uint32_t)wide & 0xffff);
        break;
    case 5:
        pass_time(data[1], data[2]);
        break;
    case 6:
        from_outside(data[0] >> 3, data[2]);
        break;
    default:
        if (data[1] == 0x5a) { // seldom: a reset undoes what the guest has set up
            reset_one(data[2]);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    for (size_t at = 0; size - at >= 3; at += 3) {
        step(data + at, size - at);
        check_time();
        check_lapic();
        check_pic();
        check_queues();
    }
    return 0;
}
