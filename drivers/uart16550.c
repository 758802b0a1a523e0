// SPDX-License-Identifier: MIT
// The 16550 UART (National PC16550D data sheet): rings in both directions, emptied and filled by
// interrupts or, until these are routed, by polling.
#include "drivers/uart16550.h"
#include "arch/x86/instructions.h"
#include "arch/x86/io.h"

// Registers, as offsets of the port.
#define DATA 0
#define DIVISOR_LOW 0 // with LCR_DIVISOR
#define INTERRUPT_ENABLE 1
#define DIVISOR_HIGH 1 // with LCR_DIVISOR
#define INTERRUPT_ID 2
#define FIFO_CONTROL 2
#define LINE_CONTROL 3
#define MODEM_CONTROL 4
#define LINE_STATUS 5
#define MODEM_STATUS 6
#define SCRATCH 7

#define IER_RECEIVED BIT(0)
#define IER_ROOM BIT(1)
#define IER_LINE_STATUS BIT(2)
#define IIR_NOTHING BIT(0)
#define IIR_FIFO 0xc0
#define FCR_ENABLE_AND_CLEAR 0x07
#define FCR_TRIGGER_8 0x80 // 8 characters more may come before the handler runs: 0.7 ms
#define LCR_8N1 0x03
#define LCR_DIVISOR BIT(7)
#define MCR_READY 0x03  // DTR, RTS
#define MCR_OUT2 BIT(3) // on a PC, lets the interrupt through
#define MCR_LOOPBACK BIT(4)
#define LSR_RECEIVED BIT(0)
#define LSR_OVERRUN BIT(1)
#define LSR_ROOM BIT(5)
#define LSR_EMPTY BIT(6)

#define DIVISOR_115200 1
#define FIFO_CHARACTERS 16
#define PROBE_A 0x5a
#define PROBE_B 0xa5
// A character takes 87 us, a port read at least a tenth of one.
#define WAIT_READS 200000
#define INTERRUPT_ROUNDS 64

#define RECEIVE_BYTES 4096
#define SEND_BYTES 16384

static_assert((RECEIVE_BYTES & (RECEIVE_BYTES - 1)) == 0, "indexes wrap by themselves");
static_assert((SEND_BYTES & (SEND_BYTES - 1)) == 0, "indexes wrap by themselves");

// Heads and tails run freely; head - tail is what a ring holds.
struct uart16550 {
    uint16_t port; // 0: there is none
    unsigned fifo_characters;
    uint8_t interrupts;   // what INTERRUPT_ENABLE holds
    bool interrupts_come; // else reading polls
    bool stuck;           // it did not send for long: nobody waits for it again until it does
    uint64_t lost;
    uint32_t receive_head;
    uint32_t receive_tail;
    uint32_t send_head;
    uint32_t send_tail;
    uint8_t receive[RECEIVE_BYTES];
    char send[SEND_BYTES];
};

static struct uart16550 console;

static uint8_t get(const struct uart16550 *uart, uint16_t which)
{
    return inb(uart->port + which);
}

static void put(const struct uart16550 *uart, uint16_t which, uint8_t value)
{
    outb(uart->port + which, value);
}

static bool wait_for(const struct uart16550 *uart, uint8_t bits)
{
    for (unsigned i = 0; i < WAIT_READS; i++) {
        if ((get(uart, LINE_STATUS) & bits) == bits) {
            return true;
        }
    }
    return false;
}

// A missing port reads all ones, or whatever was last on the bus.
static bool has_scratch(const struct uart16550 *uart)
{
    put(uart, SCRATCH, PROBE_A);
    if (get(uart, SCRATCH) != PROBE_A) {
        return false;
    }
    put(uart, SCRATCH, PROBE_B);
    return get(uart, SCRATCH) == PROBE_B;
}

static bool loops_back(const struct uart16550 *uart)
{
    put(uart, MODEM_CONTROL, MCR_READY | MCR_LOOPBACK);
    put(uart, DATA, PROBE_A);
    bool came = wait_for(uart, LSR_RECEIVED) && get(uart, DATA) == PROBE_A;
    put(uart, MODEM_CONTROL, MCR_READY | MCR_OUT2);
    return came;
}

static bool set_up(struct uart16550 *uart)
{
    if (!has_scratch(uart)) {
        return false;
    }
    wait_for(uart, LSR_EMPTY); // what the boot loader printed last
    put(uart, LINE_CONTROL, LCR_DIVISOR);
    put(uart, DIVISOR_LOW, DIVISOR_115200);
    put(uart, DIVISOR_HIGH, 0);
    put(uart, LINE_CONTROL, LCR_8N1);
    put(uart, INTERRUPT_ENABLE, 0);
    put(uart, FIFO_CONTROL, FCR_ENABLE_AND_CLEAR | FCR_TRIGGER_8);
    if (!loops_back(uart)) {
        return false;
    }
    bool has_fifo = (get(uart, INTERRUPT_ID) & IIR_FIFO) == IIR_FIFO;
    uart->fifo_characters = has_fifo ? FIFO_CHARACTERS : 1;
    put(uart, FIFO_CONTROL, FCR_ENABLE_AND_CLEAR | FCR_TRIGGER_8);
    uart->interrupts = IER_RECEIVED | IER_LINE_STATUS;
    put(uart, INTERRUPT_ENABLE, uart->interrupts);
    return true;
}

bool uart16550_init(uint16_t port)
{
    console = (struct uart16550){.port = port};
    if (!set_up(&console)) {
        console.port = 0;
    }
    return console.port != 0;
}

bool uart16550_present(void)
{
    return console.port != 0;
}

static void receive_all(struct uart16550 *uart)
{
    for (unsigned i = 0; i < RECEIVE_BYTES; i++) {
        uint8_t status = get(uart, LINE_STATUS);
        if (status & LSR_OVERRUN) {
            uart->lost++;
        }
        if ((status & LSR_RECEIVED) == 0) {
            return;
        }
        uint8_t byte = get(uart, DATA);
        if (uart->receive_head - uart->receive_tail == RECEIVE_BYTES) {
            uart->lost++;
        } else {
            uart->receive[uart->receive_head++ % RECEIVE_BYTES] = byte;
        }
    }
}

static void enable_room_interrupt(struct uart16550 *uart, bool wanted)
{
    uint8_t interrupts = uart->interrupts;
    interrupts = (uint8_t)(wanted ? interrupts | IER_ROOM : interrupts & ~IER_ROOM);
    if (interrupts == uart->interrupts) {
        return;
    }
    uart->interrupts = interrupts;
    put(uart, INTERRUPT_ENABLE, interrupts);
}

// LSR_ROOM means that the whole FIFO is empty.
static void send_some(struct uart16550 *uart)
{
    if (uart->send_head != uart->send_tail && (get(uart, LINE_STATUS) & LSR_ROOM) != 0) {
        uart->stuck = false;
        for (unsigned i = 0; i < uart->fifo_characters && uart->send_head != uart->send_tail; i++) {
            put(uart, DATA, (uint8_t)uart->send[uart->send_tail++ % SEND_BYTES]);
        }
    }
    enable_room_interrupt(uart, uart->send_head != uart->send_tail);
}

static void service(struct uart16550 *uart)
{
    for (unsigned i = 0; i < INTERRUPT_ROUNDS; i++) {
        receive_all(uart);
        send_some(uart);
        get(uart, MODEM_STATUS); // ends that interrupt, should it be on
        if (get(uart, INTERRUPT_ID) & IIR_NOTHING) {
            return;
        }
    }
}

void uart16550_interrupt(void)
{
    if (console.port == 0) {
        return;
    }
    uint64_t flags = interrupts_save();
    console.interrupts_come = true;
    service(&console);
    interrupts_restore(flags);
}

size_t uart16550_room(void)
{
    return console.port != 0 ? SEND_BYTES - (console.send_head - console.send_tail) : 0;
}

size_t uart16550_write(const char *text, size_t length)
{
    size_t taken = 0;
    if (console.port == 0) {
        return 0;
    }
    uint64_t flags = interrupts_save();
    for (size_t room = uart16550_room(); taken < MIN(length, room); taken++) {
        console.send[console.send_head++ % SEND_BYTES] = text[taken];
    }
    send_some(&console);
    interrupts_restore(flags);
    return taken;
}

int uart16550_read(void)
{
    int byte = -1;
    if (console.port == 0) {
        return -1;
    }
    uint64_t flags = interrupts_save();
    if (!console.interrupts_come) {
        service(&console);
    }
    if (console.receive_head != console.receive_tail) {
        byte = console.receive[console.receive_tail++ % RECEIVE_BYTES];
    }
    interrupts_restore(flags);
    return byte;
}

static void send_waiting(struct uart16550 *uart, char character)
{
    if (!uart->stuck) {
        uart->stuck = !wait_for(uart, LSR_ROOM);
    } else if (get(uart, LINE_STATUS) & LSR_ROOM) {
        uart->stuck = false;
    }
    if (!uart->stuck) {
        put(uart, DATA, (uint8_t)character);
    }
}

static void drain(struct uart16550 *uart)
{
    while (uart->send_head != uart->send_tail) {
        send_waiting(uart, uart->send[uart->send_tail++ % SEND_BYTES]);
    }
}

void uart16550_write_sync(const char *text, size_t length)
{
    if (console.port == 0) {
        return;
    }
    uint64_t flags = interrupts_save();
    drain(&console);
    for (size_t i = 0; i < length; i++) {
        send_waiting(&console, text[i]);
    }
    interrupts_restore(flags);
}

void uart16550_flush(void)
{
    uart16550_write_sync("", 0);
    if (console.port != 0 && !console.stuck) {
        wait_for(&console, LSR_EMPTY);
    }
}

uint64_t uart16550_lost(void)
{
    return console.lost;
}
