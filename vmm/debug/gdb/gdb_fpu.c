// SPDX-License-Identifier: MIT
// The x87 unit's state for GDB, which has the tags in full and the pointers in halves.
#include "vmm/debug/gdb/gdb_fpu.h"

#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/util/string.h"

enum image_offsets {
    IMAGE_FCW = 0,
    IMAGE_FSW = 2,
    IMAGE_FTW = 4,
    IMAGE_FOP = 6,
    IMAGE_FIP = 8,
    IMAGE_FDP = 16,
    IMAGE_MXCSR = 24,
    IMAGE_ST = 32,
};

#define ST_BYTES 16
#define TOP_SHIFT 11
#define EXPONENT_MAX 0x7fff
#define INTEGER_BIT BIT(63)

// SDM Vol. 1 8.1.7.
enum tag { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static uint32_t get(const uint8_t *image, unsigned at, unsigned bytes)
{
    uint32_t value = 0;
    memcpy(&value, image + at, bytes);
    return value;
}

static enum tag tag_of(const uint8_t *st)
{
    uint64_t mantissa;
    uint16_t exponent;
    memcpy(&mantissa, st, sizeof(mantissa));
    memcpy(&exponent, st + sizeof(mantissa), sizeof(exponent));
    exponent &= EXPONENT_MAX;
    if (exponent == 0 && mantissa == 0) {
        return TAG_ZERO;
    }
    return exponent == 0 || exponent == EXPONENT_MAX || !(mantissa & INTEGER_BIT) ? TAG_SPECIAL
                                                                                  : TAG_VALID;
}

// The image has a bit for each register that is not empty, by the registers' own numbers. The
// registers themselves lie there from the stack's top on.
static uint32_t full_tags(const uint8_t *image)
{
    unsigned top = get(image, IMAGE_FSW, 2) >> TOP_SHIFT & 7;
    uint32_t tags = 0;
    for (unsigned i = 0; i < GDB_X87_REGISTERS; i++) {
        bool empty = !(image[IMAGE_FTW] & BIT(i));
        const uint8_t *st = image + IMAGE_ST + (size_t)ST_BYTES * ((i - top) & 7);
        tags |= (uint32_t)(empty ? TAG_EMPTY : tag_of(st)) << 2 * i;
    }
    return tags;
}

void gdb_fpu_get(const uint8_t *image, struct gdb_registers *registers)
{
    for (unsigned i = 0; i < GDB_X87_REGISTERS; i++) {
        memcpy(registers->st[i], image + IMAGE_ST + (size_t)ST_BYTES * i, GDB_X87_BYTES);
    }
    registers->x87[GDB_FCTRL] = get(image, IMAGE_FCW, 2);
    registers->x87[GDB_FSTAT] = get(image, IMAGE_FSW, 2);
    registers->x87[GDB_FTAG] = full_tags(image);
    registers->x87[GDB_FISEG] = get(image, IMAGE_FIP + 4, 4);
    registers->x87[GDB_FIOFF] = get(image, IMAGE_FIP, 4);
    registers->x87[GDB_FOSEG] = get(image, IMAGE_FDP + 4, 4);
    registers->x87[GDB_FOOFF] = get(image, IMAGE_FDP, 4);
    registers->x87[GDB_FOP] = get(image, IMAGE_FOP, 2);
    registers->mxcsr = get(image, IMAGE_MXCSR, 4);
}

void gdb_fpu_set(uint8_t *image, const struct gdb_registers *registers)
{
    const uint32_t *x87 = registers->x87;
    for (unsigned i = 0; i < GDB_X87_REGISTERS; i++) {
        bool empty = (x87[GDB_FTAG] >> 2 * i & 3) == TAG_EMPTY;
        uint8_t bit = (uint8_t)BIT(i);
        memcpy(image + IMAGE_ST + (size_t)ST_BYTES * i, registers->st[i], GDB_X87_BYTES);
        image[IMAGE_FTW] = (uint8_t)(empty ? image[IMAGE_FTW] & ~bit : image[IMAGE_FTW] | bit);
    }
    memcpy(image + IMAGE_FCW, &x87[GDB_FCTRL], 2);
    memcpy(image + IMAGE_FSW, &x87[GDB_FSTAT], 2);
    memcpy(image + IMAGE_FIP + 4, &x87[GDB_FISEG], 4);
    memcpy(image + IMAGE_FIP, &x87[GDB_FIOFF], 4);
    memcpy(image + IMAGE_FDP + 4, &x87[GDB_FOSEG], 4);
    memcpy(image + IMAGE_FDP, &x87[GDB_FOOFF], 4);
    memcpy(image + IMAGE_FOP, &x87[GDB_FOP], 2);
    memcpy(image + IMAGE_MXCSR, &registers->mxcsr, 4);
}
