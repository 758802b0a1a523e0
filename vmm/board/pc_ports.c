// SPDX-License-Identifier: MIT
// The I/O ports of a VM's PC: an adapter from the bus to each device.
#include "vmm/board/pc_ports.h"

#include "vmm/board/io_bus.h"
#include "vmm/board/key_queue.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_serial.h"
#include "vmm/board/pc_time.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/exit_port.h"
#include "vmm/devices/i8042.h"
#include "vmm/devices/pci_host.h"
#include "vmm/devices/pic.h"
#include "vmm/devices/pit.h"
#include "vmm/devices/reset_control.h"
#include "vmm/devices/rtc.h"
#include "vmm/devices/simple_ports.h"
#include "vmm/devices/system_port.h"
#include "vmm/devices/uart.h"
#include "vmm/devices/vga.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

enum pc_range {
    RANGE_PIC_MASTER,
    RANGE_PIC_SLAVE,
    RANGE_ELCR,
    RANGE_PIT,
    RANGE_PORT61,
    RANGE_KEYBOARD_DATA,
    RANGE_KEYBOARD_COMMAND,
    RANGE_RTC,
    RANGE_POST,
    RANGE_SYSTEM_PORT,
    RANGE_DEBUG,
    RANGE_EXIT,
    RANGE_UART,
    RANGE_ACPI_PM,
    RANGE_VGA,
    RANGE_PCI,
    RANGE_RESET_CONTROL,
    RANGE_COUNT
};
static_assert(RANGE_COUNT == PC_RANGES && RANGE_COUNT < IO_BUS_RANGES, "a slot for each range");

#define PC_OF(range, name) container_of(range, struct pc, ranges[name])

// The inputs of each chip that pc_catch_up is about: timer, cascade and UART; RTC.
static const uint8_t timed_inputs[] = {
    [PIC_MASTER] = BIT(IRQ_TIMER) | BIT(2) | BIT(IRQ_UART),
    [PIC_SLAVE] = BIT(IRQ_RTC - 8),
};

static NOT_INLINE uint32_t catch_up_and_read(struct pc *pc, enum pic_which which, unsigned offset)
{
    pc_catch_up_now(pc);
    return pic_read(&pc->pic, which, offset);
}

static NOT_INLINE void catch_up_and_write(struct pc *pc, enum pic_which which, unsigned offset,
                                          uint32_t value)
{
    pc_catch_up_now(pc);
    pic_write(&pc->pic, which, offset, (uint8_t)value);
}

// A poll takes a request, and IRR shows those of masked inputs too. Other reads do not depend on
// timers that nobody hears. These are pc_catch_up, written so that an access costs two instructions
// more if there is nothing to catch up with.
static uint32_t controller_read(struct pc *pc, enum pic_which which, unsigned offset)
{
    return pc->behind && pic_shows_requests(&pc->pic, which, offset)
               ? catch_up_and_read(pc, which, offset)
               : pic_read(&pc->pic, which, offset);
}

static void controller_write(struct pc *pc, enum pic_which which, unsigned offset, uint32_t value)
{
    if (pc->behind && pic_may_unmask(&pc->pic, which, offset, value, timed_inputs[which])) {
        catch_up_and_write(pc, which, offset, value);
    } else {
        pic_write(&pc->pic, which, offset, (uint8_t)value);
    }
}

static uint32_t pic_master_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    return controller_read(PC_OF(range, RANGE_PIC_MASTER), PIC_MASTER, offset);
}

static void pic_master_write(struct io_range *range, unsigned offset, unsigned width,
                             uint32_t value)
{
    (void)width;
    controller_write(PC_OF(range, RANGE_PIC_MASTER), PIC_MASTER, offset, value);
}

static uint32_t pic_slave_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    return controller_read(PC_OF(range, RANGE_PIC_SLAVE), PIC_SLAVE, offset);
}

static void pic_slave_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)width;
    controller_write(PC_OF(range, RANGE_PIC_SLAVE), PIC_SLAVE, offset, value);
}

static uint32_t elcr_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    return pic_elcr_read(&PC_OF(range, RANGE_ELCR)->pic, offset ? PIC_SLAVE : PIC_MASTER);
}

static void elcr_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)width;
    pic_elcr_write(&PC_OF(range, RANGE_ELCR)->pic, offset ? PIC_SLAVE : PIC_MASTER, (uint8_t)value);
}

static uint32_t timer_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_PIT);
    return pit_read(&pc->pit, offset, pc_now_ns(pc));
}

static void timer_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_PIT);
    pit_write(&pc->pit, offset, (uint8_t)value, pc_now_ns(pc));
    pc_timer_set(pc);
}

static uint32_t port61_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_PORT61);
    return pit_port61_read(&pc->pit, pc_now_ns(pc));
}

static void port61_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)offset;
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_PORT61);
    pit_port61_write(&pc->pit, (uint8_t)value, pc_now_ns(pc));
}

// Each access to the keyboard controller can make room for keys that wait in the queue.
static uint32_t keyboard_read(struct pc *pc, enum i8042_port port)
{
    uint8_t value = i8042_read(&pc->i8042, port);
    key_queue_feed(&pc->keys, &pc->i8042);
    return value;
}

static void keyboard_write(struct pc *pc, enum i8042_port port, uint32_t value)
{
    i8042_write(&pc->i8042, port, (uint8_t)value);
    key_queue_feed(&pc->keys, &pc->i8042);
}

static uint32_t keyboard_data_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    return keyboard_read(PC_OF(range, RANGE_KEYBOARD_DATA), I8042_DATA);
}

static void keyboard_data_write(struct io_range *range, unsigned offset, unsigned width,
                                uint32_t value)
{
    (void)offset;
    (void)width;
    keyboard_write(PC_OF(range, RANGE_KEYBOARD_DATA), I8042_DATA, value);
}

static uint32_t keyboard_command_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    return keyboard_read(PC_OF(range, RANGE_KEYBOARD_COMMAND), I8042_COMMAND);
}

static void keyboard_command_write(struct io_range *range, unsigned offset, unsigned width,
                                   uint32_t value)
{
    (void)offset;
    (void)width;
    keyboard_write(PC_OF(range, RANGE_KEYBOARD_COMMAND), I8042_COMMAND, value);
}

static uint32_t clock_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_RTC);
    bool interrupted = pc->rtc.line_level;
    uint32_t value = rtc_read(&pc->rtc, offset, pc_now_ns(pc));
    if (interrupted && !pc->rtc.line_level) {
        pc_timer_set(pc); // the guest has read register C, so the next interrupt can come
    }
    return value;
}

static void clock_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_RTC);
    rtc_write(&pc->rtc, offset, (uint8_t)value, pc_now_ns(pc));
    pc_timer_set(pc);
}

static uint32_t post_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    return post_port_read(&PC_OF(range, RANGE_POST)->post_port);
}

static void post_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)offset;
    (void)width;
    post_port_write(&PC_OF(range, RANGE_POST)->post_port, (uint8_t)value);
}

static uint32_t port92_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    return system_port_read(&PC_OF(range, RANGE_SYSTEM_PORT)->system_port);
}

static void port92_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)offset;
    (void)width;
    system_port_write(&PC_OF(range, RANGE_SYSTEM_PORT)->system_port, (uint8_t)value);
}

static uint32_t debug_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    return debug_port_read(&PC_OF(range, RANGE_DEBUG)->debug_port);
}

static void debug_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)offset;
    (void)width;
    debug_port_write(&PC_OF(range, RANGE_DEBUG)->debug_port, (uint8_t)value);
}

static uint32_t exit_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)range;
    (void)offset;
    (void)width;
    return UINT32_MAX;
}

static void exit_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)offset;
    exit_port_write(&PC_OF(range, RANGE_EXIT)->exit_port, width, value);
}

// The guest has read a byte, or has set up the UART, so the line may go on. If the next byte is not
// due yet, a timer is set, once the guest has read all that came before.
static void serial_go_on(struct pc *pc)
{
    pc_serial_feed(pc);
    if (pc_serial_event_ns(pc, 0) != NEVER_NS) {
        pc_timer_set(pc);
    }
}

static uint32_t serial_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_UART);
    uart_output_ready(&pc->uart); // a guest that polls need not wait for pc_advance
    pc_serial_feed(pc);
    uint32_t value = uart_read(&pc->uart, offset);
    if (offset == 0) {
        serial_go_on(pc);
    }
    return value;
}

// A byte to send, at offset 0, changes nothing for those that come in.
static void serial_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_UART);
    uart_write(&pc->uart, offset, (uint8_t)value);
    if (offset != 0) {
        serial_go_on(pc);
    }
}

static uint32_t power_read(struct io_range *range, unsigned offset, unsigned width)
{
    struct pc *pc = PC_OF(range, RANGE_ACPI_PM);
    return acpi_pm_read(&pc->acpi_pm, offset, width, pc_now_ns(pc));
}

static void power_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    struct pc *pc = PC_OF(range, RANGE_ACPI_PM);
    acpi_pm_write(&pc->acpi_pm, offset, width, value, pc_now_ns(pc));
    pc_timer_set(pc);
}

static uint32_t display_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)width;
    struct pc *pc = PC_OF(range, RANGE_VGA);
    return vga_read(&pc->vga, offset, pc_now_ns(pc));
}

static void display_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)width;
    vga_write(&PC_OF(range, RANGE_VGA)->vga, offset, (uint8_t)value);
}

static uint32_t pci_read(struct io_range *range, unsigned offset, unsigned width)
{
    return pci_host_read(&PC_OF(range, RANGE_PCI)->pci.host, offset, width);
}

static void pci_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    pci_host_write(&PC_OF(range, RANGE_PCI)->pci.host, offset, width, value);
}

static uint32_t reset_read(struct io_range *range, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    return reset_control_read(&PC_OF(range, RANGE_RESET_CONTROL)->reset_control);
}

static void reset_write(struct io_range *range, unsigned offset, unsigned width, uint32_t value)
{
    (void)offset;
    (void)width;
    reset_control_write(&PC_OF(range, RANGE_RESET_CONTROL)->reset_control, (uint8_t)value);
}

// If two ranges claim a port, the later one has it: port 0xcf9, a byte of the PCI address register,
// is the reset register.
static const struct io_range port_map[PC_RANGES] = {
    [RANGE_PIC_MASTER] = {0x20, 2, false, pic_master_read, pic_master_write},
    [RANGE_PIC_SLAVE] = {0xa0, 2, false, pic_slave_read, pic_slave_write},
    [RANGE_ELCR] = {0x4d0, 2, false, elcr_read, elcr_write},
    [RANGE_PIT] = {0x40, PIT_PORTS, false, timer_read, timer_write},
    [RANGE_PORT61] = {0x61, 1, false, port61_read, port61_write},
    [RANGE_KEYBOARD_DATA] = {0x60, 1, false, keyboard_data_read, keyboard_data_write},
    [RANGE_KEYBOARD_COMMAND] = {0x64, 1, false, keyboard_command_read, keyboard_command_write},
    [RANGE_RTC] = {0x70, RTC_PORTS, false, clock_read, clock_write},
    [RANGE_POST] = {0x80, 1, false, post_read, post_write},
    [RANGE_SYSTEM_PORT] = {0x92, 1, false, port92_read, port92_write},
    [RANGE_DEBUG] = {0xe9, 1, false, debug_read, debug_write},
    [RANGE_EXIT] = {0xf4, 1, true, exit_read, exit_write},
    [RANGE_UART] = {0x3f8, UART_PORTS, false, serial_read, serial_write},
    [RANGE_ACPI_PM] = {ACPI_PM_BASE, ACPI_PM_PORTS, true, power_read, power_write},
    [RANGE_VGA] = {VGA_FIRST_PORT, VGA_PORTS, false, display_read, display_write},
    [RANGE_PCI] = {0xcf8, PCI_HOST_PORTS, true, pci_read, pci_write},
    [RANGE_RESET_CONTROL] = {RESET_CONTROL_PORT, 1, false, reset_read, reset_write},
};

void pc_claim_ports(struct pc *pc)
{
    io_bus_init(&pc->io);
    for (unsigned i = 0; i < PC_RANGES; i++) {
        pc->ranges[i] = port_map[i];
        io_bus_claim(&pc->io, &pc->ranges[i]);
    }
}
