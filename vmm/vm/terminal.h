// SPDX-License-Identifier: MIT
// The wire between a guest's UART and Husk's console: what the guest sent, what is typed to it.
#pragma once

#include "vmm/util/types.h"

#define TERMINAL_OUTPUT_BYTES 4096
#define TERMINAL_INPUT_BYTES 1024
#define TERMINAL_HISTORY_BYTES 16384
#define TERMINAL_LINE_BYTES 200

// Two rings with one producer and one consumer each: output is filled by the VM's CPU and emptied
// by CPU 0, input the other way. `history` and `line` are CPU 0's alone.
// Output wakes CPU 0 so often at most; in between CPU 0 looks by itself.
#define TERMINAL_WAKE_INTERVAL_NS 1000000

struct terminal {
    uint32_t output_head; // written by the producer
    uint32_t output_tail; // written by the consumer
    uint32_t input_head;
    uint32_t input_tail;
    bool room_wanted; // set by the producer of a full output ring, taken by its consumer
    uint64_t woke_ns; // host time at which the producer last woke CPU 0 for its output
    uint8_t output[TERMINAL_OUTPUT_BYTES];
    uint8_t input[TERMINAL_INPUT_BYTES];
    char history[TERMINAL_HISTORY_BYTES];
    uint64_t history_length; // all bytes ever; the ring holds the last TERMINAL_HISTORY_BYTES
    uint32_t line_length;
    char line[TERMINAL_LINE_BYTES];
};

void terminal_init(struct terminal *terminal);

// The VM's side, on the VM's CPU.
// False: full; terminal_take_room_wanted tells the other side to have it offered again.
bool terminal_put(struct terminal *terminal, uint8_t byte);
int terminal_get(struct terminal *terminal); // the next typed byte, -1: none
bool terminal_has_input(const struct terminal *terminal);
bool terminal_has_room(const struct terminal *terminal); // terminal_put would succeed

// The console's side, on CPU 0.
bool terminal_has_output(const struct terminal *terminal);
int terminal_take(struct terminal *terminal); // the next output byte, -1: none; into the history
// After taking: whether a byte was refused since the last call, so that the UART must be told.
bool terminal_take_room_wanted(struct terminal *terminal);
bool terminal_type(struct terminal *terminal, uint8_t byte); // false: the guest does not read, full

// The history holds the bytes from here up to history_length.
uint64_t terminal_history_start(const struct terminal *terminal);
char terminal_history_at(const struct terminal *terminal, uint64_t position);
