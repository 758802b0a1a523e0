// SPDX-License-Identifier: MIT
// The two 8259 interrupt controllers.
#include "guests/lib/pic.h"

#include "guests/lib/port.h"

#define ICW1_INIT_WITH_ICW4 0x11
#define ICW3_SLAVE_AT_2 0x04
#define ICW3_SLAVE_ID 0x02
#define ICW4_8086 0x01
#define OCW2_END_OF_INTERRUPT 0x20
#define CASCADE_IRQ 2

void pic_mask_all(void)
{
    out8(PIC_MASTER_DATA, 0xff);
    out8(PIC_SLAVE_DATA, 0xff);
}

void pic_init(void)
{
    out8(PIC_MASTER_COMMAND, ICW1_INIT_WITH_ICW4);
    out8(PIC_SLAVE_COMMAND, ICW1_INIT_WITH_ICW4);
    out8(PIC_MASTER_DATA, PIC_VECTOR);
    out8(PIC_SLAVE_DATA, PIC_VECTOR + 8);
    out8(PIC_MASTER_DATA, ICW3_SLAVE_AT_2);
    out8(PIC_SLAVE_DATA, ICW3_SLAVE_ID);
    out8(PIC_MASTER_DATA, ICW4_8086);
    out8(PIC_SLAVE_DATA, ICW4_8086);
    pic_mask_all();
}

void pic_unmask(unsigned irq)
{
    if (irq >= 8) {
        out8(PIC_SLAVE_DATA, (uint8_t)(in8(PIC_SLAVE_DATA) & ~BIT(irq - 8)));
        irq = CASCADE_IRQ;
    }
    out8(PIC_MASTER_DATA, (uint8_t)(in8(PIC_MASTER_DATA) & ~BIT(irq)));
}

void pic_end_of_interrupt(unsigned irq)
{
    if (irq >= 8) {
        out8(PIC_SLAVE_COMMAND, OCW2_END_OF_INTERRUPT);
    }
    out8(PIC_MASTER_COMMAND, OCW2_END_OF_INTERRUPT);
}
