// SPDX-License-Identifier: MIT
// The array of UARTs: COM1 to COM4, PCI cards and the firmware's console, without one twice.
#include "boot/serial_lines.h"

#include "arch/x86/apic.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/frames.h"
#include "arch/x86/idt.h"
#include "arch/x86/instructions.h"
#include "arch/x86/ioapic82093.h"
#include "arch/x86/log.h"
#include "arch/x86/paging.h"
#include "arch/x86/vectors.h"
#include "drivers/pci_serial.h"
#include "drivers/uart16550.h"
#include "vmm/util/format.h"
#include "vmm/util/string.h"

#define COM_LINES 4
#define LINES_MAX (COM_LINES + CONSOLE_PCI_LINES + 1) // and that of the SPCR
#define NO_IRQ 0
#define BAUD_DEFAULT 115200
#define RATE(divisor) (UART16550_CLOCK_HZ / UART16550_CLOCKS_PER_BIT / (divisor))
#define DIVISOR_MAX UINT16_MAX
#define INTERRUPT_ROUNDS 64
// What a PC has on ISA interrupts that a serial line cannot have: timer, keyboard, cascade, clock.
#define IRQS_TAKEN (BIT(0) | BIT(1) | BIT(2) | BIT(8))

struct serial_line {
    unsigned choices; // the words after console= that mean this line alone
    bool used;
    bool in_memory;
    uint64_t address;
    bool has_pci;
    struct pci_address pci;
    uint32_t baud; // 0: as the firmware set it
    unsigned irq;  // ISA; NO_IRQ: it is polled
    struct console_output output;
    struct uart16550 *uart;
};

#define UART_PAGES (ALIGN_UP(sizeof(struct uart16550), PAGE_SIZE) / PAGE_SIZE)

static struct uart16550 first_uart; // there is no memory yet when it is needed
static struct serial_line lines[LINES_MAX];
static unsigned line_count;

// ---- Finding them ----

static bool is_known(bool in_memory, uint64_t address, struct serial_line **line)
{
    for (*line = lines; *line < lines + line_count; (*line)++) {
        if ((*line)->in_memory == in_memory && (*line)->address == address) {
            return true;
        }
    }
    return false;
}

// `line` becomes one of `lines` if there is a UART behind `registers`.
static bool add_with(struct serial_line line, struct uart16550 *uart,
                     const struct uart16550_registers *registers, unsigned divisor)
{
    if (!uart16550_init(uart, registers, divisor)) {
        return false;
    }
    line.uart = uart;
    lines[line_count++] = line;
    return true;
}

static bool add(struct serial_line line, const struct uart16550_registers *registers,
                unsigned divisor)
{
    struct uart16550 *uart = frames_allocate(UART_PAGES);
    if (uart == NULL) {
        return false;
    }
    bool added = add_with(line, uart, registers, divisor);
    if (!added) {
        frames_release(uart, UART_PAGES);
    }
    return added;
}

static void add_com(unsigned number)
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
        (void)add_with(line, &first_uart, &registers, RATE(BAUD_DEFAULT));
    } else {
        (void)add(line, &registers, RATE(BAUD_DEFAULT));
    }
}

// False: no page table can hold that address.
static bool registers_at(bool in_memory, uint64_t address, uint8_t stride, uint8_t access_bytes,
                         struct uart16550_registers *registers)
{
    uint64_t bytes = (uint64_t)UART16550_REGISTERS * stride;
    if (!in_memory) {
        *registers = uart16550_at_port((uint16_t)address);
        return true;
    }
    if (address > cpuid_physical_limit() - bytes) {
        return false;
    }
    *registers = uart16550_in_memory(paging_map_device(address, bytes, CACHE_UNCACHED), stride,
                                     access_bytes);
    return true;
}

// True: it is there, and is the `number`th on PCI.
static bool add_pci(const struct pci_serial_port *port, unsigned number)
{
    struct serial_line line = {.choices = CONSOLE_PCI0 << number,
                               .in_memory = port->in_memory,
                               .address = port->address,
                               .has_pci = true,
                               .pci = port->where,
                               .baud = BAUD_DEFAULT};
    struct uart16550_registers registers;
    return registers_at(port->in_memory, port->address, 1, 1, &registers) &&
           add(line, &registers, RATE(BAUD_DEFAULT));
}

static void add_all_pci(void)
{
    struct pci_serial_port port[CONSOLE_PCI_LINES];
    struct pci_serial_ports ports = {.capacity = ARRAY_SIZE(port), .ports = port};
    const struct pci_config *config = pci_config_find();
    unsigned number = 0;
    if (config == NULL) {
        return;
    }
    pci_serial_find(config, &ports);
    for (unsigned i = 0; i < ports.count; i++) {
        struct serial_line *known;
        if (!is_known(port[i].in_memory, port[i].address, &known)) {
            number += add_pci(&port[i], number);
        }
    }
    if (ports.left_over > 0 || ports.unassigned > 0) {
        log_line("serial: %u lines on PCI are too many, %u have no address", ports.left_over,
                 ports.unassigned);
    }
}

// What the SPCR's rate needs; 0: the one that is set. The clock of a chip in memory can be any.
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
    return NO_IRQ;
}

// The firmware's console is mostly one that is known: then the table has its rate.
static void add_spcr(const struct acpi_info *acpi)
{
    const struct acpi_serial *serial = &acpi->serial;
    unsigned divisor = spcr_divisor(serial);
    struct serial_line *known;
    struct uart16550_registers registers;
    if (!serial->present) {
        return;
    }
    if (is_known(serial->in_memory, serial->address, &known)) {
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
        !add(line, &registers, divisor)) {
        log_line("serial: no UART is where the SPCR says, at %#lx", serial->address);
    }
}

void serial_lines_start(void)
{
    add_com(0);
    for (unsigned i = 0; i < line_count; i++) {
        lines[i].used = true;
    }
}

void serial_lines_find(const struct acpi_info *acpi)
{
    for (unsigned number = 1; number < COM_LINES; number++) {
        add_com(number);
    }
    add_all_pci();
    add_spcr(acpi);
}

// ---- Choosing among them ----

static bool is_chosen(const struct serial_line *line, unsigned chosen)
{
    return (chosen & (line->choices | CONSOLE_SERIAL)) != 0 ||
           ((chosen & CONSOLE_PCI) != 0 && line->has_pci);
}

static void write_line(struct serial_line *line, const char *text, size_t length)
{
    uint64_t flags = interrupts_save();
    uart16550_write_sync(line->uart, text, length);
    interrupts_restore(flags);
}

static void show_log(struct serial_line *line)
{
    char text[LOG_LINE_BYTES];
    uint64_t position = 0;
    while (log_next(&position, text, sizeof(text))) {
        write_line(line, text, strlen(text));
        write_line(line, "\r\n", 2);
    }
}

bool serial_lines_choose(unsigned chosen)
{
    bool any = false;
    for (unsigned i = 0; i < line_count; i++) {
        bool before = lines[i].used;
        lines[i].used = is_chosen(&lines[i], chosen);
        if (lines[i].used && !before) {
            show_log(&lines[i]);
        }
        any = any || lines[i].used;
    }
    return any;
}

static size_t describe(const struct serial_line *line, char *text, size_t size)
{
    size_t at =
        format_text(text, size, line->in_memory ? "memory %#lx" : "port %#lx", line->address);
    if (line->has_pci) {
        at += format_text(text + at, size - at, ", PCI %02x:%02x.%x", line->pci.bus,
                          line->pci.device, line->pci.function);
    }
    if (line->choices & CONSOLE_SPCR) {
        at += format_text(text + at, size - at, ", the firmware's console");
    }
    if (line->baud != 0) {
        at += format_text(text + at, size - at, ", %u baud", line->baud);
    }
    if (line->irq != NO_IRQ) {
        return at + format_text(text + at, size - at, ", interrupt %u", line->irq);
    }
    return at + format_text(text + at, size - at, ", polled");
}

static void report_line(const struct serial_line *line)
{
    char text[LOG_LINE_BYTES];
    (void)describe(line, text, sizeof(text));
    log_line("serial: %s (%s)%s", config_console_word(line->choices), text,
             line->used ? "" : ": not chosen");
}

void serial_lines_report(unsigned chosen)
{
    unsigned missing = chosen & ~(unsigned)(CONSOLE_SCREEN | CONSOLE_SERIAL);
    if (line_count == 0) {
        log_line("serial: none");
    }
    for (unsigned i = 0; i < line_count; i++) {
        report_line(&lines[i]);
        missing &= ~lines[i].choices;
        missing &= lines[i].has_pci ? ~(unsigned)CONSOLE_PCI : ~0u;
    }
    for (; missing != 0; missing &= missing - 1) {
        log_line("console=%s: there is no such serial line",
                 config_console_word(missing & -missing));
    }
}

// ---- Before the monitor runs, and when Husk panics ----

// Character by character, so that the lines send at the same time.
void serial_lines_write_directly(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool ends = text[i] == '\n';
        for (unsigned line = 0; line < line_count; line++) {
            if (lines[line].used) {
                write_line(&lines[line], ends ? "\r\n" : &text[i], ends ? 2 : 1);
            }
        }
    }
}

// ---- While the monitor runs ----

static size_t output_write(struct console_output *output, const char *text, size_t length)
{
    struct serial_line *line = container_of(output, struct serial_line, output);
    uint64_t flags = interrupts_save();
    size_t taken = uart16550_write(line->uart, text, length);
    interrupts_restore(flags);
    return taken;
}

static size_t output_room(struct console_output *output)
{
    struct serial_line *line = container_of(output, struct serial_line, output);
    uint64_t flags = interrupts_save();
    size_t room = uart16550_room(line->uart);
    interrupts_restore(flags);
    return room;
}

static bool serve(unsigned irq)
{
    bool served = false;
    for (unsigned i = 0; i < line_count; i++) {
        if (lines[i].used && lines[i].irq == irq) {
            served = uart16550_interrupt(lines[i].uart) || served;
        }
    }
    return served;
}

// Two lines may share an interrupt, which is one edge: the next comes only after both were without.
static void serial_interrupt(struct interrupt_frame *frame)
{
    unsigned irq = (unsigned)(frame->vector - VECTOR_ISA);
    for (unsigned i = 0; i < INTERRUPT_ROUNDS && serve(irq); i++) {
        ;
    }
    apic_eoi();
}

static void route(struct serial_line *line)
{
    if (line->irq == NO_IRQ) {
        return;
    }
    idt_set_handler((uint8_t)(VECTOR_ISA + line->irq), serial_interrupt);
    if (ioapic82093_route_isa(line->irq) == STATUS_OK) {
        uart16550_enable_interrupts(line->uart);
    } else {
        line->irq = NO_IRQ;
        log_line("serial: %s: its interrupt cannot be routed; it is polled",
                 config_console_word(line->choices));
    }
}

static_assert(LINES_MAX < CONSOLE_OUTPUTS_MAX, "and the screen");

void serial_lines_hand_over(struct console *console)
{
    for (unsigned i = 0; i < line_count; i++) {
        if (lines[i].used) {
            route(&lines[i]);
            lines[i].output = (struct console_output){.write = output_write, .room = output_room};
            console_add(console, &lines[i].output);
        }
    }
}

bool serial_lines_are_polled(void)
{
    for (unsigned i = 0; i < line_count; i++) {
        if (lines[i].used && lines[i].irq == NO_IRQ) {
            return true;
        }
    }
    return false;
}

int serial_lines_read(void)
{
    int byte = -1;
    uint64_t flags = interrupts_save();
    for (unsigned i = 0; i < line_count && byte < 0; i++) {
        byte = lines[i].used ? uart16550_read(lines[i].uart) : -1;
    }
    interrupts_restore(flags);
    return byte;
}

void serial_lines_flush(void)
{
    uint64_t flags = interrupts_save();
    for (unsigned i = 0; i < line_count; i++) {
        if (lines[i].used) {
            uart16550_flush(lines[i].uart);
        }
    }
    interrupts_restore(flags);
}
