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
#include "guests/traffic/disk.h"

#define WARM_UP 8
#define SAMPLES_MAX 4096
#define STATUS_NO_DEVICE 1
#define STATUS_FAILED 2
#define STATUS_USAGE 254

static uint32_t samples[SAMPLES_MAX];

static uint8_t measure_disk(unsigned depth, unsigned batches)
{
    if (!disk_start()) {
        print("traffic: no disk that works: the VM's line wants ram-disk=NAME:1M\n");
        return STATUS_NO_DEVICE;
    }
    for (unsigned i = 0; i < WARM_UP + batches; i++) {
        uint32_t ticks = disk_read(depth);
        if (ticks == 0) {
            print("traffic: a request failed\n");
            return STATUS_FAILED;
        }
        if (i >= WARM_UP) {
            samples[i - WARM_UP] = ticks;
        }
    }
    sort_numbers(samples, batches);
    print("traffic: %u at a time, %6u reads: %6u ticks each\n", depth, batches * depth,
          samples[batches / 2] / depth);
    return 0;
}

uint8_t guest_main(const struct guest *guest)
{
    unsigned depth = (unsigned)option_number(guest->command_line, "depth", 1);
    unsigned batches = (unsigned)option_number(guest->command_line, "batches", 100);
    pit_stop(); // the timer that the firmware left running
    traps_init();
    pic_init();
    apic_set_mode(apic_has_x2apic() ? APIC_MODE_X2APIC : APIC_MODE_XAPIC);
    if (!option_word(guest->command_line, "disk") || depth == 0 || depth > DISK_DEPTH_MAX ||
        batches == 0 || batches > SAMPLES_MAX) {
        print("traffic: expects disk, and depth= up to %u, batches= up to %u\n", DISK_DEPTH_MAX,
              SAMPLES_MAX);
        return STATUS_USAGE;
    }
    return measure_disk(depth, batches);
}
