// SPDX-License-Identifier: MIT
// A VMCS for tests.
#include "tests/host/vmx/fake_vmcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/vmx/vmcs_access.h"
#include "vmm/util/types.h"

#define ENCODINGS 0x8000
#define WIDTH_SHIFT 13 // bits 13 and 14 of an encoding (SDM Vol. 3C 25.11.2)

enum width { WIDTH_16, WIDTH_64, WIDTH_32, WIDTH_NATURAL };

static uint64_t fields[ENCODINGS];
static unsigned writes;

void fake_vmcs_clear(void)
{
    for (unsigned i = 0; i < ENCODINGS; i++) {
        fields[i] = 0;
    }
    writes = 0;
}

unsigned fake_vmcs_writes(void)
{
    return writes;
}

uint64_t vmcs_read_raw(uint32_t encoding)
{
    assert_true(encoding < ENCODINGS);
    return fields[encoding];
}

static uint64_t largest(uint32_t encoding)
{
    switch ((enum width)(encoding >> WIDTH_SHIFT)) {
    case WIDTH_16:
        return UINT16_MAX;
    case WIDTH_32:
        return UINT32_MAX;
    case WIDTH_64:
    case WIDTH_NATURAL:
        break;
    }
    return UINT64_MAX;
}

void vmcs_write_raw(uint32_t encoding, uint64_t value)
{
    assert_true(encoding < ENCODINGS);
    assert_true(value <= largest(encoding));
    fields[encoding] = value;
    writes++;
}
