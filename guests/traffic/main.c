// SPDX-License-Identifier: MIT
// Measures what requests to virtio devices take, one at a time or many by one notification.
#include "guests/lib/apic.h"
#include "guests/lib/options.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/print.h"
#include "guests/lib/sort.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"
#include "guests/traffic/cards.h"
#include "guests/traffic/disk.h"

#define WARM_UP 8
#define SAMPLES_MAX 4096
#define STATUS_NO_DEVICE 1
#define STATUS_FAILED 2
#define STATUS_USAGE 254

static_assert(CARDS_DEPTH_MAX == DISK_DEPTH_MAX, "one limit for depth=");

static uint32_t samples[SAMPLES_MAX];

// The samples' median goes to the line. `run` makes one batch and returns its ticks, 0 if it fails.
static uint8_t measure(const char *what, unsigned depth, unsigned batches, unsigned bytes,
                       uint32_t (*run)(unsigned depth, unsigned bytes))
{
    for (unsigned i = 0; i < WARM_UP + batches; i++) {
        uint32_t ticks = run(depth, bytes);
        if (ticks == 0) {
            print("traffic: a request failed\n");
            return STATUS_FAILED;
        }
        if (i >= WARM_UP) {
            samples[i - WARM_UP] = ticks;
        }
    }
    sort_numbers(samples, batches);
    print("traffic: %u at a time, %6u %s: %6u ticks each\n", depth, batches * depth, what,
          samples[batches / 2] / depth);
    return 0;
}

static uint32_t read_blocks(unsigned depth, unsigned bytes)
{
    (void)bytes;
    return disk_read(depth);
}

static uint8_t measure_disk(unsigned depth, unsigned batches)
{
    if (!disk_start()) {
        print("traffic: no disk that works: the VM's line wants ram-disk=NAME:1M\n");
        return STATUS_NO_DEVICE;
    }
    return measure("reads", depth, batches, 0, read_blocks);
}

static uint8_t measure_cards(unsigned depth, unsigned batches, unsigned bytes)
{
    if (bytes < CARDS_FRAME_MIN || bytes > CARDS_FRAME_MAX ||
        (bytes > CARDS_FRAME_USUAL && depth > 1)) {
        print("traffic: expects bytes= of %u to %u, beyond %u with depth=1\n", CARDS_FRAME_MIN,
              CARDS_FRAME_MAX, CARDS_FRAME_USUAL);
        return STATUS_USAGE;
    }
    if (!cards_start()) {
        print("traffic: no two cards that work: the VM's line wants net=lan twice\n");
        return STATUS_NO_DEVICE;
    }
    return measure("frames", depth, batches, bytes, cards_send);
}

uint8_t guest_main(const struct guest *guest)
{
    const char *line = guest->command_line;
    unsigned depth = (unsigned)option_number(line, "depth", 1);
    unsigned batches = (unsigned)option_number(line, "batches", 100);
    unsigned bytes = (unsigned)option_number(line, "bytes", CARDS_FRAME_MIN);
    bool disk = option_word(line, "disk");
    pit_stop(); // the timer that the firmware left running
    traps_init();
    pic_init();
    apic_set_mode(apic_has_x2apic() ? APIC_MODE_X2APIC : APIC_MODE_XAPIC);
    if (disk == option_word(line, "net") || depth == 0 || depth > DISK_DEPTH_MAX || batches == 0 ||
        batches > SAMPLES_MAX) {
        print("traffic: expects disk or net, depth= up to %u, and batches= up to %u\n",
              DISK_DEPTH_MAX, SAMPLES_MAX);
        return STATUS_USAGE;
    }
    return disk ? measure_disk(depth, batches) : measure_cards(depth, batches, bytes);
}
