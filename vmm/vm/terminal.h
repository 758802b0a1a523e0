// SPDX-License-Identifier: MIT
// The wire between a guest's UART and Husk's console: what the guest sends and what is typed to it.
#pragma once

#include "vmm/util/types.h"

#define TERMINAL_OUTPUT_BYTES 4096
#define TERMINAL_INPUT_BYTES 1024
#define TERMINAL_HISTORY_BYTES 16384

// The VM wakes CPU 0 at most this often for its output. In between, CPU 0 looks by itself.
#define TERMINAL_WAKE_INTERVAL_NS 1000000

// Two rings, each with one producer and one consumer. The VM fills `output`, one of its CPUs at a
// time, and CPU 0 empties it; `input` goes the other way. The history holds what CPU 0 took out of
// `output`, and only CPU 0 touches it. It is here because its memory then comes and goes with the
// VM: in the monitor it would be 1 MiB for VMs that mostly do not exist.
struct terminal {
    uint32_t output_head; // written by the producer
    uint32_t output_tail; // written by the consumer
    uint32_t input_head;
    uint32_t input_tail;
    bool room_wanted; // set by the producer of a full output ring, taken by its consumer
    uint64_t woke_ns; // the producer's: host time at which it last woke CPU 0 for its output
    uint8_t output[TERMINAL_OUTPUT_BYTES];
    uint8_t input[TERMINAL_INPUT_BYTES];
    char history[TERMINAL_HISTORY_BYTES];
    uint64_t history_length; // all bytes ever; the ring holds the last TERMINAL_HISTORY_BYTES
};

void terminal_init(struct terminal *terminal);

// The VM's side, for one of the VM's CPUs at a time.
// False: the ring is full. terminal_take_room_wanted then tells CPU 0 that the VM waits for room.
bool terminal_put(struct terminal *terminal, uint8_t byte);
int terminal_get(struct terminal *terminal); // the next typed byte; -1: there is none

// The console's side, on CPU 0.
bool terminal_has_output(const struct terminal *terminal);
// Moves the next output byte into the history and returns it; -1: there is none.
int terminal_take(struct terminal *terminal);
// For CPU 0 after it took something: whether terminal_put has refused a byte since the last call.
// The VM's UART must then be told that there is room.
bool terminal_take_room_wanted(struct terminal *terminal);
// False: the ring is full, because the guest does not read.
bool terminal_type(struct terminal *terminal, uint8_t byte);

// The history holds the bytes from this position up to history_length.
uint64_t terminal_history_start(const struct terminal *terminal);
char terminal_history_at(const struct terminal *terminal, uint64_t position);
