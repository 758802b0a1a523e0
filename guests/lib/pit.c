// SPDX-License-Identifier: MIT
// The 8254 interval timer and the speaker port that gates its channel 2.
#include "guests/lib/pit.h"

#include "guests/lib/port.h"

#define COMMAND_CHANNEL0_RATE 0x34     // channel 0, low then high byte, mode 2
#define COMMAND_CHANNEL0_ONE_SHOT 0x30 // channel 0, low then high byte, mode 0
#define COMMAND_CHANNEL2_ONE_SHOT 0xb0 // channel 2, low then high byte, mode 0
#define SPEAKER_GATE2 BIT(0)
#define SPEAKER_DATA BIT(1)
#define SPEAKER_OUT2 BIT(5)

void pit_start_periodic(uint16_t divisor)
{
    out8(PIT_COMMAND, COMMAND_CHANNEL0_RATE);
    out8(PIT_CHANNEL0, (uint8_t)divisor);
    out8(PIT_CHANNEL0, (uint8_t)(divisor >> 8));
}

void pit_stop(void)
{
    out8(PIT_COMMAND, COMMAND_CHANNEL0_ONE_SHOT); // the channel waits for a count that never comes
}

void pit_wait(uint16_t ticks)
{
    const uint8_t speaker = (uint8_t)(in8(SPEAKER_PORT) & ~(SPEAKER_DATA | SPEAKER_GATE2));
    out8(SPEAKER_PORT, speaker | SPEAKER_GATE2);
    out8(PIT_COMMAND, COMMAND_CHANNEL2_ONE_SHOT);
    out8(PIT_CHANNEL2, (uint8_t)ticks);
    out8(PIT_CHANNEL2, (uint8_t)(ticks >> 8));
    while ((in8(SPEAKER_PORT) & SPEAKER_OUT2) == 0) {
    }
    out8(SPEAKER_PORT, speaker);
}
