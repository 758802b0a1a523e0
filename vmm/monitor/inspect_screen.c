// SPDX-License-Identifier: MIT
// Snapshots of a VM's text screen, in characters that every terminal has.
#include "vmm/monitor/inspect_screen.h"

#include "vmm/address.h"
#include "vmm/board/pc_front.h"
#include "vmm/devices/vga.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/monitor/inspect.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

#define COLUMNS_MAX 80U
#define ROWS_MAX 50U
#define BAR_COLUMNS 3 // "| ", and the last column, behind which some terminals wrap
static_assert((size_t)COLUMNS_MAX * ROWS_MAX <= INSPECT_READ_MAX, "a screen fits into the buffer");

struct screen_snapshot {
    bool valid;
    struct vga_view view;
    unsigned columns; // of `text`
    unsigned rows;
    uint8_t *text;
};

// The adapter's font has code page 437. A character that is not ASCII becomes one that looks like
// it.
static char to_ascii(uint8_t character)
{
    static const char low[] = " @@****.oo0*****><|!PS-|^v><L-^v";
    static const char high[] = "^CueaaaaceeeiiiAAEaAooouuyOUcLYPfaiounNao?--24!<>::#|++++++|+++++"
                               "++++-++++++++=+++++++++++++#_||-abGpSsutFTOd8fen=+><||:~o..vn2# ";
    static_assert(sizeof(low) == 0x20 + 1 && sizeof(high) == 0x81 + 1, "0 to 0x1f, 0x7f to 0xff");

    if (character < 0x20) {
        return low[character];
    }
    return character < 0x7f ? (char)character : high[character - 0x7f];
}

static void take_screen(struct vm *vm, void *context)
{
    struct screen_snapshot *snapshot = context;
    const uint8_t *cells = guest_memory_at(&vm->memory, gpa(GUEST_VGA_TEXT), GUEST_VGA_TEXT_BYTES);
    if (vm->state == VM_OFF || !vm->pc || !cells) {
        return;
    }
    snapshot->valid = true;
    snapshot->view = pc_screen(vm->pc);
    snapshot->columns = MIN(snapshot->view.columns, COLUMNS_MAX);
    snapshot->rows = MIN(snapshot->view.rows, ROWS_MAX);
    for (unsigned row = 0; row < snapshot->rows; row++) {
        for (unsigned column = 0; column < snapshot->columns; column++) {
            unsigned cell = snapshot->view.start + row * snapshot->view.row_pitch + column;
            snapshot->text[row * snapshot->columns + column] =
                cells[(size_t)(cell % VGA_TEXT_CELLS) * 2]; // the other byte is the colour
        }
    }
}

static void show_size(const struct screen_snapshot *snapshot, struct line_sink *sink)
{
    const struct vga_view *view = &snapshot->view;
    unsigned behind = (view->cursor - view->start) % VGA_TEXT_CELLS;
    // Some programs hide it behind the last row.
    if (view->cursor_shown && behind < view->rows * view->row_pitch) {
        line_sink_format(sink, "%u columns, %u rows, cursor in column %u of row %u", view->columns,
                         view->rows, behind % view->row_pitch + 1, behind / view->row_pitch + 1);
    } else {
        line_sink_format(sink, "%u columns, %u rows, cursor off", view->columns, view->rows);
    }
}

// Writes the row without the blanks at its end. Returns its length.
static unsigned row_text(const struct screen_snapshot *snapshot, unsigned row,
                         char text[COLUMNS_MAX + 1])
{
    unsigned length = 0;
    for (unsigned column = 0; column < snapshot->columns; column++) {
        text[column] = to_ascii(snapshot->text[row * snapshot->columns + column]);
        if (text[column] != ' ') {
            length = column + 1;
        }
    }
    text[length] = '\0';
    return length;
}

// Shows the row as one or more lines that no terminal wraps: the text never begins in column 1.
static void show_row(const char *text, struct line_sink *sink)
{
    size_t width = sink->columns > BAR_COLUMNS ? sink->columns - BAR_COLUMNS : 1;
    size_t length = strlen(text);
    line_sink_format(sink, "|%s%.*s", length > 0 ? " " : "", (int)MIN(length, width), text);
    for (size_t at = width; at < length; at += width) {
        line_sink_format(sink, "|+%.*s", (int)MIN(length - at, width), text + at);
    }
}

static void show_rows(const struct screen_snapshot *snapshot, struct line_sink *sink)
{
    char text[COLUMNS_MAX + 1];
    unsigned used = snapshot->rows;
    while (used > 0 && row_text(snapshot, used - 1, text) == 0) {
        used--;
    }
    for (unsigned row = 0; row < used; row++) {
        row_text(snapshot, row, text);
        show_row(text, sink);
    }
}

enum status inspect_screen(struct vm *vm, uint8_t *buffer, struct line_sink *sink,
                           struct reason *why)
{
    struct screen_snapshot snapshot = {.text = buffer};
    if (vm->state != VM_OFF) {
        enum status status = vm_call(vm, 0, take_screen, &snapshot, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!snapshot.valid) {
        return refuse(why, STATUS_BUSY, "%s is %s: it has no screen", vm->config.name,
                      vm_state_name(vm->state));
    }
    if (!snapshot.view.is_text) {
        return refuse(why, STATUS_UNSUPPORTED, "%s shows graphics, not text", vm->config.name);
    }
    show_size(&snapshot, sink);
    show_rows(&snapshot, sink);
    return STATUS_OK;
}
