// SPDX-License-Identifier: MIT
// The model of a 16550A UART: registers, both FIFOs, interrupt priorities, loopback.
#include "vmm/devices/uart.h"

#include "vmm/devices/device.h"
#include "vmm/util/types.h"

enum uart_offset {
    UART_DATA, // RBR when read, THR when written; DLL with DLAB
    UART_IER,  // DLM with DLAB
    UART_IIR,  // FCR when written
    UART_LCR,
    UART_MCR,
    UART_LSR,
    UART_MSR,
    UART_SCR,
};

enum uart_bits {
    IER_RECEIVE = BIT(0),
    IER_TRANSMIT = BIT(1),
    IER_LINE_STATUS = BIT(2),
    IER_MODEM_STATUS = BIT(3),
    IER_MASK = 0x0f,

    IIR_MODEM_STATUS = 0x00,
    IIR_NONE = 0x01,
    IIR_TRANSMIT = 0x02,
    IIR_RECEIVE = 0x04,
    IIR_LINE_STATUS = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = BIT(0),
    FCR_CLEAR_RECEIVE = BIT(1),
    FCR_KEPT = 0xc9, // the clear bits read 0
    FCR_TRIGGER_SHIFT = 6,

    LCR_DATA_BITS = 0x03, // less 5
    LCR_STOP_BITS = BIT(2),
    LCR_PARITY = BIT(3),
    LCR_DLAB = BIT(7),

    MCR_DTR = BIT(0),
    MCR_RTS = BIT(1),
    MCR_OUT1 = BIT(2),
    MCR_OUT2 = BIT(3),
    MCR_LOOP = BIT(4),
    MCR_MASK = 0x1f,

    LSR_DATA_READY = BIT(0),
    LSR_OVERRUN = BIT(1),
    LSR_THRE = BIT(5),
    LSR_TEMT = BIT(6),

    MSR_DELTAS = 0x0f,
    MSR_DELTA_RI = BIT(2), // trailing edge only
    MSR_CTS = BIT(4),
    MSR_DSR = BIT(5),
    MSR_RI = BIT(6),
    MSR_DCD = BIT(7),
    // The other end is always there and ready.
    MSR_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD,
};

static const uint8_t trigger_levels[] = {1, 4, 8, 14};

#define BAUD_MAX 115200 // divisor 1: 1.8432 MHz / 16
// 9600 baud, as a PC's firmware leaves it.
#define DIVISOR_RESET 12

static void fifo_push(struct uart_fifo *fifo, uint8_t byte)
{
    fifo->bytes[(fifo->head + fifo->count) % UART_FIFO_BYTES] = byte;
    fifo->count++;
}

static uint8_t fifo_pop(struct uart_fifo *fifo)
{
    uint8_t byte = fifo->bytes[fifo->head];
    fifo->head = (fifo->head + 1) % UART_FIFO_BYTES;
    fifo->count--;
    return byte;
}

static void fifo_clear(struct uart_fifo *fifo)
{
    fifo->head = 0;
    fifo->count = 0;
}

static unsigned receive_capacity(const struct uart *uart)
{
    return uart->fcr & FCR_ENABLE ? UART_FIFO_BYTES : 1;
}

static unsigned trigger_level(const struct uart *uart)
{
    return uart->fcr & FCR_ENABLE ? trigger_levels[uart->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

// Four character times without a further byte pass at once.
static unsigned receive_interrupt(const struct uart *uart)
{
    if (uart->receive.count == 0) {
        return IIR_NONE;
    }
    return uart->receive.count >= trigger_level(uart) ? IIR_RECEIVE : IIR_TIMEOUT;
}

// The ID of the most urgent pending interrupt (data sheet, table 4), without the FIFO bits.
static unsigned interrupt_id(const struct uart *uart)
{
    if ((uart->ier & IER_LINE_STATUS) && uart->overrun) {
        return IIR_LINE_STATUS;
    }
    if ((uart->ier & IER_RECEIVE) && uart->receive.count != 0) {
        return receive_interrupt(uart);
    }
    if ((uart->ier & IER_TRANSMIT) && uart->transmitter_emptied) {
        return IIR_TRANSMIT;
    }
    if ((uart->ier & IER_MODEM_STATUS) && (uart->msr & MSR_DELTAS)) {
        return IIR_MODEM_STATUS;
    }
    return IIR_NONE;
}

// INTR is wired to the bus, as on boards without the gate that OUT2 opened on the first PCs.
static void update_line(struct uart *uart)
{
    bool level = interrupt_id(uart) != IIR_NONE;
    if (level == uart->line_level) {
        return;
    }
    uart->line_level = level;
    irq_line_set(uart->line, level);
}

// A byte in loopback cannot be refused. An overrun loses it, as in the data sheet (8.6.3).
static void loop_back(struct uart *uart, uint8_t byte)
{
    if (uart->receive.count < receive_capacity(uart)) {
        fifo_push(&uart->receive, byte);
        return;
    }
    uart->overrun = true;
    if (!(uart->fcr & FCR_ENABLE)) {
        uart->receive.bytes[uart->receive.head] = byte;
    }
}

static void drain(struct uart *uart)
{
    while (uart->transmit.count != 0) {
        if (!byte_sink_put(uart->sink, uart->transmit.bytes[uart->transmit.head])) {
            return;
        }
        fifo_pop(&uart->transmit);
    }
    uart->transmitter_emptied = true;
}

static void transmit(struct uart *uart, uint8_t byte)
{
    uart->transmitter_emptied = false;
    update_line(uart); // an edge-triggered 8259 must see the request fall before it rises again
    if (uart->mcr & MCR_LOOP) {
        loop_back(uart, byte);
        uart->transmitter_emptied = uart->transmit.count == 0;
    } else {
        if (uart->transmit.count < UART_FIFO_BYTES) {
            fifo_push(&uart->transmit, byte);
        }
        drain(uart);
    }
}

static uint8_t read_data(struct uart *uart)
{
    return uart->receive.count != 0 ? fifo_pop(&uart->receive) : 0;
}

static uint8_t read_iir(struct uart *uart)
{
    unsigned id = interrupt_id(uart);
    if (id == IIR_TRANSMIT) {
        uart->transmitter_emptied = false;
    }
    return (uint8_t)(id | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static uint8_t read_lsr(struct uart *uart)
{
    unsigned lsr = uart->receive.count != 0 ? LSR_DATA_READY : 0;
    if (uart->overrun) {
        lsr |= LSR_OVERRUN;
    }
    if (uart->transmit.count == 0) {
        lsr |= LSR_THRE | LSR_TEMT;
    }
    uart->overrun = false;
    return (uint8_t)lsr;
}

static uint8_t read_msr(struct uart *uart)
{
    uint8_t msr = uart->msr;
    uart->msr &= (uint8_t)~MSR_DELTAS;
    return msr;
}

static void write_ier(struct uart *uart, uint8_t value)
{
    bool enabled = (value & ~uart->ier & IER_TRANSMIT) != 0;
    uart->ier = value & IER_MASK;
    // Enabling the interrupt while the transmitter is empty raises it.
    if (enabled && uart->transmit.count == 0) {
        uart->transmitter_emptied = true;
    }
}

// Clearing the transmit FIFO discards nothing. Bytes that still wait for the sink would have left a
// real UART long ago, and a driver clears both FIFOs when it takes over from the firmware.
static void write_fcr(struct uart *uart, uint8_t value)
{
    bool toggled = ((value ^ uart->fcr) & FCR_ENABLE) != 0;
    if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RECEIVE))) {
        fifo_clear(&uart->receive);
    }
    // The other bits count only together with the enable bit.
    uart->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
}

static unsigned modem_inputs(const struct uart *uart)
{
    if (!(uart->mcr & MCR_LOOP)) {
        return MSR_CONNECTED;
    }
    return (uart->mcr & MCR_RTS ? MSR_CTS : 0U) | (uart->mcr & MCR_DTR ? MSR_DSR : 0U) |
           (uart->mcr & MCR_OUT1 ? MSR_RI : 0U) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0U);
}

static void write_mcr(struct uart *uart, uint8_t value)
{
    uart->mcr = value & MCR_MASK;

    unsigned inputs = modem_inputs(uart);
    unsigned changed = ((uart->msr ^ inputs) & ~(unsigned)MSR_DELTAS) >> 4;
    if (inputs & MSR_RI) {
        changed &= ~(unsigned)MSR_DELTA_RI;
    }
    uart->msr = (uint8_t)(inputs | (uart->msr & MSR_DELTAS) | changed);
}

static uint8_t read_register(struct uart *uart, unsigned offset)
{
    switch (offset) {
    case UART_DATA:
        return uart->lcr & LCR_DLAB ? uart->divisor[0] : read_data(uart);
    case UART_IER:
        return uart->lcr & LCR_DLAB ? uart->divisor[1] : uart->ier;
    case UART_IIR:
        return read_iir(uart);
    case UART_LCR:
        return uart->lcr;
    case UART_MCR:
        return uart->mcr;
    case UART_LSR:
        return read_lsr(uart);
    case UART_MSR:
        return read_msr(uart);
    case UART_SCR:
        return uart->scr;
    default:
        return 0xff;
    }
}

uint8_t uart_read(struct uart *uart, unsigned offset)
{
    uint8_t value = read_register(uart, offset);
    update_line(uart);
    return value;
}

static void write_divided(struct uart *uart, unsigned offset, uint8_t value)
{
    if (uart->lcr & LCR_DLAB) {
        uart->divisor[offset] = value;
    } else if (offset == UART_DATA) {
        transmit(uart, value);
    } else {
        write_ier(uart, value);
    }
}

void uart_write(struct uart *uart, unsigned offset, uint8_t value)
{
    switch (offset) {
    case UART_DATA:
    case UART_IER:
        write_divided(uart, offset, value);
        break;
    case UART_IIR:
        write_fcr(uart, value);
        break;
    case UART_LCR:
        uart->lcr = value;
        break;
    case UART_MCR:
        write_mcr(uart, value);
        break;
    case UART_SCR:
        uart->scr = value;
        break;
    default:
        return; // writes to LSR and MSR are for factory tests
    }
    update_line(uart);
}

bool uart_receive(struct uart *uart, uint8_t byte)
{
    if (uart_receive_room(uart) == 0) {
        return false;
    }
    fifo_push(&uart->receive, byte);
    update_line(uart);
    return true;
}

unsigned uart_receive_room(const struct uart *uart)
{
    unsigned capacity = receive_capacity(uart);
    if ((uart->mcr & MCR_LOOP) || uart->receive.count >= capacity) {
        return 0;
    }
    return capacity - uart->receive.count;
}

unsigned uart_receive_batch(const struct uart *uart)
{
    return uart->receive.count == 0 && !(uart->mcr & MCR_LOOP) ? trigger_level(uart) : 0;
}

bool uart_awaits_byte(const struct uart *uart)
{
    return (uart->ier & IER_RECEIVE) && uart_receive_batch(uart) > 0;
}

uint64_t uart_character_ns(const struct uart *uart)
{
    unsigned divisor = uart->divisor[0] | uart->divisor[1] << 8;
    unsigned start_bits = 1;
    unsigned data_bits = 5 + (uart->lcr & LCR_DATA_BITS);
    unsigned parity_bits = uart->lcr & LCR_PARITY ? 1 : 0;
    unsigned stop_bits = uart->lcr & LCR_STOP_BITS ? 2 : 1;
    return NS_PER_S * (start_bits + data_bits + parity_bits + stop_bits) * MAX(divisor, 1U) /
           BAUD_MAX;
}

void uart_output_ready(struct uart *uart)
{
    if (!uart_output_waiting(uart)) {
        return;
    }
    drain(uart);
    update_line(uart);
}

void uart_reset(struct uart *uart)
{
    fifo_clear(&uart->receive);
    fifo_clear(&uart->transmit);
    uart->ier = 0;
    uart->fcr = 0;
    uart->lcr = 0;
    uart->mcr = 0;
    uart->msr = MSR_CONNECTED;
    uart->scr = 0;
    uart->divisor[0] = DIVISOR_RESET;
    uart->divisor[1] = 0;
    uart->overrun = false;
    uart->transmitter_emptied = false;
    update_line(uart);
}

void uart_init(struct uart *uart, struct irq_line *line, struct byte_sink *sink)
{
    *uart = (struct uart){.line = line, .sink = sink};
    uart_reset(uart);
}
