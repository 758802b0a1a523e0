// SPDX-License-Identifier: MIT
// Finds \_S5, which has the values that switch the machine off. It reads AML without an
// interpreter.
#include "arch/x86/acpi_aml.h"

#include "arch/x86/acpi.h"
#include "arch/x86/acpi_layout.h"
#include "arch/x86/acpi_parse.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// AML encodings (ACPI 20.2).
enum aml_opcode {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_QWORD = 0x0e,
    AML_PACKAGE = 0x12,
    AML_ROOT = 0x5c, // '\'
    AML_ONES = 0xff,
};

#define AML_NAME_BYTES 4
#define PACKAGE_LENGTH_EXTRA_SHIFT 6
#define SLEEP_TYPE_MASK 7 // SLP_TYP has three bits (ACPI 4.8.3.2.1)

struct aml {
    const uint8_t *bytes;
    size_t length;
    size_t at;
    bool bad; // the text ended, or something unexpected came
};

static uint8_t next(struct aml *aml)
{
    if (aml->at >= aml->length) {
        aml->bad = true;
        return 0;
    }
    return aml->bytes[aml->at++];
}

static void skip(struct aml *aml, size_t bytes)
{
    if (aml->length - aml->at < bytes) {
        aml->bad = true;
    } else {
        aml->at += bytes;
    }
}

// Reads an integer constant. Only the low byte of a wide one counts.
static uint8_t next_integer(struct aml *aml)
{
    uint8_t value;
    switch (next(aml)) {
    case AML_ZERO:
        return 0;
    case AML_ONE:
        return 1;
    case AML_BYTE:
        return next(aml);
    case AML_WORD:
        value = next(aml);
        skip(aml, 1);
        return value;
    case AML_DWORD:
        value = next(aml);
        skip(aml, 3);
        return value;
    case AML_QWORD:
        value = next(aml);
        skip(aml, 7);
        return value;
    case AML_ONES:
        return UINT8_MAX;
    default:
        aml->bad = true;
        return 0;
    }
}

// `aml` stands behind the name. There come: package, length of 1 to 4 bytes, number of elements,
// elements.
static bool read_package(struct aml *aml, uint8_t *a, uint8_t *b)
{
    if (next(aml) != AML_PACKAGE) {
        return false;
    }
    skip(aml, next(aml) >> PACKAGE_LENGTH_EXTRA_SHIFT);
    uint8_t elements = next(aml);
    if (aml->bad || elements == 0) {
        return false;
    }
    *a = next_integer(aml) & SLEEP_TYPE_MASK;
    *b = elements > 1 ? next_integer(aml) & SLEEP_TYPE_MASK : *a;
    return !aml->bad;
}

// Whether the name at `at` is being defined. Then NameOp is in front of it, perhaps with a root
// prefix.
static bool is_definition(const uint8_t *bytes, size_t at)
{
    if (bytes[at - 1] == AML_NAME) {
        return true;
    }
    return bytes[at - 1] == AML_ROOT && bytes[at - 2] == AML_NAME;
}

void acpi_read_s5(const struct acpi_table *table, struct acpi_info *info)
{
    static const char name[AML_NAME_BYTES] = {'_', 'S', '5', '_'};
    if (info->has_s5) {
        return;
    }
    for (size_t at = sizeof(struct acpi_header) + 1; at + sizeof(name) <= table->length; at++) {
        if (memcmp(table->bytes + at, name, sizeof(name)) != 0 ||
            !is_definition(table->bytes, at)) {
            continue;
        }
        struct aml aml = {.bytes = table->bytes, .length = table->length, .at = at + sizeof(name)};
        if (read_package(&aml, &info->s5_a, &info->s5_b)) {
            info->has_s5 = true;
            return;
        }
    }
}
