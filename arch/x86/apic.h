// SPDX-License-Identifier: MIT
// The local APIC of the CPU that calls, in xAPIC or x2APIC mode (SDM Vol. 3A chapter 11).
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;

// On the BSP, once, before apic_init_cpu. Chooses the mode (x2APIC if the CPU has it), maps the
// registers and takes the vectors.
enum status apic_init(const struct acpi_info *acpi, struct reason *why) MUST_CHECK;
// On each CPU, the BSP too: enables the APIC, and masks every local source except NMI.
void apic_init_cpu(const struct acpi_info *acpi);

bool apic_is_x2apic(void);
uint32_t apic_id(void);
void apic_eoi(void);
extern volatile uint32_t *apic_eoi_address; // for vectors.asm; NULL in x2APIC mode

// Send an interrupt to the CPU with that APIC id. The receiver sees all that was written to memory
// before.
void apic_send_fixed(uint32_t apic_id, uint8_t vector);
void apic_send_nmi(uint32_t apic_id);
void apic_send_init(uint32_t apic_id);
void apic_send_init_deassert(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint64_t address); // real-mode code: a page below 1 MiB

// The timer, for time.c. It counts down at the APIC's own rate.
enum apic_timer_mode { APIC_TIMER_ONE_SHOT, APIC_TIMER_TSC_DEADLINE };
void apic_timer_setup(enum apic_timer_mode mode, uint8_t vector);
void apic_timer_start(uint32_t count); // one-shot; 0 stops it
uint32_t apic_timer_count(void);
