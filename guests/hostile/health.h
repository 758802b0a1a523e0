// SPDX-License-Identifier: MIT
// Whether the devices still work, whatever was done to them.
#pragma once

#include "guests/hostile/attempt.h"

// Puts the machine in order and uses each device. Returns OUTCOME_DONE, or OUTCOME_WRONG with the
// name of the first device that does not do its work.
enum outcome devices_work(void);
