// SPDX-License-Identifier: MIT
// Steal time.
#pragma once

#include "vmm/util/types.h"

// `beside`: a guest of the same share, which never halts, is on the same CPU. Otherwise any part of
// the time may be stolen: the machine itself may share its CPUs with others.
void check_steal(bool beside);
