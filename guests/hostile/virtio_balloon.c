// SPDX-License-Identifier: MIT
// Memory that a VM gives away: pages that it does not have, that it uses all the same, that lie
// under the rings of a device. The VM has 8 MiB at least, of which those from 4 MiB on are unused.
#include "guests/hostile/disk.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/processors.h"

#define BALLOON 5 // the device type
#define FEATURES (BIT(0) | VIRTIO_F_VERSION_1)
#define PAGE 4096UL
#define UNIT_PAGES 512U
#define UNIT (4 * MIB) // what is given away
#define ENTRIES 4
#define WAITS 1000000U
#define ROUNDS 20U

enum { INFLATE, DEFLATE, QUEUES };

static struct virtio balloon;
static struct virtio_queue queues[QUEUES];
static uint32_t pages[UNIT_PAGES];

static volatile uint64_t *unit_word(unsigned page)
{
    return (volatile uint64_t *)(UNIT + page * PAGE);
}

static bool start(void)
{
    if (!virtio_find(&balloon, BALLOON, 0) || !virtio_begin(&balloon, FEATURES)) {
        return false;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        if (!virtio_set_queue(&balloon, i, &queues[i], ENTRIES, VIRTIO_NO_VECTOR)) {
            return false;
        }
    }
    virtio_run(&balloon);
    return true;
}

// Sends the first `count` numbers. False: the device does not give the buffer back.
static bool send(unsigned index, unsigned count)
{
    struct virtio_queue *queue = &queues[index];
    uint16_t before = queue->used.index;
    queue->descriptors[0] =
        (struct virtio_descriptor){.address = (uintptr_t)pages, .bytes = 4 * count};
    virtio_offer(queue, 0);
    virtio_notify_memory(&balloon, index); // other attempts may have moved ports over its own
    for (unsigned i = 0; i < WAITS && queue->used.index == before; i++) {
        __asm__ volatile("pause");
    }
    return queue->used.index != before;
}

static void name_unit(uint64_t address)
{
    for (unsigned i = 0; i < UNIT_PAGES; i++) {
        pages[i] = (uint32_t)(address / PAGE) + i;
    }
}

static bool give_unit(void)
{
    name_unit(UNIT);
    return start() && send(INFLATE, UNIT_PAGES);
}

static enum outcome no_answer(void)
{
    return attempt_wrong("status of the balloon",
                         *(volatile uint8_t *)(uintptr_t)(balloon.common + VIRTIO_STATUS));
}

// Each is given away, as often as its unit has pages, and wanted back.
static enum outcome strange_pages(void)
{
    const uint64_t addresses[] = {0,
                                  0xb8000,
                                  PAGE * UINT32_MAX,
                                  machine_memory_end(),
                                  balloon.common,
                                  0xfee00000,
                                  0xfec00000,
                                  4 * GIB,
                                  BIT(43),
                                  UNIT};
    if (!start()) {
        return no_answer();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        for (unsigned j = 0; j < UNIT_PAGES; j++) {
            pages[j] = (uint32_t)(addresses[i] / PAGE);
        }
        if (!send(INFLATE, UNIT_PAGES) || !send(DEFLATE, UNIT_PAGES) || !send(DEFLATE, 1)) {
            return no_answer();
        }
    }
    return disk_works();
}

// What was given away comes back as zeros, and holds what is written.
static enum outcome used_without_asking(void)
{
    for (unsigned round = 1; round <= ROUNDS; round++) {
        *unit_word(round) = round;
        if (!give_unit()) {
            return no_answer();
        }
        if (*unit_word(round) != 0) {
            return attempt_wrong("word of a page that was given away", *unit_word(round));
        }
        *unit_word(0) = round;
        if (*unit_word(0) != round) {
            return attempt_wrong("word of a page that came back", *unit_word(0));
        }
    }
    return disk_works();
}

static enum outcome given_and_wanted(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!give_unit() || !send(DEFLATE, UNIT_PAGES)) {
            return no_answer();
        }
    }
    return *unit_word(0) == 0 ? disk_works() : attempt_wrong("word", *unit_word(0));
}

// The device finds no memory there.
static enum outcome rings_in_it(void)
{
    if (!give_unit()) {
        return no_answer();
    }
    disk_prepare();
    struct virtio_queue *queue = (struct virtio_queue *)UNIT;
    *(volatile uint64_t *)(uintptr_t)(disk.common + VIRTIO_QUEUE_USED) = (uintptr_t)&queue->used;
    disk_run();
    disk_describe(DISK_READ);
    (void)disk_send(0);
    return disk_broke();
}

static enum outcome buffers_in_it(void)
{
    if (!give_unit()) {
        return no_answer();
    }
    disk_start();
    disk_describe(DISK_READ);
    disk_queue.descriptors[1].address = UNIT + 5 * PAGE;
    (void)disk_send(0);
    return disk_answered(DISK_ERROR);
}

// ---- With several processors ----

static volatile bool over;

static void write_all_the_time(unsigned self)
{
    for (unsigned page = 0; !over; page++) {
        *unit_word(page % UNIT_PAGES) = self;
    }
}

static enum outcome others_write(void)
{
    enum outcome outcome = OUTCOME_DONE;
    over = false;
    if (!processors_start(write_all_the_time)) {
        return attempt_wrong("processors", processors_finished());
    }
    for (unsigned round = 0; round < ROUNDS && outcome == OUTCOME_DONE; round++) {
        outcome = give_unit() && send(DEFLATE, UNIT_PAGES) ? OUTCOME_DONE : no_answer();
    }
    over = true;
    if (!processors_finish()) {
        return attempt_wrong("processors at the end", processors_finished());
    }
    return outcome == OUTCOME_DONE ? disk_works() : outcome;
}

static const struct attempt races[] = {
    {"memory that others write while it is given away", others_write, DONE},
};

const struct attempt_group virtio_balloon_races_group = {races, ARRAY_SIZE(races)};

static const struct attempt attempts[] = {
    {"pages for a balloon that are none, and one 512 times", strange_pages, DONE},
    {"memory that was given away, used without asking", used_without_asking, DONE},
    {"memory given away and wanted back all the time", given_and_wanted, DONE},
    {"rings in memory that was given away", rings_in_it, DONE},
    {"a disk reads to memory that was given away", buffers_in_it, DONE},
};

const struct attempt_group virtio_balloon_group = {attempts, ARRAY_SIZE(attempts)};
