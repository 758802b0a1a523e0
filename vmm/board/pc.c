// SPDX-License-Identifier: MIT
// Wires the devices of a VM to its interrupt controllers and to the outside.
#include "vmm/board/pc.h"

#include "vmm/address.h"
#include "vmm/board/io_bus.h"
#include "vmm/board/pc_memory.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_ports.h"
#include "vmm/board/pc_time.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/apic_message.h"
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
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

enum pc_irq_index {
    IRQ_INDEX_PIT,
    IRQ_INDEX_KEYBOARD,
    IRQ_INDEX_UART,
    IRQ_INDEX_RTC,
    IRQ_INDEX_SCI,
    IRQ_INDEX_PCI_EVEN,
    IRQ_INDEX_PCI_ODD
};

// ---- Lines ----

// In its legacy replacement mode the HPET takes the place of PIT and RTC.
static bool is_cut_off(const struct pc_irq *irq)
{
    return (irq->irq == IRQ_TIMER || irq->irq == IRQ_RTC) && hpet_is_legacy(&irq->pc->hpet);
}

static void set_inputs(struct pc *pc, unsigned irq, bool level)
{
    pic_set_line(&pc->pic, irq, level);
    // The timer is wired to input 2 of the I/O APIC, all others as on the 8259s.
    ioapic_set_pin(&pc->ioapic, irq == IRQ_TIMER ? HPET_LEGACY_GSI_0 : irq, level);
}

static void irq_set(struct irq_line *line, bool level)
{
    struct pc_irq *irq = container_of(line, struct pc_irq, line);
    irq->level = level;
    if (!is_cut_off(irq)) {
        set_inputs(irq->pc, irq->irq, level);
    }
}

// The inputs that the HPET has taken over from PIT and RTC lead to the 8259s too, all others to the
// I/O APIC only.
static void hpet_set(struct hpet_output *output, unsigned gsi, bool level)
{
    struct pc *pc = container_of(output, struct pc, hpet_output);
    if (gsi == HPET_LEGACY_GSI_0 || gsi == HPET_LEGACY_GSI_1) {
        set_inputs(pc, gsi == HPET_LEGACY_GSI_0 ? IRQ_TIMER : IRQ_RTC, level);
    } else {
        ioapic_set_pin(&pc->ioapic, gsi, level);
    }
}

static void hpet_legacy(struct hpet_output *output, bool on)
{
    static const enum pc_irq_index replaced[] = {IRQ_INDEX_PIT, IRQ_INDEX_RTC};
    struct pc *pc = container_of(output, struct pc, hpet_output);
    for (unsigned i = 0; i < ARRAY_SIZE(replaced); i++) {
        const struct pc_irq *irq = &pc->irqs[replaced[i]];
        set_inputs(pc, irq->irq, !on && irq->level);
    }
}

static void intr_set(struct irq_line *line, bool level)
{
    struct pc *pc = container_of(line, struct pc, intr);
    pc->output->lint0(pc->output, level);
    ioapic_set_pin(&pc->ioapic, IOAPIC_EXTINT_PIN, level);
}

static void reset_set(struct irq_line *line, bool level)
{
    if (level) {
        struct pc_output *outside = container_of(line, struct pc, reset)->output;
        outside->reset(outside);
    }
}

static void ioapic_deliver(struct ioapic_output *output, const struct apic_message *message)
{
    struct pc_output *outside = container_of(output, struct pc, ioapic_output)->output;
    outside->apic_message(outside, message);
}

static bool uart_sink_put(struct byte_sink *sink, uint8_t byte)
{
    struct pc_output *outside = container_of(sink, struct pc, uart_sink)->output;
    return outside->put_byte(outside, byte);
}

static void exit_requested(struct exit_output *output, uint32_t status)
{
    struct pc_output *outside = container_of(output, struct pc, exit_output)->output;
    outside->exit(outside, status);
}

static void power_off_requested(struct acpi_pm_output *output)
{
    struct pc_output *outside = container_of(output, struct pc, power_output)->output;
    outside->power_off(outside);
}

// ---- From the vCPUs ----

uint32_t pc_port_read(struct pc *pc, uint16_t port, unsigned width)
{
    lock_take(&pc->lock);
    uint32_t value = io_bus_read(&pc->io, port, width);
    lock_give(&pc->lock);
    return value;
}

void pc_port_write(struct pc *pc, uint16_t port, unsigned width, uint32_t value)
{
    lock_take(&pc->lock);
    io_bus_write(&pc->io, port, width, value);
    lock_give(&pc->lock);
}

uint8_t pc_acknowledge_interrupt(struct pc *pc)
{
    lock_take(&pc->lock);
    uint8_t vector = pic_acknowledge(&pc->pic);
    lock_give(&pc->lock);
    return vector;
}

void pc_end_of_interrupt(struct pc *pc, uint8_t vector)
{
    lock_take(&pc->lock);
    if (pc->behind && (ioapic_pins_of_eoi(&pc->ioapic, vector) & PC_TIMED_PINS)) {
        pc_catch_up_now(pc);
    }
    ioapic_eoi(&pc->ioapic, vector);
    lock_give(&pc->lock);
}

// ---- Composition ----

static void init_outputs(struct pc *pc)
{
    static const uint8_t numbers[] = {
        [IRQ_INDEX_PIT] = IRQ_TIMER,      [IRQ_INDEX_KEYBOARD] = IRQ_KEYBOARD,
        [IRQ_INDEX_UART] = IRQ_UART,      [IRQ_INDEX_RTC] = IRQ_RTC,
        [IRQ_INDEX_SCI] = ACPI_PM_SCI,    [IRQ_INDEX_PCI_EVEN] = PCI_IRQ_EVEN,
        [IRQ_INDEX_PCI_ODD] = PCI_IRQ_ODD};
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        pc->irqs[i] = (struct pc_irq){.line = {irq_set}, .pc = pc, .irq = numbers[i]};
    }
    pc->intr.set = intr_set;
    pc->reset.set = reset_set;
    pc->uart_sink.put = uart_sink_put;
    pc->exit_output.exit = exit_requested;
    pc->power_output.power_off = power_off_requested;
    pc->hpet_output.set = hpet_set;
    pc->hpet_output.legacy = hpet_legacy;
    pc->ioapic_output.deliver = ioapic_deliver;
}

static void set_cmos_memory(struct pc *pc, const struct guest_memory *memory)
{
    uint64_t below = 0;
    uint64_t above = 0;
    for (unsigned i = 0; i < memory->extent_count; i++) {
        uint64_t end = memory->extents[i].gpa.value + memory->extents[i].bytes;
        if (end <= 4 * GIB) {
            below = MAX(below, end);
        } else {
            above += memory->extents[i].bytes;
        }
    }
    rtc_set_memory(&pc->rtc, below, above);
}

static void init_pci(struct pc *pc, const struct guest_memory *memory)
{
    const struct pci_wires wires = {
        .io = &pc->io,
        .memory = &pc->memory,
        .ram = memory,
        .lines = {&pc->irqs[IRQ_INDEX_PCI_EVEN].line, &pc->irqs[IRQ_INDEX_PCI_ODD].line},
        .apics = &pc->ioapic_output,
    };
    pci_bus_init(&pc->pci, &wires);
    pc_virtio_init(pc);
}

void pc_init(struct pc *pc, struct pc_output *output, uint64_t wall_clock_s,
             const struct guest_memory *memory)
{
    pc->output = output;
    init_outputs(pc);
    pc_claim_ports(pc);
    pc_claim_memory(pc);
    pic_init(&pc->pic, &pc->intr);
    ioapic_init(&pc->ioapic, &pc->ioapic_output);
    pit_init(&pc->pit, &pc->irqs[IRQ_INDEX_PIT].line);
    rtc_init(&pc->rtc, &pc->irqs[IRQ_INDEX_RTC].line, wall_clock_s, pc_now_ns(pc));
    set_cmos_memory(pc, memory);
    uart_init(&pc->uart, &pc->irqs[IRQ_INDEX_UART].line, &pc->uart_sink);
    pc->serial = (struct pc_serial){0};
    i8042_init(&pc->i8042, &pc->irqs[IRQ_INDEX_KEYBOARD].line, &pc->reset);
    system_port_init(&pc->system_port, &pc->reset);
    exit_port_init(&pc->exit_port, &pc->exit_output);
    debug_port_init(&pc->debug_port, &pc->uart_sink);
    post_port_init(&pc->post_port);
    hpet_init(&pc->hpet, &pc->hpet_output, pc_now_ns(pc));
    acpi_pm_init(&pc->acpi_pm, &pc->irqs[IRQ_INDEX_SCI].line, &pc->power_output, pc_now_ns(pc));
    vga_init(&pc->vga);
    init_pci(pc, memory);
    reset_control_init(&pc->reset_control, &pc->reset);
}
