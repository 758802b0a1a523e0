// SPDX-License-Identifier: MIT
// Adds up the components of an XSAVE area, and finds registers in it.
#include "arch/x86/xsave_area.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/string.h"

#define LEGACY_BYTES (512 + 64) // x87 and SSE, then the header
#define FIRST_EXTENDED 2u
#define COMPONENTS 63u
#define ECX_ALIGNED BIT(1) // aligned to 64 bytes in the compacted format

uint64_t xsave_area_standard(uint64_t mask,
                             struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf))
{
    uint64_t bytes = LEGACY_BYTES;
    for (unsigned component = FIRST_EXTENDED; component < COMPONENTS; component++) {
        if (mask & BIT(component)) {
            struct cpuid_registers size_offset = read(CPUID_XSAVE, component);
            bytes = MAX(bytes, (uint64_t)size_offset.eax + size_offset.ebx);
        }
    }
    return bytes;
}

static uint64_t compacted(uint64_t mask,
                          struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf))
{
    uint64_t bytes = LEGACY_BYTES;
    for (unsigned component = FIRST_EXTENDED; component < COMPONENTS; component++) {
        if (mask & BIT(component)) {
            struct cpuid_registers size = read(CPUID_XSAVE, component);
            bytes = (size.ecx & ECX_ALIGNED ? ALIGN_UP(bytes, 64) : bytes) + size.eax;
        }
    }
    return bytes;
}

enum status xsave_area_check_compacted(uint64_t xcr0,
                                       struct cpuid_registers (*read)(uint32_t leaf,
                                                                      uint32_t subleaf),
                                       struct reason *why)
{
    struct cpuid_registers own = read(CPUID_XSAVE, 1);
    if (!(own.eax & CPUID_D_1_EAX_XSAVEC)) {
        return refuse(why, STATUS_UNSUPPORTED, "this CPU has none");
    }
    uint64_t sum = compacted(xcr0, read);
    if (own.ebx != sum) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "CPUID 0xd says %u bytes for its area, the components there make %lu",
                      own.ebx, sum);
    }
    return STATUS_OK;
}

void xsave_area_find(struct xsave_layout *layout, uint64_t mask,
                     struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf))
{
    *layout = (struct xsave_layout){0};
    for (unsigned component = FIRST_EXTENDED; component < XSAVE_LAYOUT_COMPONENTS; component++) {
        if (mask & BIT(component)) {
            layout->offsets[component] = read(CPUID_XSAVE, component).ebx;
        }
    }
}

// The legacy region (SDM Vol. 1 table 10-2).
enum legacy_offsets {
    LEGACY_FSW = 2,
    LEGACY_FTW = 4,
    LEGACY_MXCSR = 24,
    LEGACY_MXCSR_MASK = 28,
    LEGACY_ST = 32,
    LEGACY_XMM = VECTOR_X87_BYTES
};

#define MXCSR_MASK_DEFAULT 0xffbfU // if the area has 0 (SDM Vol. 1 11.6.6)

#define FSW_TOP_SHIFT 11
#define ST_BYTES 16

// A part of a register, which lies in one component of an area.
struct piece {
    uint64_t component; // a bit of XCR0
    unsigned at;        // in the area
    unsigned from;      // in the register
    unsigned bytes;
};

#define PIECES 3

// Fills `pieces` and returns how many they are.
static unsigned find_pieces(const struct xsave_layout *layout, unsigned number,
                            struct piece pieces[PIECES])
{
    const uint32_t *offsets = layout->offsets;
    if (number >= VECTOR_X87) {
        unsigned at = (unsigned)sizeof(struct vector) * (number - VECTOR_X87);
        pieces[0] = (struct piece){XCR0_X87, at, 0,
                                   (unsigned)MIN(sizeof(struct vector), VECTOR_X87_BYTES - at)};
        return 1;
    }
    if (number >= VECTOR_MASK0) {
        pieces[0] = (struct piece){XCR0_OPMASK, offsets[5] + 8 * (number - VECTOR_MASK0), 0, 8};
        return 1;
    }
    if (number >= VECTOR_MM0) {
        pieces[0] = (struct piece){XCR0_X87, LEGACY_ST + ST_BYTES * (number - VECTOR_MM0), 0, 8};
        return 1;
    }
    if (number >= 16) {
        pieces[0] = (struct piece){XCR0_HIGH_ZMM, offsets[7] + 64 * (number - 16), 0, 64};
        return 1;
    }
    pieces[0] = (struct piece){XCR0_SSE, LEGACY_XMM + 16 * number, 0, 16};
    pieces[1] = (struct piece){XCR0_AVX, offsets[2] + 16 * number, 16, 16};
    pieces[2] = (struct piece){XCR0_ZMM_HIGH, offsets[6] + 32 * number, 32, 32};
    return 3;
}

// The area has the x87 registers from the stack's top on, MMX counts them from the first one.
static unsigned top_of(const uint8_t *area)
{
    return area[LEGACY_FSW + 1] >> (FSW_TOP_SHIFT - 8) & 7;
}

static unsigned number_in_stack(const uint8_t *area, unsigned number)
{
    return number < VECTOR_MM0 || number >= VECTOR_MASK0
               ? number
               : VECTOR_MM0 + ((number - VECTOR_MM0 - top_of(area)) & 7);
}

void xsave_area_get(const uint8_t *area, const struct xsave_layout *layout, uint64_t components,
                    unsigned number, struct vector *value)
{
    struct piece pieces[PIECES];
    unsigned count = find_pieces(layout, number_in_stack(area, number), pieces);
    *value = (struct vector){0};
    for (unsigned i = 0; i < count; i++) {
        if (components & pieces[i].component) {
            memcpy(value->bytes + pieces[i].from, area + pieces[i].at, pieces[i].bytes);
        }
    }
}

static void enter_mmx(uint8_t *area, unsigned number)
{
    uint8_t before[8][ST_BYTES];
    uint8_t(*stack)[ST_BYTES] = (void *)(area + LEGACY_ST);
    memcpy(before, stack, sizeof(before));
    for (unsigned i = 0; i < 8; i++) {
        memcpy(stack[i], before[(i - top_of(area)) & 7], ST_BYTES);
    }
    area[LEGACY_FSW + 1] &= (uint8_t) ~(7U << (FSW_TOP_SHIFT - 8));
    area[LEGACY_FTW] = 0xff;
    memset(stack[number - VECTOR_MM0] + 8, 0xff, 2);
}

// The mask is the CPU's own, and loading other bits of MXCSR faults.
static void set_control(uint8_t *area, const struct vector *value)
{
    uint32_t mask;
    uint32_t mxcsr;
    memcpy(&mask, area + LEGACY_MXCSR_MASK, sizeof(mask));
    memcpy(&mxcsr, value->bytes + LEGACY_MXCSR, sizeof(mxcsr));
    mxcsr &= mask ? mask : MXCSR_MASK_DEFAULT;
    memcpy(area, value->bytes, sizeof(*value));
    memcpy(area + LEGACY_MXCSR, &mxcsr, sizeof(mxcsr));
    memcpy(area + LEGACY_MXCSR_MASK, &mask, sizeof(mask));
}

void xsave_area_set(uint8_t *area, const struct xsave_layout *layout, uint64_t components,
                    unsigned number, const struct vector *value)
{
    struct piece pieces[PIECES];
    unsigned count = find_pieces(layout, number, pieces);
    if (number == VECTOR_X87) {
        set_control(area, value);
        return;
    }
    if (number >= VECTOR_MM0 && number < VECTOR_MASK0) {
        enter_mmx(area, number);
    }
    for (unsigned i = 0; i < count; i++) {
        if (components & pieces[i].component) {
            memcpy(area + pieces[i].at, value->bytes + pieces[i].from, pieces[i].bytes);
        }
    }
}
