// SPDX-License-Identifier: MIT
// Frames from one virtio network card to another at the same switch.
#pragma once

#include "vmm/util/types.h"

#define CARDS_DEPTH_MAX 64
#define CARDS_FRAME_MIN 64
#define CARDS_FRAME_MAX 65536
#define CARDS_FRAME_USUAL 1514 // the longest without segmentation offload

// Finds two cards, which are to be at one switch. The second receives. False: there are none that
// work.
bool cards_start(void);

// Sends `depth` frames of `bytes` bytes by one notification. Frames beyond CARDS_FRAME_USUAL go one
// at a time: they are TCP segments that the receiver takes uncut. Returns the ticks from before the
// notification until the receiver's interrupt for the last one; 0: not all arrived as they were.
uint32_t cards_send(unsigned depth, unsigned bytes);
