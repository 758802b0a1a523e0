// SPDX-License-Identifier: MIT
// The two 8259 interrupt controllers.
#pragma once

#include "vmm/util/types.h"

#define PIC_VECTOR 0x20 // of IRQ 0; the sixteen IRQs follow each other

#define PIC_MASTER_COMMAND 0x20
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_COMMAND 0xa0
#define PIC_SLAVE_DATA 0xa1

void pic_init(void); // all masked
void pic_unmask(unsigned irq);
void pic_mask_all(void);
void pic_end_of_interrupt(unsigned irq);
