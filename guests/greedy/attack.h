// SPDX-License-Identifier: MIT
// What an attack on the CPU's time is, and what attacks may use.
#pragma once

#include "vmm/util/types.h"

// The vectors of an attack. Their handlers do nothing but acknowledge.
#define SINK_VECTOR 0x50U
#define TIMER_VECTOR 0x60U

// One way to take more of a CPU than one's share.
struct attack {
    const char *name;
    void (*first)(void);  // on the first processor; returns soon after attack_over() is true
    void (*others)(void); // on each of the others, again and again; NULL: they stay off
    bool apart;           // it prints, ends its machine or wants a device: `all` leaves it out
};

struct attack_group {
    const struct attack *attacks;
    unsigned count;
};

extern const struct attack_group busy_group;
extern const struct attack_group output_group;
extern const struct attack_group timers_group;
extern const struct attack_group device_timers_group;
extern const struct attack_group ipis_group;
extern const struct attack_group disks_group;
extern const struct attack_group packets_group;

void attack_init(void);

// Carries out the attack for `duration_ms`, and puts the machine back in order; for ever if that
// is 0. Returns false if not all other processors came.
bool attack_run(const struct attack *attack, uint64_t duration_ms);

// True when the running attack has had its time.
bool attack_over(void);

// Computes for this long, with interrupts on.
void attack_compute(uint64_t duration_us);

// Halts until an interrupt comes, again and again.
void attack_take_interrupts(void);
// The same, and the attack itself makes no interrupts here: one comes at its end.
void attack_rest(void);
// Halts with interrupts off, again and again. For others than the first processor.
void attack_halt_deaf(void);
// Halts with interrupts on, none of which has a priority that is high enough.
void attack_halt_above_all(void);
