// SPDX-License-Identifier: MIT
// Writes the BIOS data area (IBM PS/2 and PC BIOS interface technical reference, "Data Areas").
#include "vmm/board/bios_data.h"

#include "vmm/address.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define BIOS_DATA 0x400ULL
#define ADAPTER_ROMS GUEST_VGA_HOLE_END // up to the firmware's area
#define NO_ROM 0xff                     // a bus without a chip reads so
#define BLANK_CELL 0x0720               // a space, grey on black
#define SECONDS_PER_DAY (24ULL * 60 * 60)
#define TICKS_PER_DAY 0x1800b0ULL // where the firmware begins again with 0

// Offsets of the keyboard's buffer, in the segment 0x40.
#define KEYS_START 0x1e
#define KEYS_END 0x3e

enum equipment {
    EQUIPMENT_FPU = BIT(1),
    EQUIPMENT_COLOUR_80 = 2 << 4, // the screen starts with 80 columns in colour
    EQUIPMENT_SERIAL_LINES = 1 << 9,
};

struct PACKED bios_data {
    uint16_t serial_ports[4];
    uint16_t parallel_ports[3];
    uint16_t ebda_segment;
    uint16_t equipment;
    uint8_t unused_12;
    uint16_t memory_kib;
    uint8_t unused_15[5];
    uint16_t keys_head;
    uint16_t keys_tail;
    uint8_t unused_1e[0x49 - 0x1e];
    uint8_t video_mode;
    uint16_t columns;
    uint16_t page_bytes;
    uint8_t unused_4e[0x60 - 0x4e];
    uint16_t cursor_lines; // in cells of 8 lines: the last one, the first one
    uint8_t page;
    uint16_t crtc_port;
    uint8_t mode_select;
    uint8_t palette;
    uint8_t unused_67[5];
    uint32_t ticks; // since midnight
    uint8_t unused_70[8];
    uint8_t parallel_seconds[4]; // how long the firmware waits for a device
    uint8_t serial_seconds[4];
    uint16_t keys_start;
    uint16_t keys_end;
    uint8_t last_row;
    uint16_t character_height;
    uint8_t video_control;
    uint8_t video_switches;
    uint8_t video_flags;
    uint8_t video_combination;
    uint8_t unused_8b[0x96 - 0x8b];
    uint8_t keyboard_flags;
    uint8_t unused_97[0x100 - 0x97];
};
static_assert(sizeof(struct bios_data) == 0x100, "the whole area");
static_assert(offsetof(struct bios_data, ebda_segment) == 0x0e, "0x40e");
static_assert(offsetof(struct bios_data, memory_kib) == 0x13, "0x413");
static_assert(offsetof(struct bios_data, crtc_port) == 0x63, "0x463");
static_assert(offsetof(struct bios_data, ticks) == 0x6c, "0x46c");
static_assert(offsetof(struct bios_data, keyboard_flags) == 0x96, "0x496");

// A VGA in mode 3, COM1, and a keyboard with 101 keys. Video control: 256 KiB of memory;
// switches and flags: a VGA with 400 lines on a colour screen.
static const struct bios_data defaults = {
    .serial_ports = {0x3f8},
    .ebda_segment = GUEST_EBDA >> 4,
    .equipment = EQUIPMENT_FPU | EQUIPMENT_COLOUR_80 | EQUIPMENT_SERIAL_LINES,
    .memory_kib = GUEST_EBDA / KIB,
    .keys_head = KEYS_START,
    .keys_tail = KEYS_START,
    .video_mode = 3,
    .columns = 80,
    .page_bytes = 0x1000,
    .cursor_lines = 0x0607,
    .crtc_port = 0x3d4,
    .mode_select = 0x29,
    .palette = 0x30,
    .parallel_seconds = {20, 20, 20, 20},
    .serial_seconds = {1, 1, 1, 1},
    .keys_start = KEYS_START,
    .keys_end = KEYS_END,
    .last_row = 24,
    .character_height = 16,
    .video_control = 0x60,
    .video_switches = 0xf9,
    .video_flags = 0x51,
    .video_combination = 8,
    .keyboard_flags = BIT(4),
};

static uint32_t ticks_at(uint64_t wall_clock_s)
{
    return (uint32_t)(wall_clock_s % SECONDS_PER_DAY * TICKS_PER_DAY / SECONDS_PER_DAY);
}

static void clear_screen(uint16_t *cells)
{
    for (unsigned i = 0; i < GUEST_VGA_TEXT_BYTES / sizeof(*cells); i++) {
        cells[i] = BLANK_CELL;
    }
}

enum status bios_data_install(const struct guest_memory *memory, uint64_t wall_clock_s,
                              struct reason *why)
{
    struct bios_data *data = guest_memory_at(memory, gpa(BIOS_DATA), sizeof(*data));
    uint8_t *extended = guest_memory_at(memory, gpa(GUEST_EBDA), GUEST_VGA_HOLE - GUEST_EBDA);
    uint16_t *cells = guest_memory_at(memory, gpa(GUEST_VGA_TEXT), GUEST_VGA_TEXT_BYTES);
    uint8_t *roms = guest_memory_at(memory, gpa(ADAPTER_ROMS), GUEST_FIRMWARE_AREA - ADAPTER_ROMS);
    if (!data || !extended || !cells || !roms) {
        return refuse(why, STATUS_RANGE, "no RAM for the BIOS data area: mem= is below 1M");
    }
    *data = defaults;
    data->ticks = ticks_at(wall_clock_s);
    *extended = (GUEST_VGA_HOLE - GUEST_EBDA) / KIB;
    clear_screen(cells);
    memset(roms, NO_ROM, GUEST_FIRMWARE_AREA - ADAPTER_ROMS);
    return STATUS_OK;
}
