// SPDX-License-Identifier: MIT
// A CPU that counts what a back end sends to it, so that the guest exits.
#pragma once

extern unsigned nudges; // interrupts with VECTOR_NUDGE, to APIC ID 0
