// SPDX-License-Identifier: MIT
// Moves bytes from the other end of the serial line into the UART of a VM's PC.
#include "vmm/board/pc_serial.h"

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/devices/uart.h"
#include "vmm/util/types.h"

void pc_serial_feed(struct pc *pc)
{
    int byte = 0;
    while (byte >= 0 && uart_receive_room(&pc->uart) > 0) {
        byte = pc->output->take_byte(pc->output);
        if (byte >= 0) {
            (void)!uart_receive(&pc->uart, (uint8_t)byte); // there is room
        }
    }
}
