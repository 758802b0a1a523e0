// SPDX-License-Identifier: MIT
// Measurements of the local APIC.
#pragma once

void bench_apic(void);
