// SPDX-License-Identifier: MIT
// Runs one instruction on the processor of this machine, to hold the emulator's result against.
#pragma once

#include "vmm/util/types.h"

// What goes in and what comes out. RSP is the test's own: an instruction must not use it.
struct native_state {
    uint64_t gpr[16]; // in the order of enum guest_gpr
    uint64_t rflags;
    uint64_t components;              // of `fpu`, by the bits of XCR0; 0: none is used
    _Alignas(64) uint8_t fpu[0x1000]; // an XSAVE area in the standard format
};

// Runs the instruction in 64-bit mode with privilege level 3. Returns 0, or the signal of its fault
// (SIGSEGV, SIGFPE, SIGILL); the state is then as the fault left it.
int native_run(const char *bytes, size_t length, struct native_state *state);
