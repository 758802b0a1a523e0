// SPDX-License-Identifier: MIT
// The Internet checksum (RFC 1071).
#pragma once

#include "vmm/util/types.h"

// Adds bytes to a ones' complement sum. The sum may be taken in words of any size and byte order.
// `bytes` is even but for the last piece of a sum.
uint64_t net_checksum_add(uint64_t sum, const uint8_t *at, uint32_t bytes);

// Writes the complement of the sum.
void net_checksum_put(uint8_t *at, uint64_t sum);
