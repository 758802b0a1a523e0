// SPDX-License-Identifier: MIT
// Text to the first serial port.
#include "guests/lib/print.h"

#include <stdarg.h>

#include "guests/lib/port.h"

// The 16550's registers.
enum uart {
    UART_DATA = 0x3f8,
    UART_INTERRUPT_ENABLE = 0x3f9,
    UART_FIFO_CONTROL = 0x3fa,
    UART_LINE_CONTROL = 0x3fb,
    UART_MODEM_CONTROL = 0x3fc,
    UART_LINE_STATUS = 0x3fd,
};

#define LINE_8N1 0x03
#define LINE_DIVISOR_ACCESS 0x80
#define FIFO_ENABLE_AND_CLEAR 0x07
#define MODEM_DTR_RTS_OUT2 0x0b
#define STATUS_HOLDING_EMPTY BIT(5)
#define STATUS_ALL_SENT BIT(6)

struct number_format {
    unsigned base;
    unsigned width;
    char fill;
};

void print_init(void)
{
    out8(UART_INTERRUPT_ENABLE, 0);
    out8(UART_LINE_CONTROL, LINE_DIVISOR_ACCESS | LINE_8N1);
    out8(UART_DATA, 1); // divisor 1: 115200 baud
    out8(UART_INTERRUPT_ENABLE, 0);
    out8(UART_LINE_CONTROL, LINE_8N1);
    out8(UART_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    out8(UART_MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
}

void print_flush(void)
{
    while ((in8(UART_LINE_STATUS) & STATUS_ALL_SENT) == 0) {
    }
}

static void print_char(char c)
{
    if (c == '\n') {
        print_char('\r');
    }
    while ((in8(UART_LINE_STATUS) & STATUS_HOLDING_EMPTY) == 0) {
    }
    out8(UART_DATA, (uint8_t)c);
}

static void print_text(const char *text)
{
    while (*text != '\0') {
        print_char(*text++);
    }
}

static void print_number(uint64_t value, struct number_format format)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % format.base];
        value /= format.base;
    } while (value != 0);
    for (unsigned i = count; i < format.width; i++) {
        print_char(format.fill);
    }
    while (count > 0) {
        print_char(digits[--count]);
    }
}

// Reads what follows '%': a "0", a width, a length. Returns the conversion character behind them.
static char parse_conversion(const char **format, struct number_format *number, bool *is_long)
{
    const char *at = *format;
    *number = (struct number_format){.base = 10, .width = 0, .fill = ' '};
    *is_long = false;
    if (*at == '0') {
        number->fill = '0';
        at++;
    }
    while (*at >= '0' && *at <= '9') {
        number->width = number->width * 10 + (unsigned)(*at++ - '0');
    }
    while (*at == 'l') {
        *is_long = true;
        at++;
    }
    *format = *at == '\0' ? at : at + 1;
    return *at;
}

static void print_signed(int64_t value, struct number_format format)
{
    if (value < 0) {
        print_char('-');
        print_number(0 - (uint64_t)value, format);
    } else {
        print_number((uint64_t)value, format);
    }
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    while (*format != '\0') {
        if (*format != '%') {
            print_char(*format++);
            continue;
        }
        format++;
        struct number_format number;
        bool is_long;
        const char conversion = parse_conversion(&format, &number, &is_long);
        switch (conversion) {
        case 'c':
            print_char((char)va_arg(arguments, int));
            break;
        case 's':
            print_text(va_arg(arguments, const char *));
            break;
        case 'd':
            print_signed(is_long ? va_arg(arguments, int64_t) : va_arg(arguments, int), number);
            break;
        case 'x':
            number.base = 16;
            print_number(is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
                         number);
            break;
        case 'u':
            print_number(is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
                         number);
            break;
        default:
            print_char(conversion);
        }
    }
    va_end(arguments);
}
