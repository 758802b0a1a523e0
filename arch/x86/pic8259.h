// SPDX-License-Identifier: MIT
// The two 8259s of the machine, which Husk moves out of the way of the exceptions and masks.
#pragma once

// After this, only spurious interrupts can come from them, at VECTOR_PIC + 7 and + 15. They need no
// handler: a spurious interrupt is not in service, so there is nothing to end.
void pic8259_disable(void);
