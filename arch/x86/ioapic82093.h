// SPDX-License-Identifier: MIT
// The I/O APICs, which lead ISA interrupts to vectors of the BSP (82093AA data sheet).
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;

// Maps every I/O APIC that ACPI lists and masks all of its inputs.
enum status ioapic82093_init(const struct acpi_info *acpi, struct reason *why) MUST_CHECK;

// Routes ISA interrupt `irq` (0 to 15) to `VECTOR_ISA + irq` on the calling CPU and unmasks it. The
// firmware's overrides are followed. STATUS_NOT_FOUND: no I/O APIC serves it. STATUS_RANGE: no such
// interrupt, or this CPU's APIC id is too large for an I/O APIC.
enum status ioapic82093_route_isa(unsigned irq) MUST_CHECK;
