// SPDX-License-Identifier: MIT
// The legacy prefixes of instructions (SDM Vol. 2A 2.1.1, APM Vol. 3 1.2.1).
#pragma once

#include "vmm/util/types.h"

static inline bool is_legacy_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26: // ES, CS, SS, DS
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64: // FS, GS
    case 0x65:
    case 0x66: // operand size, address size
    case 0x67:
    case 0xf0: // LOCK, REPNE, REP
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}
