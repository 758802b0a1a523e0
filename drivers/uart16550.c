// SPDX-License-Identifier: MIT
// The 16550 UART (National PC16550D data sheet). It has a ring in each direction; interrupts or
// polling empty and fill them.
#include "drivers/uart16550.h"
#include "vmm/util/string.h"

// Registers.
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
#define FCR_TRIGGER_1 0x00 // leaves room for 15 more characters (1.3 ms) until the handler runs
#define LCR_8N1 0x03
#define LCR_DIVISOR BIT(7)
#define MCR_READY 0x03  // DTR, RTS
#define MCR_OUT2 BIT(3) // on a PC it enables the interrupt's output
#define MCR_LOOPBACK BIT(4)
#define LSR_RECEIVED BIT(0)
#define LSR_OVERRUN BIT(1)
#define LSR_ROOM BIT(5)
#define LSR_EMPTY BIT(6)

#define DIVISOR_DEFAULT 1
#define FIFO_CHARACTERS 16
#define NOBODY 0xff // what no line status is
#define PROBE_A 0x5a
#define PROBE_B 0xa5
// A character takes 87 us for each unit of the divisor, so a full FIFO takes 1.5 ms for each. A
// port read takes at least a tenth of a microsecond.
#define WAIT_READS_MIN 200000
#define WAIT_READS_PER_DIVISOR 20000
#define INTERRUPT_ROUNDS 8

#define RECEIVE_BYTES UART16550_RECEIVE_BYTES
#define SEND_BYTES UART16550_SEND_BYTES

static_assert((RECEIVE_BYTES & (RECEIVE_BYTES - 1)) == 0, "indexes wrap by themselves");
static_assert((SEND_BYTES & (SEND_BYTES - 1)) == 0, "indexes wrap by themselves");

static uint8_t get(const struct uart16550 *uart, unsigned which)
{
    return uart->registers.read(&uart->registers, which);
}

static void put(const struct uart16550 *uart, unsigned which, uint8_t value)
{
    uart->registers.write(&uart->registers, which, value);
}

static bool wait_for(const struct uart16550 *uart, uint8_t bits)
{
    uint64_t reads = MAX(WAIT_READS_MIN, (uint64_t)WAIT_READS_PER_DIVISOR * uart->divisor);
    for (uint64_t i = 0; i < reads; i++) {
        if ((get(uart, LINE_STATUS) & bits) == bits) {
            return true;
        }
    }
    return false;
}

// A missing port reads as all ones, or as the last value on the bus.
static bool has_scratch(const struct uart16550 *uart)
{
    put(uart, SCRATCH, PROBE_A);
    if (get(uart, SCRATCH) != PROBE_A) {
        return false;
    }
    put(uart, SCRATCH, PROBE_B);
    return get(uart, SCRATCH) == PROBE_B;
}

// What the far end has sent meanwhile comes before it.
static bool loops_back(const struct uart16550 *uart)
{
    put(uart, MODEM_CONTROL, MCR_READY | MCR_LOOPBACK);
    put(uart, DATA, PROBE_A);
    bool came = false;
    for (unsigned i = 0; !came && i <= FIFO_CHARACTERS && wait_for(uart, LSR_RECEIVED); i++) {
        came = get(uart, DATA) == PROBE_A;
    }
    put(uart, MODEM_CONTROL, MCR_READY);
    return came;
}

// Writes the divisor. 0: reads the one that is set; if that is none, sets one.
static void set_divisor(struct uart16550 *uart, unsigned divisor)
{
    put(uart, LINE_CONTROL, LCR_DIVISOR | LCR_8N1);
    if (divisor == 0) {
        divisor = get(uart, DIVISOR_LOW) | (unsigned)get(uart, DIVISOR_HIGH) << 8;
    }
    uart->divisor = divisor != 0 ? divisor : DIVISOR_DEFAULT;
    put(uart, DIVISOR_LOW, (uint8_t)uart->divisor);
    put(uart, DIVISOR_HIGH, (uint8_t)(uart->divisor >> 8));
    put(uart, LINE_CONTROL, LCR_8N1);
}

static bool set_up(struct uart16550 *uart, unsigned divisor, bool unprobed)
{
    if (unprobed ? get(uart, LINE_STATUS) == NOBODY : !has_scratch(uart)) {
        return false;
    }
    wait_for(uart, LSR_EMPTY); // the boot loader's last characters
    set_divisor(uart, divisor);
    put(uart, INTERRUPT_ENABLE, 0);
    put(uart, FIFO_CONTROL, FCR_ENABLE_AND_CLEAR | FCR_TRIGGER_1);
    put(uart, MODEM_CONTROL, MCR_READY);
    uart->silent = !unprobed && !loops_back(uart);
    if (uart->silent) {
        return false;
    }
    bool has_fifo = (get(uart, INTERRUPT_ID) & IIR_FIFO) == IIR_FIFO;
    uart->fifo_characters = has_fifo ? FIFO_CHARACTERS : 1;
    put(uart, FIFO_CONTROL, FCR_ENABLE_AND_CLEAR | FCR_TRIGGER_1);
    return true;
}

bool uart16550_init(struct uart16550 *uart, const struct uart16550_registers *registers,
                    unsigned divisor, bool unprobed)
{
    memset(uart, 0, sizeof(*uart));
    uart->registers = *registers;
    uart->present = set_up(uart, divisor, unprobed);
    return uart->present;
}

void uart16550_set_divisor(struct uart16550 *uart, unsigned divisor)
{
    if (uart->present && divisor != uart->divisor) {
        uart16550_flush(uart);
        set_divisor(uart, divisor);
    }
}

void uart16550_enable_interrupts(struct uart16550 *uart)
{
    if (uart->present) {
        put(uart, MODEM_CONTROL, MCR_READY | MCR_OUT2);
        uart->interrupts = IER_RECEIVED | IER_LINE_STATUS;
        put(uart, INTERRUPT_ENABLE, uart->interrupts);
    }
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
    if (uart->interrupts == 0 || interrupts == uart->interrupts) {
        return;
    }
    uart->interrupts = interrupts;
    put(uart, INTERRUPT_ENABLE, interrupts);
}

// LSR_ROOM: the whole FIFO is empty.
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

// Reading INTERRUPT_ID ends the interrupt for room, whether something was sent or not. Setting its
// enable bit anew asks for another one if there is room.
static void ask_again_for_room(struct uart16550 *uart)
{
    if (uart->interrupts & IER_ROOM) {
        put(uart, INTERRUPT_ENABLE, (uint8_t)(uart->interrupts & ~IER_ROOM));
        put(uart, INTERRUPT_ENABLE, uart->interrupts);
    }
}

static void service(struct uart16550 *uart)
{
    for (unsigned i = 0; i < INTERRUPT_ROUNDS; i++) {
        receive_all(uart);
        send_some(uart);
        get(uart, MODEM_STATUS); // ends the modem interrupt if it is on
        if (get(uart, INTERRUPT_ID) & IIR_NOTHING) {
            break;
        }
    }
    ask_again_for_room(uart);
}

bool uart16550_interrupt(struct uart16550 *uart)
{
    if (!uart->present || (get(uart, INTERRUPT_ID) & IIR_NOTHING) != 0) {
        return false;
    }
    uart->interrupts_come = true;
    service(uart);
    return true;
}

// Without interrupts nothing else sends the text of a line, so asking for room sends too.
size_t uart16550_room(struct uart16550 *uart)
{
    if (!uart->present) {
        return 0;
    }
    if (!uart->interrupts_come) {
        send_some(uart);
    }
    return SEND_BYTES - (uart->send_head - uart->send_tail);
}

size_t uart16550_write(struct uart16550 *uart, const char *text, size_t length)
{
    size_t taken = 0;
    for (size_t room = uart16550_room(uart); taken < MIN(length, room); taken++) {
        uart->send[uart->send_head++ % SEND_BYTES] = text[taken];
    }
    if (taken > 0) {
        send_some(uart);
    }
    return taken;
}

int uart16550_read(struct uart16550 *uart)
{
    if (!uart->present) {
        return -1;
    }
    if (!uart->interrupts_come) {
        service(uart);
    }
    if (uart->receive_head == uart->receive_tail) {
        return -1;
    }
    return uart->receive[uart->receive_tail++ % RECEIVE_BYTES];
}

bool uart16550_has_input(const struct uart16550 *uart)
{
    return uart->receive_head != uart->receive_tail;
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

void uart16550_write_sync(struct uart16550 *uart, const char *text, size_t length)
{
    if (!uart->present) {
        return;
    }
    drain(uart);
    for (size_t i = 0; i < length; i++) {
        send_waiting(uart, text[i]);
    }
}

void uart16550_flush(struct uart16550 *uart)
{
    uart16550_write_sync(uart, "", 0);
    if (uart->present && !uart->stuck) {
        wait_for(uart, LSR_EMPTY);
    }
}
