// SPDX-License-Identifier: MIT
// The local APIC's registers, as a guest reaches them.
#pragma once

#include "vmm/devices/apic_message.h"
#include "vmm/util/types.h"

struct lapic;

// Register accesses in the APIC's current mode. The caller checks lapic_mode(): MMIO (32 bits)
// needs LAPIC_XAPIC, an MSR needs LAPIC_X2APIC. False: #GP. In x2APIC mode reserved bits, missing
// registers and the wrong direction give that; a disabled APIC gives it always. In xAPIC mode such
// accesses are ignored and set an ESR bit, as on hardware: such a read returns false too, such a
// write does not. `*value` is always set.
MUST_CHECK bool lapic_read(struct lapic *lapic, unsigned reg, uint64_t now_ns, uint64_t *value);
MUST_CHECK bool lapic_write(struct lapic *lapic, unsigned reg, uint64_t value, uint64_t now_ns);

// ---- For a processor that serves the guest out of the page (SDM Vol. 3C chapter 30) ----

// The guest has written register `reg` in the page. The model still has the old value.
void lapic_written(struct lapic *lapic, unsigned reg, uint64_t now_ns);

// The guest has written ICR, and the processor leaves the sending to the model.
void lapic_write_icr(struct lapic *lapic, uint64_t icr);
// The guest has written ICR, and the processor has sent the message. Returns the message.
struct apic_message lapic_keep_icr(struct lapic *lapic, uint64_t icr);

// Brings the page up to date if `unshown` is set. lapic_reset, lapic_set_base and others only set
// it.
void lapic_show(struct lapic *lapic);
