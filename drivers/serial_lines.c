// SPDX-License-Identifier: MIT
// The serial lines that are used, and all of them as one.
#include "drivers/serial_lines.h"

#include "arch/x86/apic.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/ioapic82093.h"
#include "arch/x86/log.h"
#include "arch/x86/pci.h"
#include "arch/x86/vectors.h"
#include "drivers/serial_probe.h"
#include "drivers/uart16550.h"
#include "vmm/util/console_choice.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"

#define INTERRUPT_ROUNDS 64

static struct serial_line_list list;

void serial_lines_start(void)
{
    serial_probe_com1(&list);
    for (unsigned i = 0; i < list.count; i++) {
        list.lines[i].used = true;
    }
}

void serial_lines_find(const struct acpi_info *acpi, unsigned chosen)
{
    serial_probe_others(&list, acpi, chosen);
}

// ---- Choosing among them ----

static bool is_chosen(const struct serial_line *line, unsigned chosen)
{
    return !line->lent && ((chosen & (line->choices | CONSOLE_SERIAL)) != 0 ||
                           ((chosen & CONSOLE_PCI) != 0 && line->has_pci));
}

static void write_directly(struct serial_line *line, const char *text, size_t length)
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
        write_directly(line, text, strlen(text));
        write_directly(line, "\r\n", 2);
    }
}

bool serial_lines_choose(unsigned chosen)
{
    bool any = false;
    for (unsigned i = 0; i < list.count; i++) {
        bool before = list.lines[i].used;
        list.lines[i].used = is_chosen(&list.lines[i], chosen);
        if (list.lines[i].used && !before) {
            show_log(&list.lines[i]);
        }
        any = any || list.lines[i].used;
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
    if (line->irq != SERIAL_NO_IRQ) {
        at += format_text(text + at, size - at, ", interrupt %u", line->irq);
    } else {
        at += format_text(text + at, size - at, ", polled");
    }
    if (line->uart->lost > 0) {
        at += format_text(text + at, size - at, ", typed too fast and lost: %llu",
                          (unsigned long long)line->uart->lost);
    }
    return at;
}

bool serial_lines_describe(unsigned *next, char *text, size_t size)
{
    char place[LOG_LINE_BYTES / 2];
    if (*next >= list.count) {
        return false;
    }
    const struct serial_line *line = &list.lines[(*next)++];
    (void)describe(line, place, sizeof(place));
    format_text(text, size, "%s (%s)%s", console_choice_word(line->choices), place,
                line->lent   ? ": for gdb"
                : line->used ? ""
                             : ": not chosen");
    return true;
}

void serial_lines_report(unsigned chosen)
{
    char text[LOG_LINE_BYTES];
    unsigned missing = chosen & CONSOLE_CHOICES & ~(unsigned)(CONSOLE_SCREEN | CONSOLE_SERIAL);
    if (list.count == 0) {
        log_line("serial: none");
    }
    for (unsigned next = 0; serial_lines_describe(&next, text, sizeof(text));) {
        log_line("serial: %s", text);
    }
    for (unsigned i = 0; i < list.count; i++) {
        missing &= ~list.lines[i].choices;
        missing &= list.lines[i].has_pci ? ~(unsigned)CONSOLE_PCI : ~0u;
    }
    for (; missing != 0; missing &= missing - 1) {
        log_line("console=%s: there is no such serial line",
                 console_choice_word(missing & -missing));
    }
}

// ---- Lending one ----

struct serial_line *serial_lines_lend(unsigned choice)
{
    for (unsigned i = 0; i < list.count; i++) {
        struct serial_line *line = &list.lines[i];
        if ((line->choices & choice) && !line->lent) {
            line->used = false;
            line->lent = true;
            return line;
        }
    }
    return NULL;
}

void serial_line_take_back(struct serial_line *line)
{
    line->lent = false;
    line->used = true;
}

bool serial_line_is_lent(const struct serial_line *line)
{
    return line->lent;
}

const char *serial_line_word(const struct serial_line *line)
{
    return console_choice_word(line->choices);
}

int serial_line_read(struct serial_line *line)
{
    uint64_t flags = interrupts_save();
    int byte = uart16550_read(line->uart);
    interrupts_restore(flags);
    return byte;
}

bool serial_line_has_input(const struct serial_line *line)
{
    return uart16550_has_input(line->uart);
}

// ---- Before the monitor runs, and when Husk panics ----

// Writes character by character, so that all lines send at the same time.
void serial_lines_write_directly(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool ends = text[i] == '\n';
        for (unsigned line = 0; line < list.count; line++) {
            if (list.lines[line].used) {
                write_directly(&list.lines[line], ends ? "\r\n" : &text[i], ends ? 2 : 1);
            }
        }
    }
}

// ---- While the monitor runs ----

struct serial_line *serial_lines_used(unsigned number)
{
    for (unsigned i = 0; i < list.count; i++) {
        if (list.lines[i].used && number-- == 0) {
            return &list.lines[i];
        }
    }
    return NULL;
}

size_t serial_line_write(struct serial_line *line, const char *text, size_t length)
{
    uint64_t flags = interrupts_save();
    size_t taken = uart16550_write(line->uart, text, length);
    interrupts_restore(flags);
    return taken;
}

size_t serial_line_room(struct serial_line *line)
{
    uint64_t flags = interrupts_save();
    size_t room = uart16550_room(line->uart);
    interrupts_restore(flags);
    return room;
}

static bool is_served(const struct serial_line *line)
{
    return line->used || line->lent;
}

static bool serve(unsigned irq)
{
    bool served = false;
    for (unsigned i = 0; i < list.count; i++) {
        if (is_served(&list.lines[i]) && list.lines[i].irq == irq) {
            served = uart16550_interrupt(list.lines[i].uart) || served;
        }
    }
    return served;
}

// Two lines may share an interrupt, which is one edge. The next edge comes only after both lines
// were without an interrupt.
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
    if (line->irq == SERIAL_NO_IRQ) {
        return;
    }
    interrupt_set_handler((uint8_t)(VECTOR_ISA + line->irq), serial_interrupt);
    if (ioapic82093_route_isa(line->irq) == STATUS_OK) {
        uart16550_enable_interrupts(line->uart);
    } else {
        line->irq = SERIAL_NO_IRQ;
        log_line("serial: %s: its interrupt cannot be routed; it is polled",
                 console_choice_word(line->choices));
    }
}

void serial_lines_start_interrupts(void)
{
    for (unsigned i = 0; i < list.count; i++) {
        if (is_served(&list.lines[i])) {
            route(&list.lines[i]);
        }
    }
}

bool serial_lines_are_polled(void)
{
    for (unsigned i = 0; i < list.count; i++) {
        if (is_served(&list.lines[i]) && list.lines[i].irq == SERIAL_NO_IRQ) {
            return true;
        }
    }
    return false;
}

int serial_lines_read(void)
{
    int byte = -1;
    uint64_t flags = interrupts_save();
    for (unsigned i = 0; i < list.count && byte < 0; i++) {
        byte = list.lines[i].used ? uart16550_read(list.lines[i].uart) : -1;
    }
    interrupts_restore(flags);
    return byte;
}

bool serial_lines_have_input(void)
{
    for (unsigned i = 0; i < list.count; i++) {
        if (list.lines[i].used && uart16550_has_input(list.lines[i].uart)) {
            return true;
        }
    }
    return false;
}

void serial_lines_flush(void)
{
    uint64_t flags = interrupts_save();
    for (unsigned i = 0; i < list.count; i++) {
        if (list.lines[i].used) {
            uart16550_flush(list.lines[i].uart);
        }
    }
    interrupts_restore(flags);
}
