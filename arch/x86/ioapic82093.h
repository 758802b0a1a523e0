// SPDX-License-Identifier: MIT
// The I/O APICs: ISA interrupts to vectors on the BSP (82093AA data sheet).
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;

// Maps every I/O APIC that ACPI lists and masks all of its inputs.
enum status ioapic82093_init(const struct acpi_info *acpi, struct reason *why) MUST_CHECK;

// Routes ISA interrupt `irq` (0 to 15) to `VECTOR_ISA + irq` on the CPU that calls, by the
// firmware's overrides, and unmasks it. STATUS_NOT_FOUND: no I/O APIC serves it; STATUS_RANGE: no
// such interrupt, or this CPU's APIC id is too big for an I/O APIC.
enum status ioapic82093_route_isa(unsigned irq) MUST_CHECK;
