// SPDX-License-Identifier: MIT
// The 8254 interval timer and the speaker port that gates its channel 2.
#pragma once

#include "vmm/util/types.h"

#define PIT_HZ 1193182U
#define PIT_IRQ 0
#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define SPEAKER_PORT 0x61

// Channel 0 raises IRQ 0 every `divisor` ticks (0 stands for 65536) from now on.
void pit_start_periodic(uint16_t divisor);

// Stops channel 0: it raises IRQ 0 no more.
void pit_stop(void);

// Waits for `ticks` of the timer, by polling channel 2.
void pit_wait(uint16_t ticks);
