// SPDX-License-Identifier: MIT
// Draws characters as pixels. The memory is write-combining: it is written in runs of 8 bytes and
// never read.
#include "drivers/framebuffer.h"
#include "drivers/font.h"
#include "drivers/glass.h"
#include "drivers/text_screen.h"
#include "vmm/util/string.h"

#define PIXELS_MAX 16384
#define PITCH_MAX (PIXELS_MAX * 8)
#define PIXEL_BYTES_MAX 4
#define FIELD_BITS_MAX 16
#define COMFORTABLE_COLUMNS 160
#define COMFORTABLE_ROWS 45
#define SCALE_MAX 8
#define RUN_BYTES 8 // a glyph's row of 8 dots is a multiple of it
#define LINE_BYTES_MAX (FONT_WIDTH * SCALE_MAX * PIXEL_BYTES_MAX)

#define CURSOR_FIRST_ROW (FONT_HEIGHT - 2) // an underscore
#define ATTRIBUTE_SHIFT 8
#define FOREGROUND_MASK 0x0f
#define BACKGROUND_SHIFT 4
#define BACKGROUND_MASK 0x07

// The VGA's 16 colours, in the order of its attributes.
static const uint8_t colours[FRAMEBUFFER_COLOURS][3] = {
    {0x00, 0x00, 0x00}, {0x00, 0x00, 0xaa}, {0x00, 0xaa, 0x00}, {0x00, 0xaa, 0xaa},
    {0xaa, 0x00, 0x00}, {0xaa, 0x00, 0xaa}, {0xaa, 0x55, 0x00}, {0xaa, 0xaa, 0xaa},
    {0x55, 0x55, 0x55}, {0x55, 0x55, 0xff}, {0x55, 0xff, 0x55}, {0x55, 0xff, 0xff},
    {0xff, 0x55, 0x55}, {0xff, 0x55, 0xff}, {0xff, 0xff, 0x55}, {0xff, 0xff, 0xff},
};

static uint64_t pixel_bytes(const struct framebuffer_mode *mode)
{
    return (mode->bits_per_pixel + 7ULL) / 8;
}

static bool field_fits(const struct framebuffer_mode *mode, struct framebuffer_field field)
{
    return field.size > 0 && field.size <= FIELD_BITS_MAX &&
           field.position + field.size <= mode->bits_per_pixel;
}

enum status framebuffer_check(const struct framebuffer_mode *mode, struct reason *why)
{
    unsigned bits = mode->bits_per_pixel;
    if (bits != 15 && bits != 16 && bits != 24 && bits != 32) {
        return refuse(why, STATUS_UNSUPPORTED, "%u bits a pixel, 16, 24 or 32 expected", bits);
    }
    if (mode->width < FONT_WIDTH || mode->width > PIXELS_MAX || mode->height < FONT_HEIGHT ||
        mode->height > PIXELS_MAX) {
        return refuse(why, STATUS_RANGE, "%u x %u pixels", mode->width, mode->height);
    }
    if (mode->pitch < mode->width * pixel_bytes(mode) || mode->pitch > PITCH_MAX) {
        return refuse(why, STATUS_RANGE, "%u bytes a line of %u pixels", mode->pitch, mode->width);
    }
    if (!field_fits(mode, mode->red) || !field_fits(mode, mode->green) ||
        !field_fits(mode, mode->blue)) {
        return refuse(why, STATUS_INVALID, "a colour does not fit into its pixel");
    }
    return STATUS_OK;
}

uint64_t framebuffer_bytes(const struct framebuffer_mode *mode)
{
    return (uint64_t)mode->pitch * (mode->height - 1) + mode->width * pixel_bytes(mode);
}

static uint32_t field_value(struct framebuffer_field field, unsigned value)
{
    uint32_t most = (uint32_t)BIT(field.size) - 1;
    return (value * most + UINT8_MAX / 2) / UINT8_MAX << field.position;
}

static void make_palette(struct framebuffer *framebuffer, const struct framebuffer_mode *mode)
{
    for (unsigned i = 0; i < FRAMEBUFFER_COLOURS; i++) {
        framebuffer->palette[i] = field_value(mode->red, colours[i][0]) |
                                  field_value(mode->green, colours[i][1]) |
                                  field_value(mode->blue, colours[i][2]);
    }
}

// The place of the first cell's pixels. Half of the margin lies before them.
static uint64_t margin_bytes(const struct framebuffer *framebuffer,
                             const struct framebuffer_mode *mode)
{
    unsigned width = framebuffer->columns * FONT_WIDTH * framebuffer->scale;
    unsigned height = framebuffer->rows * FONT_HEIGHT * framebuffer->scale;
    return (mode->height - height) / 2 * framebuffer->pitch +
           (uint64_t)(mode->width - width) / 2 * framebuffer->pixel_bytes;
}

// Makes one line of pixels out of a row of dots. Returns its bytes.
static unsigned make_line(const struct framebuffer *framebuffer, unsigned dots,
                          const uint32_t pixel_values[2], uint8_t *line)
{
    unsigned at = 0;
    for (unsigned bit = FONT_WIDTH; bit-- > 0;) {
        uint32_t pixel = pixel_values[dots >> bit & 1];
        for (unsigned i = 0; i < framebuffer->scale; i++) {
            __builtin_memcpy(line + at, &pixel, sizeof(pixel));
            at += framebuffer->pixel_bytes;
        }
    }
    return at;
}

static void copy_line(uint8_t *to, const uint8_t *line, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += RUN_BYTES) {
        __builtin_memcpy(to + i, line + i, RUN_BYTES);
    }
}

// The cursor is the last rows of dots.
static void draw_cell(struct glass_display *display, unsigned row, unsigned column, uint16_t cell,
                      bool cursor)
{
    const struct framebuffer *framebuffer = container_of(display, struct framebuffer, display);
    unsigned cursor_row = cursor ? CURSOR_FIRST_ROW : FONT_HEIGHT;
    unsigned attribute = cell >> ATTRIBUTE_SHIFT;
    const uint32_t pixel_values[2] = {
        framebuffer->palette[attribute >> BACKGROUND_SHIFT & BACKGROUND_MASK],
        framebuffer->palette[attribute & FOREGROUND_MASK]};
    uint8_t line[LINE_BYTES_MAX + PIXEL_BYTES_MAX]; // a pixel of 3 bytes is written as 4 bytes
    unsigned scale = framebuffer->scale;
    uint8_t *to = framebuffer->pixels + (uint64_t)row * FONT_HEIGHT * scale * framebuffer->pitch +
                  (uint64_t)column * FONT_WIDTH * scale * framebuffer->pixel_bytes;
    unsigned bytes = 0;
    unsigned previous = UINT8_MAX + 1; // a value that no row of dots has
    for (unsigned y = 0; y < FONT_HEIGHT; y++) {
        unsigned dots = y >= cursor_row ? UINT8_MAX : font_row((char)cell, y);
        if (dots != previous) {
            bytes = make_line(framebuffer, dots, pixel_values, line);
            previous = dots;
        }
        for (unsigned i = 0; i < scale; i++) {
            copy_line(to, line, bytes);
            to += framebuffer->pitch;
        }
    }
}

// A locked instruction empties the write-combining buffers (SDM Vol. 3A 12.3.1). A CPU that halts
// would otherwise keep them.
static void finish(struct glass_display *display, unsigned cursor)
{
    (void)display;
    (void)cursor;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void framebuffer_init(struct framebuffer *framebuffer, const struct framebuffer_mode *mode,
                      void *pixels)
{
    unsigned scale = MIN(mode->width / (COMFORTABLE_COLUMNS * FONT_WIDTH),
                         mode->height / (COMFORTABLE_ROWS * FONT_HEIGHT));
    memset(framebuffer, 0, sizeof(*framebuffer));
    framebuffer->display = (struct glass_display){.draw_cell = draw_cell, .finish = finish};
    framebuffer->pitch = mode->pitch;
    framebuffer->pixel_bytes = (unsigned)pixel_bytes(mode);
    framebuffer->scale = MAX(MIN(scale, SCALE_MAX), 1);
    framebuffer->columns =
        MIN(mode->width / (FONT_WIDTH * framebuffer->scale), TEXT_SCREEN_COLUMNS_MAX);
    framebuffer->rows =
        MIN(mode->height / (FONT_HEIGHT * framebuffer->scale),
            MIN(TEXT_SCREEN_CELLS_MAX / framebuffer->columns, TEXT_SCREEN_ROWS_MAX));
    framebuffer->pixels = (uint8_t *)pixels + margin_bytes(framebuffer, mode);
    make_palette(framebuffer, mode);
    for (uint32_t y = 0; y < mode->height; y++) {
        memset((uint8_t *)pixels + y * framebuffer->pitch, 0, mode->width * pixel_bytes(mode));
    }
}
