// SPDX-License-Identifier: MIT
// A VM's MSR and I/O bitmaps (SDM Vol. 3C 25.6.4, 25.6.9). Everything exits until vmm/ says
// otherwise.
#include "arch/vmx/vmx_bitmaps.h"

#include "arch/vmx/vmx.h"
#include "arch/x86/frames.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define MSR_BITMAP_WRITES (2 * KIB) // the bitmaps of writes follow those of reads

// `bitmap` is one of the four parts of an MSR bitmap.
static void set_bit(uint8_t *bitmap, uint32_t bit, bool value)
{
    uint8_t mask = (uint8_t)(1U << bit % 8);
    bitmap[bit / 8] = value ? bitmap[bit / 8] | mask : bitmap[bit / 8] & (uint8_t)~mask;
}

// An MSR bitmap has four parts of 1 KiB: reads of 0 to 0x1fff, reads of 0xc0000000 to 0xc0001fff,
// and writes of the same two ranges (25.6.9). Any other MSR always exits.
void vmx_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes)
{
    uint32_t bit = msr & 0x1fff;
    if (msr != bit && msr != (0xc0000000U | bit)) {
        return;
    }
    uint8_t *const bitmaps[] = {space->msr_bitmap, space->x2apic_msr_bitmap};
    for (unsigned i = 0; i < ARRAY_SIZE(bitmaps) && bitmaps[i]; i++) {
        uint8_t *low_or_high = bitmaps[i] + (msr == bit ? 0 : 1 * KIB);
        set_bit(low_or_high, bit, reads);
        set_bit(low_or_high + MSR_BITMAP_WRITES, bit, writes);
    }
}

// In x2APIC mode the CPU itself serves these registers, from the page that holds them (30.5). All
// other accesses exit: ICR, current count, registers that do not exist, reads of a register that
// can only be written and writes of one that can only be read.
static void open_x2apic_msrs(uint8_t *bitmap)
{
    static const struct {
        uint8_t first;
        uint8_t last;
    } readable[] = {
        {0x02, 0x03}, // ID, version
        {0x08, 0x08}, // TPR
        {0x0a, 0x0a}, // PPR
        {0x0d, 0x0d}, // LDR
        {0x0f, 0x28}, // SVR, ISR, TMR, IRR, ESR
        {0x32, 0x38}, // LVT, initial count
        {0x3e, 0x3e}, // divide configuration
    };
    static const uint8_t writable[] = {0x08, 0x0b, 0x3f}; // TPR, EOI, SELF IPI
    for (unsigned i = 0; i < ARRAY_SIZE(readable); i++) {
        for (uint32_t reg = readable[i].first; reg <= readable[i].last; reg++) {
            set_bit(bitmap, IA32_X2APIC_FIRST + reg, false);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(writable); i++) {
        set_bit(bitmap + MSR_BITMAP_WRITES, IA32_X2APIC_FIRST + writable[i], false);
    }
}

enum status vmx_bitmaps_create(struct nested_space *space, bool serves_apic)
{
    space->msr_bitmap = frames_allocate(1);
    space->x2apic_msr_bitmap = serves_apic ? frames_allocate(1) : NULL;
    space->io_bitmaps = frames_allocate(2);
    if (!space->msr_bitmap || !space->io_bitmaps || (serves_apic && !space->x2apic_msr_bitmap)) {
        return STATUS_NO_MEMORY;
    }
    memset(space->msr_bitmap, 0xff, PAGE_SIZE);
    memset(space->io_bitmaps, 0xff, 2 * PAGE_SIZE);
    if (serves_apic) {
        memset(space->x2apic_msr_bitmap, 0xff, PAGE_SIZE);
        open_x2apic_msrs(space->x2apic_msr_bitmap);
    }
    return STATUS_OK;
}

void vmx_bitmaps_destroy(struct nested_space *space)
{
    if (space->msr_bitmap) {
        frames_release(space->msr_bitmap, 1);
    }
    if (space->x2apic_msr_bitmap) {
        frames_release(space->x2apic_msr_bitmap, 1);
    }
    if (space->io_bitmaps) {
        frames_release(space->io_bitmaps, 2);
    }
}
