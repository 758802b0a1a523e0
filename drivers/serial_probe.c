// SPDX-License-Identifier: MIT
// Finds serial lines: COM1 to COM4, PCI cards and the firmware's console, each once.
#include "drivers/serial_probe.h"

#include "arch/x86/acpi.h"
#include "arch/x86/frames.h"
#include "arch/x86/log.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "drivers/pci_serial.h"
#include "drivers/uart16550.h"
#include "drivers/uart16550_registers.h"
#include "vmm/util/console_choice.h"

#define COM_LINES 4
#define BAUD_DEFAULT 115200
#define DIVISOR(baud) (UART16550_CLOCK_HZ / UART16550_CLOCKS_PER_BIT / (baud))
#define DIVISOR_MAX UINT16_MAX
// ISA interrupts of a PC that no serial line can have: timer, keyboard, cascade, clock.
#define IRQS_TAKEN (BIT(0) | BIT(1) | BIT(2) | BIT(8))
#define UART_PAGES (ALIGN_UP(sizeof(struct uart16550), PAGE_SIZE) / PAGE_SIZE)

static_assert(SERIAL_LINES_MAX == COM_LINES + CONSOLE_PCI_LINES + 1, "and that of the SPCR");

static struct uart16550 first_uart; // COM1 is needed before there is memory

static bool is_known(struct serial_line_list *list, bool in_memory, uint64_t address,
                     struct serial_line **line)
{
    for (*line = list->lines; *line < list->lines + list->count; (*line)++) {
        if ((*line)->in_memory == in_memory && (*line)->address == address) {
            return true;
        }
    }
    return false;
}

// Adds `line` to `list` if there is a UART behind `registers`.
static bool add_with(struct serial_line_list *list, struct serial_line line, struct uart16550 *uart,
                     const struct uart16550_registers *registers, unsigned divisor)
{
    bool unprobed = list->unprobed & line.choices;
    if (!uart16550_init(uart, registers, divisor, unprobed)) {
        if (uart->silent) {
            const char *word = console_choice_word(line.choices);
            log_line("serial: %s does not loop back what is sent: not used (console=%s! takes it)",
                     word, word);
        }
        return false;
    }
    line.uart = uart;
    list->lines[list->count++] = line;
    return true;
}

static bool add(struct serial_line_list *list, struct serial_line line,
                const struct uart16550_registers *registers, unsigned divisor)
{
    struct uart16550 *uart = frames_allocate(UART_PAGES);
    if (!uart) {
        return false;
    }
    bool added = add_with(list, line, uart, registers, divisor);
    if (!added) {
        frames_release(uart, UART_PAGES);
    }
    return added;
}

static void add_com(struct serial_line_list *list, unsigned number)
{
    static const struct {
        uint16_t port;
        uint8_t irq;
    } coms[COM_LINES] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};
    struct serial_line line = {.choices = CONSOLE_COM1 << number,
                               .address = coms[number].port,
                               .baud = BAUD_DEFAULT,
                               .irq = coms[number].irq};
    struct uart16550_registers registers = uart16550_at_port(coms[number].port);
    if (number == 0) {
        (void)add_with(list, line, &first_uart, &registers, DIVISOR(BAUD_DEFAULT));
    } else {
        (void)add(list, line, &registers, DIVISOR(BAUD_DEFAULT));
    }
}

// False: no device can be at the address.
static bool registers_at(bool in_memory, uint64_t address, uint8_t stride, uint8_t access_bytes,
                         struct uart16550_registers *registers)
{
    uint64_t bytes = (uint64_t)UART16550_REGISTERS * stride;
    if (!in_memory) {
        *registers = uart16550_at_port((uint16_t)address);
        return true;
    }
    if (!machine_memory_can_be_device(address, bytes)) {
        return false;
    }
    *registers = uart16550_in_memory(paging_map_device(address, bytes, CACHE_UNCACHED), stride,
                                     access_bytes);
    return true;
}

// Adds the line as number `number` on PCI. False: there is no UART.
static bool add_pci(struct serial_line_list *list, const struct pci_serial_port *port,
                    unsigned number)
{
    struct serial_line line = {.choices = CONSOLE_PCI0 << number,
                               .in_memory = port->in_memory,
                               .address = port->address,
                               .has_pci = true,
                               .pci = port->where,
                               .baud = BAUD_DEFAULT};
    struct uart16550_registers registers;
    return registers_at(port->in_memory, port->address, 1, 1, &registers) &&
           add(list, line, &registers, DIVISOR(BAUD_DEFAULT));
}

static void add_all_pci(struct serial_line_list *list)
{
    struct pci_serial_port port[CONSOLE_PCI_LINES];
    struct pci_serial_ports ports = {.capacity = ARRAY_SIZE(port), .ports = port};
    const struct pci_config *config = pci_config_find();
    unsigned number = 0;
    if (!config) {
        return;
    }
    pci_serial_find(config, &ports);
    for (unsigned i = 0; i < ports.count; i++) {
        struct serial_line *known;
        if (!is_known(list, port[i].in_memory, port[i].address, &known)) {
            number += add_pci(list, &port[i], number);
        }
    }
    if (ports.left_over > 0 || ports.unassigned > 0) {
        log_line("serial: %u lines on PCI are too many, %u have no address", ports.left_over,
                 ports.unassigned);
    }
}

// The divisor for the SPCR's rate. 0: the one that is set stays. A chip in memory may have any
// clock.
static unsigned spcr_divisor(const struct acpi_serial *serial)
{
    uint64_t clock = serial->clock_hz;
    if (clock == 0 && !serial->in_memory) {
        clock = UART16550_CLOCK_HZ;
    }
    if (serial->baud == 0) {
        return 0;
    }
    uint64_t bit = (uint64_t)UART16550_CLOCKS_PER_BIT * serial->baud;
    uint64_t divisor = (clock + bit / 2) / bit;
    return divisor <= DIVISOR_MAX ? (unsigned)divisor : 0;
}

static bool is_free(unsigned irq)
{
    return irq < ACPI_ISA_IRQS && (BIT(irq) & IRQS_TAKEN) == 0;
}

static unsigned spcr_irq(const struct acpi_info *acpi)
{
    const struct acpi_serial *serial = &acpi->serial;
    if (serial->has_irq && is_free(serial->irq)) {
        return serial->irq;
    }
    for (unsigned irq = 0; irq < ACPI_ISA_IRQS && serial->has_gsi; irq++) {
        if (acpi->isa[irq].gsi == serial->gsi && is_free(irq)) {
            return irq;
        }
    }
    return SERIAL_NO_IRQ;
}

// Mostly the firmware's console is a line that is already known. The table then gives its rate.
static void add_spcr(struct serial_line_list *list, const struct acpi_info *acpi)
{
    const struct acpi_serial *serial = &acpi->serial;
    unsigned divisor = spcr_divisor(serial);
    struct serial_line *known;
    struct uart16550_registers registers;
    if (!serial->present) {
        return;
    }
    if (is_known(list, serial->in_memory, serial->address, &known)) {
        known->choices |= CONSOLE_SPCR;
        if (divisor != 0) {
            uart16550_set_divisor(known->uart, divisor);
            known->baud = serial->baud;
        }
        return;
    }
    struct serial_line line = {.choices = CONSOLE_SPCR,
                               .in_memory = serial->in_memory,
                               .address = serial->address,
                               .baud = divisor != 0 ? serial->baud : 0,
                               .irq = spcr_irq(acpi)};
    if (!registers_at(serial->in_memory, serial->address, serial->stride, serial->access_bytes,
                      &registers) ||
        !add(list, line, &registers, divisor)) {
        log_line("serial: no UART is where the SPCR says, at %#lx", serial->address);
    }
}

void serial_probe_com1(struct serial_line_list *list)
{
    add_com(list, 0);
}

void serial_probe_others(struct serial_line_list *list, const struct acpi_info *acpi,
                         unsigned chosen)
{
    list->unprobed = chosen >> CONSOLE_UNPROBED_SHIFT;
    if (list->count == 0 && (list->unprobed & CONSOLE_COM1)) {
        add_com(list, 0);
    }
    for (unsigned number = 1; number < COM_LINES; number++) {
        add_com(list, number);
    }
    add_all_pci(list);
    add_spcr(list, acpi);
}
