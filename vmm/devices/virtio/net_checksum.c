// SPDX-License-Identifier: MIT
// Sums by words of 64 bits.
#include "vmm/devices/virtio/net_checksum.h"

#include "vmm/util/string.h"

uint64_t net_checksum_add(uint64_t sum, const uint8_t *at, uint32_t bytes)
{
    uint64_t word = 0;
    for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = __builtin_add_overflow(sum, word, &sum) ? sum + 1 : sum;
    }
    word = 0;
    memcpy(&word, at, bytes);
    return __builtin_add_overflow(sum, word, &sum) ? sum + 1 : sum;
}

// 0 has two forms. For UDP only this one is a checksum.
void net_checksum_put(uint8_t *at, uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    uint16_t checksum = (uint16_t)~sum;
    if (checksum == 0) {
        checksum = 0xffff;
    }
    memcpy(at, &checksum, sizeof(checksum));
}
