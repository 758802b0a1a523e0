// SPDX-License-Identifier: MIT
// Takes the place of the CPU and its local APIC.
#include "tests/host/fake_nudge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/vectors.h"
#include "vmm/util/types.h"

unsigned nudges;

void apic_send_fixed(uint32_t apic_id, uint8_t vector)
{
    assert_int_equal(apic_id, 0);
    assert_int_equal(vector, VECTOR_NUDGE);
    nudges++;
}

struct cpu *cpu_this(void)
{
    static struct cpu here;
    return &here;
}
