// SPDX-License-Identifier: MIT
// The PC of a VM: its devices, wired together as on a board. All vCPUs of the VM share it. The
// board knows no VM and no vCPU: whatever leaves it goes through struct pc_output.
#pragma once

#include "vmm/board/io_bus.h"
#include "vmm/board/key_queue.h"
#include "vmm/board/memory_bus.h"
#include "vmm/board/pc_serial.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/device.h"
#include "vmm/devices/exit_port.h"
#include "vmm/devices/hpet.h"
#include "vmm/devices/i8042.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pic.h"
#include "vmm/devices/pit.h"
#include "vmm/devices/reset_control.h"
#include "vmm/devices/rtc.h"
#include "vmm/devices/simple_ports.h"
#include "vmm/devices/system_port.h"
#include "vmm/devices/uart.h"
#include "vmm/devices/vga.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

struct pc_output;

#define PC_RANGES 17
#define PC_MEMORY_RANGES 3

struct guest_memory;

// The inputs of the 8259s. Those of the I/O APIC have the same numbers, but for the timer's.
enum pc_irq_number { IRQ_TIMER = 0, IRQ_KEYBOARD = 1, IRQ_UART = 4, IRQ_RTC = 8 };

// The wire from a device to an input of the interrupt controllers.
struct pc_irq {
    struct irq_line line;
    struct pc *pc;
    uint8_t irq;
    bool level; // what the device drives, even while the HPET has cut the wire
};

struct pc {
    struct pc_output *output;
    struct lock lock; // protects all members below; what vCPUs and users call takes it
    bool behind;      // timers that nobody hears may not be up to date (pc_catch_up)
    struct io_bus io;
    struct io_range ranges[PC_RANGES];
    struct memory_bus memory;
    struct memory_range memory_ranges[PC_MEMORY_RANGES];
    struct pic_pair pic;
    struct pit pit;
    struct rtc rtc;
    struct uart uart;
    struct pc_serial serial; // what comes in for the UART
    struct i8042 i8042;
    struct key_queue keys; // typed, and not yet in the i8042
    struct system_port system_port;
    struct exit_port exit_port;
    struct debug_port debug_port;
    struct post_port post_port;
    struct ioapic ioapic;
    struct hpet hpet;
    struct acpi_pm acpi_pm;
    struct reset_control reset_control;
    struct pci_bus pci;
    struct virtio_memory virtio_memory;
    uint32_t virtio_busy;       // atomic: a bit for each slot whose virtio device has work left
    uint32_t virtio_arrived;    // atomic: the slots of pc_virtio_arrived
    struct pc_console *console; // the virtio console; NULL: there is none
    struct pc_balloon *balloon; // NULL: there is none
    struct vga vga;

    // The board's ends of the devices' wires.
    struct irq_line intr; // INTR of the 8259s
    struct irq_line reset;
    struct pc_irq irqs[7]; // PIT, keyboard, UART, RTC, SCI, the two of PCI
    struct byte_sink uart_sink;
    struct exit_output exit_output;
    struct acpi_pm_output power_output;
    struct ioapic_output ioapic_output;
    struct hpet_output hpet_output;
};

// Puts all devices into their state after power-up. `wall_clock_s` (seconds since 1970-01-01
// 00:00:00 UTC) becomes the date of the RTC, and the size of `memory`, which must live as long as
// the PC, is written to its CMOS. Calls to `output` can come from now on.
void pc_init(struct pc *pc, struct pc_output *output, uint64_t wall_clock_s,
             const struct guest_memory *memory);

// IN and OUT of `width` bytes: 1, 2, 4.
uint32_t pc_port_read(struct pc *pc, uint16_t port, unsigned width);
void pc_port_write(struct pc *pc, uint16_t port, unsigned width, uint32_t value);

// Whether the 8259s ask for an interrupt. Only a hint: it reads without the lock.
static inline bool pc_interrupt_waits(const struct pc *pc)
{
    return pic_pending(&pc->pic);
}
// Acknowledges that interrupt and returns its vector, or the spurious vector if the 8259s no longer
// ask.
uint8_t pc_acknowledge_interrupt(struct pc *pc);
// A local APIC has ended a level-triggered interrupt: the I/O APIC must know.
void pc_end_of_interrupt(struct pc *pc, uint8_t vector);
