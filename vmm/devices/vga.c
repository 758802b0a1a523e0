// SPDX-License-Identifier: MIT
// The model of a VGA's registers: indexed registers, palette, retrace, and their effect on text.
#include "vmm/devices/vga.h"

// Offsets from 0x3b0. The CRTC and the status have two places: the first in monochrome modes, the
// other in colour modes. Bit 0 of the miscellaneous output chooses.
enum vga_port {
    PORT_MONO_CRTC_INDEX = 0x04,
    PORT_MONO_CRTC_DATA = 0x05,
    PORT_MONO_STATUS = 0x0a,
    PORT_ATTRIBUTE = 0x10,
    PORT_ATTRIBUTE_READ = 0x11,
    PORT_MISC_WRITE = 0x12, // reads input status 0
    PORT_SEQUENCER_INDEX = 0x14,
    PORT_SEQUENCER_DATA = 0x15,
    PORT_DAC_MASK = 0x16,
    PORT_DAC_READ_INDEX = 0x17, // reads the DAC's state
    PORT_DAC_WRITE_INDEX = 0x18,
    PORT_DAC_DATA = 0x19,
    PORT_FEATURE_READ = 0x1a,
    PORT_MISC_READ = 0x1c,
    PORT_GRAPHICS_INDEX = 0x1e,
    PORT_GRAPHICS_DATA = 0x1f,
    PORT_CRTC_INDEX = 0x24,
    PORT_CRTC_DATA = 0x25,
    PORT_STATUS = 0x2a, // writes the feature control
};

#define TO_COLOUR (PORT_CRTC_INDEX - PORT_MONO_CRTC_INDEX)

enum crtc_register {
    CRTC_COLUMNS = 0x01, // less 1
    CRTC_OVERFLOW = 0x07,
    CRTC_CHARACTER_HEIGHT = 0x09, // bits 0 to 4, less 1
    CRTC_CURSOR_START = 0x0a,     // bit 5: off
    CRTC_CURSOR_END = 0x0b,
    CRTC_START_HIGH = 0x0c,
    CRTC_START_LOW = 0x0d,
    CRTC_CURSOR_HIGH = 0x0e,
    CRTC_CURSOR_LOW = 0x0f,
    CRTC_PROTECT = 0x11, // bit 7: registers 0 to 7 are read-only
    CRTC_LINES = 0x12,   // less 1; bits 8 and 9 are in the overflow register
    CRTC_PITCH = 0x13,   // in pairs of characters
};

#define MISC_COLOUR 1
#define PROTECTED_REGISTERS 8
#define OVERFLOW_LINE_COMPARE 0x10 // the only bit there that is not protected
#define INPUT_STATUS_SENSE 0x10
#define ATTRIBUTE_INDEX_MASK 0x3f
#define ATTRIBUTE_NUMBER 0x1f
#define ATTRIBUTE_MODE 0x10 // bit 0: graphics
#define GRAPHICS_MISC 0x06  // bit 0: graphics
#define DAC_BITS 0x3f

// Mode 3 at 70 Hz has 449 lines of 800 dots at 25.175 MHz. It shows 400 lines of 640 dots.
#define LINE_NS 31778
#define LINE_SHOWN_NS 25422
#define LINES 449
#define LINES_SHOWN 400
#define RETRACE_FIRST 412
#define RETRACE_LAST 413

enum status_bits { STATUS_BLANKED = BIT(0), STATUS_RETRACE = BIT(3) };

static bool is_colour(const struct vga *vga)
{
    return vga->misc & MISC_COLOUR;
}

// The place of a port in colour modes. 0: the adapter does not answer at this port now.
static unsigned in_colour(const struct vga *vga, unsigned offset)
{
    bool mono = offset == PORT_MONO_CRTC_INDEX || offset == PORT_MONO_CRTC_DATA ||
                offset == PORT_MONO_STATUS;
    bool colour = offset >= PORT_CRTC_INDEX;
    if ((mono && is_colour(vga)) || (colour && !is_colour(vga))) {
        return 0;
    }
    return mono ? offset + TO_COLOUR : offset;
}

static uint8_t status_at(uint64_t now_ns)
{
    uint64_t line = now_ns / LINE_NS % LINES;
    uint64_t within_ns = now_ns % LINE_NS;
    unsigned status = 0;
    if (line >= LINES_SHOWN || within_ns >= LINE_SHOWN_NS) {
        status |= STATUS_BLANKED;
    }
    if (line >= RETRACE_FIRST && line <= RETRACE_LAST) {
        status |= STATUS_RETRACE;
    }
    return (uint8_t)status;
}

static uint8_t indexed(const uint8_t *registers, unsigned count, unsigned index)
{
    return index < count ? registers[index] : 0;
}

static void set_indexed(uint8_t *registers, unsigned count, unsigned index, uint8_t value)
{
    if (index < count) {
        registers[index] = value;
    }
}

static uint8_t read_dac(struct vga *vga)
{
    uint8_t value = vga->dac[vga->dac_at];
    vga->dac_at = (vga->dac_at + 1) % VGA_DAC_BYTES;
    return value;
}

static void write_dac(struct vga *vga, uint8_t value)
{
    vga->dac[vga->dac_at] = value & DAC_BITS;
    vga->dac_at = (vga->dac_at + 1) % VGA_DAC_BYTES;
}

uint8_t vga_read(struct vga *vga, unsigned offset, uint64_t now_ns)
{
    switch (in_colour(vga, offset)) {
    case PORT_ATTRIBUTE:
        return vga->attribute_index;
    case PORT_ATTRIBUTE_READ:
        return indexed(vga->attribute, VGA_ATTRIBUTE_REGISTERS,
                       vga->attribute_index & ATTRIBUTE_NUMBER);
    case PORT_MISC_WRITE:
        return INPUT_STATUS_SENSE;
    case PORT_SEQUENCER_INDEX:
        return vga->sequencer_index;
    case PORT_SEQUENCER_DATA:
        return indexed(vga->sequencer, VGA_SEQUENCER_REGISTERS, vga->sequencer_index);
    case PORT_DAC_MASK:
        return vga->dac_mask;
    case PORT_DAC_READ_INDEX:
        return vga->dac_reading ? 3 : 0;
    case PORT_DAC_WRITE_INDEX:
        return (uint8_t)(vga->dac_at / 3);
    case PORT_DAC_DATA:
        return read_dac(vga);
    case PORT_FEATURE_READ:
        return vga->feature;
    case PORT_MISC_READ:
        return vga->misc;
    case PORT_GRAPHICS_INDEX:
        return vga->graphics_index;
    case PORT_GRAPHICS_DATA:
        return indexed(vga->graphics, VGA_GRAPHICS_REGISTERS, vga->graphics_index);
    case PORT_CRTC_INDEX:
        return vga->crtc_index;
    case PORT_CRTC_DATA:
        return indexed(vga->crtc, VGA_CRTC_REGISTERS, vga->crtc_index);
    case PORT_STATUS:
        vga->attribute_data = false;
        return status_at(now_ns);
    default:
        return 0xff;
    }
}

static void write_attribute(struct vga *vga, uint8_t value)
{
    if (vga->attribute_data) {
        set_indexed(vga->attribute, VGA_ATTRIBUTE_REGISTERS,
                    vga->attribute_index & ATTRIBUTE_NUMBER, value);
    } else {
        vga->attribute_index = value & ATTRIBUTE_INDEX_MASK;
    }
    vga->attribute_data = !vga->attribute_data;
}

static void write_crtc(struct vga *vga, uint8_t value)
{
    bool is_protected = vga->crtc_index < PROTECTED_REGISTERS && (vga->crtc[CRTC_PROTECT] & BIT(7));
    if (is_protected && vga->crtc_index == CRTC_OVERFLOW) {
        value = (uint8_t)((vga->crtc[CRTC_OVERFLOW] & ~OVERFLOW_LINE_COMPARE) |
                          (value & OVERFLOW_LINE_COMPARE));
    } else if (is_protected) {
        return;
    }
    set_indexed(vga->crtc, VGA_CRTC_REGISTERS, vga->crtc_index, value);
}

// NOLINTNEXTLINE(readability-function-size): a case for each port
void vga_write(struct vga *vga, unsigned offset, uint8_t value)
{
    switch (in_colour(vga, offset)) {
    case PORT_ATTRIBUTE:
        write_attribute(vga, value);
        break;
    case PORT_MISC_WRITE:
        vga->misc = value;
        break;
    case PORT_SEQUENCER_INDEX:
        vga->sequencer_index = value;
        break;
    case PORT_SEQUENCER_DATA:
        set_indexed(vga->sequencer, VGA_SEQUENCER_REGISTERS, vga->sequencer_index, value);
        break;
    case PORT_DAC_MASK:
        vga->dac_mask = value;
        break;
    case PORT_DAC_READ_INDEX:
    case PORT_DAC_WRITE_INDEX:
        vga->dac_at = value * 3U;
        vga->dac_reading = offset == PORT_DAC_READ_INDEX;
        break;
    case PORT_DAC_DATA:
        write_dac(vga, value);
        break;
    case PORT_GRAPHICS_INDEX:
        vga->graphics_index = value;
        break;
    case PORT_GRAPHICS_DATA:
        set_indexed(vga->graphics, VGA_GRAPHICS_REGISTERS, vga->graphics_index, value);
        break;
    case PORT_CRTC_INDEX:
        vga->crtc_index = value;
        break;
    case PORT_CRTC_DATA:
        write_crtc(vga, value);
        break;
    case PORT_STATUS:
        vga->feature = value;
        break;
    default:
        break;
    }
}

// ---- The screen ----

static unsigned word(const struct vga *vga, enum crtc_register high)
{
    return (unsigned)vga->crtc[high] << 8 | vga->crtc[high + 1];
}

static unsigned shown_lines(const struct vga *vga)
{
    unsigned overflow = vga->crtc[CRTC_OVERFLOW];
    return (vga->crtc[CRTC_LINES] | (overflow >> 1 & 1) << 8 | (overflow >> 6 & 1) << 9) + 1;
}

struct vga_view vga_view(const struct vga *vga)
{
    unsigned start_line = vga->crtc[CRTC_CURSOR_START];
    unsigned height = (vga->crtc[CRTC_CHARACTER_HEIGHT] & 0x1fU) + 1;
    return (struct vga_view){
        .is_text = !(vga->attribute[ATTRIBUTE_MODE] & 1) && !(vga->graphics[GRAPHICS_MISC] & 1),
        .columns = vga->crtc[CRTC_COLUMNS] + 1U,
        .rows = MAX(shown_lines(vga) / height, 1U),
        .start = word(vga, CRTC_START_HIGH) % VGA_TEXT_CELLS,
        .row_pitch = vga->crtc[CRTC_PITCH] * 2U,
        .cursor_shown =
            !(start_line & BIT(5)) && (start_line & 0x1f) <= (vga->crtc[CRTC_CURSOR_END] & 0x1fU),
        .cursor = word(vga, CRTC_CURSOR_HIGH) % VGA_TEXT_CELLS,
    };
}

// The EGA's 64 colours. Three bits add two thirds of red, green and blue, three more add one third.
static void set_palette(struct vga *vga)
{
    for (unsigned i = 0; i < VGA_DAC_BYTES / 3; i++) {
        for (unsigned colour = 0; colour < 3; colour++) {
            unsigned bright = i >> (2 - colour) & 1;
            unsigned dim = i >> (5 - colour) & 1;
            vga->dac[3 * i + colour] = i < 64 ? (uint8_t)(42 * bright + 21 * dim) : 0;
        }
    }
}

void vga_init(struct vga *vga)
{
    static const struct vga mode_3 = {
        .misc = 0x67,
        .sequencer = {0x03, 0x00, 0x03, 0x00, 0x02},
        .crtc = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
                 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
        .graphics = {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff},
        .attribute_index = 0x20, // bit 5: the screen uses the palette
        .attribute = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                      0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00},
        .dac_mask = 0xff,
    };
    *vga = mode_3;
    set_palette(vga);
}
