// SPDX-License-Identifier: MIT
// The two 8259s of the machine (8259A data sheet): remapped, then masked for good.
#include "arch/x86/pic8259.h"

#include "arch/x86/io.h"
#include "arch/x86/vectors.h"
#include "vmm/util/types.h"

#define MASTER 0x20
#define SLAVE 0xa0
#define DATA 1 // offset of the data port

#define ICW1_INITIALISE_WITH_ICW4 0x11
#define ICW3_SLAVE_ON_IRQ2 0x04
#define ICW3_CASCADE_IDENTITY 0x02
#define ICW4_8086 0x01
#define MASK_ALL 0xff
#define INPUTS 8

static void initialise(uint16_t chip, uint8_t vector, uint8_t icw3)
{
    outb(chip, ICW1_INITIALISE_WITH_ICW4);
    outb(chip + DATA, vector);
    outb(chip + DATA, icw3);
    outb(chip + DATA, ICW4_8086);
    outb(chip + DATA, MASK_ALL);
}

void pic8259_disable(void)
{
    outb(MASTER + DATA, MASK_ALL);
    outb(SLAVE + DATA, MASK_ALL);
    initialise(MASTER, VECTOR_PIC, ICW3_SLAVE_ON_IRQ2);
    initialise(SLAVE, VECTOR_PIC + INPUTS, ICW3_CASCADE_IDENTITY);
}
