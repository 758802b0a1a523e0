// SPDX-License-Identifier: MIT
// Moves bytes from the other end of the serial line into the UART of a VM's PC, at the line's rate.
#include "vmm/board/pc_serial.h"

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_time.h"
#include "vmm/devices/uart.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

// Whether there is a byte. It is taken from the other end and held, so that it need not be asked
// for again.
static bool has_byte(struct pc *pc)
{
    struct pc_serial *serial = &pc->serial;
    if (!serial->holds) {
        int byte = pc->output->take_byte(pc->output);
        serial->holds = byte >= 0;
        serial->held = (uint8_t)byte;
    }
    return serial->holds;
}

// The guest has read the last batch. Its time on the line counts from now on, so that a guest that
// reads late still has that time for what it does with the bytes.
static void end_batch(struct pc *pc)
{
    struct pc_serial *serial = &pc->serial;
    serial->idle_at_ns = pc_now_ns(pc) + serial->batch * uart_character_ns(&pc->uart);
    serial->batch = 0;
}

void pc_serial_feed(struct pc *pc)
{
    struct pc_serial *serial = &pc->serial;
    unsigned batch = uart_receive_batch(&pc->uart);
    if (batch == 0) {
        return;
    }
    if (serial->batch > 0) {
        end_batch(pc);
    }
    if (!has_byte(pc) || pc_now_ns(pc) < serial->idle_at_ns) {
        return;
    }
    for (; serial->batch < batch && has_byte(pc); serial->batch++) {
        (void)!uart_receive(&pc->uart, serial->held); // there is room
        serial->holds = false;
    }
}

uint64_t pc_serial_event_ns(const struct pc *pc, uint64_t now_ns)
{
    const struct pc_serial *serial = &pc->serial;
    return serial->holds && uart_awaits_byte(&pc->uart) ? MAX(serial->idle_at_ns, now_ns)
                                                        : NEVER_NS;
}
