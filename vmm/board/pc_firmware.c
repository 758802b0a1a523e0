// SPDX-License-Identifier: MIT
// Programs the chips of a PC as its firmware does before it starts an operating system.
#include "vmm/board/pc_firmware.h"

#include "vmm/board/pc.h"
#include "vmm/board/pc_time.h"
#include "vmm/board/pci_bus.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pic.h"
#include "vmm/devices/pit.h"
#include "vmm/util/types.h"

enum pic_port { PIC_COMMAND, PIC_DATA };

// The vectors of the first IBM PC and AT. The timer, the keyboard and the second chip are heard.
static const struct {
    enum pic_which chip;
    enum pic_port port;
    uint8_t value;
} pic_writes[] = {
    {PIC_MASTER, PIC_COMMAND, 0x11}, // ICW1: edges, two chips, with ICW4
    {PIC_MASTER, PIC_DATA, 0x08},    // ICW2: the vector of input 0
    {PIC_MASTER, PIC_DATA, 0x04},    // ICW3: the other chip is at input 2
    {PIC_MASTER, PIC_DATA, 0x01},    // ICW4: 8086
    {PIC_SLAVE, PIC_COMMAND, 0x11},  {PIC_SLAVE, PIC_DATA, 0x70},  {PIC_SLAVE, PIC_DATA, 0x02},
    {PIC_SLAVE, PIC_DATA, 0x01},     {PIC_MASTER, PIC_DATA, 0xf8}, {PIC_SLAVE, PIC_DATA, 0xff},
};

// Inputs 9 (the SCI), 10 and 11 (PCI) are levels.
#define LEVEL_INPUTS_SLAVE 0x0e

// Counter 0 makes 18.2 interrupts a second, counter 1 once asked the memory for its refresh.
static const struct {
    uint8_t port;
    uint8_t value;
} pit_writes[] = {{3, 0x36}, {0, 0}, {0, 0}, {3, 0x54}, {1, 18}};

// The 8259s come last: their initialisation forgets the edge that the control word made.
void pc_firmware_program(struct pc *pc, unsigned vcpus)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pit_writes); i++) {
        pit_write(&pc->pit, pit_writes[i].port, pit_writes[i].value, pc_now_ns(pc));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(pic_writes); i++) {
        pic_write(&pc->pic, pic_writes[i].chip, pic_writes[i].port, pic_writes[i].value);
    }
    pic_elcr_write(&pc->pic, PIC_SLAVE, LEVEL_INPUTS_SLAVE);
    pci_bus_program(&pc->pci);
    ioapic_set_id(&pc->ioapic, ioapic_id_beside(vcpus));
}
