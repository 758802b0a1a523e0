// SPDX-License-Identifier: MIT
// The console: one stream of text for the user, shown by every output of the machine.
#pragma once

#include <stdarg.h>

#include "vmm/util/types.h"

#define CONSOLE_OUTPUTS_MAX 16
#define CONSOLE_RING_CELLS 16384 // a power of two
// Guests may fill the ring this far only, so that what the user types is echoed soon.
#define CONSOLE_GUEST_CELLS 2048

// A place where the text appears. `write` takes what it can at once and returns how much it took;
// `room` is how much it would take now; neither waits. Lines end in "\r\n": an output adds nothing.
// Husk's own text uses only printable ASCII, \r, \n, \b, \t, BEL, ESC [ K, and, with `colour`,
// ESC [ ... m (Ctrl-L also sends ESC [ H ESC [ 2 J). A guest that the user is connected to may send
// any byte; CAN (0x18) ends an unfinished sequence. `flush`, which may be NULL, is called after a
// series of writes: an output may show them only then.
struct console_output {
    size_t (*write)(struct console_output *output, const char *text, size_t length);
    size_t (*room)(struct console_output *output);
    void (*flush)(struct console_output *output);
    bool colour;   // gets colour codes too
    bool stalled;  // the console's: it took nothing for long, its text is lost, not waited for
    uint32_t next; // the console's: position in the ring
};

// Used by one CPU, except console_panic. Positions count cells for ever and wrap at 2^32.
struct console {
    unsigned output_count;
    struct console_output *outputs[CONSOLE_OUTPUTS_MAX];
    uint32_t end;                      // position of the next cell to fill
    uint16_t ring[CONSOLE_RING_CELLS]; // a byte, and CELL_COLOUR where it belongs to a colour code
};

void console_init(struct console *console);

// False: there are CONSOLE_OUTPUTS_MAX already. The output shows what is written from now on.
bool console_add(struct console *console, struct console_output *output);

// Text of Husk: every '\n' is sent as "\r\n". Waits for room, so nothing is lost; an output that
// takes nothing for about a second is left behind until it works again.
void console_write(struct console *console, const char *text, size_t length);
void console_print(struct console *console, const char *text);
void console_format(struct console *console, const char *format, ...) PRINTF_LIKE(2, 3);

// A colour code, such as "\x1b[32m": sent only to outputs with colour.
void console_colour(struct console *console, const char *code);

// Bytes as they are, for a guest that the user is connected to. Waits for room like console_write.
void console_raw(struct console *console, const char *bytes, size_t length);

// How many cells guests may add now without anybody waiting.
size_t console_guest_room(const struct console *console);

// Moves text to the outputs without waiting.
void console_pump(struct console *console);
// Cells that the slowest output has not taken yet.
size_t console_backlog(const struct console *console);
// Waits until every output has taken everything: before the machine is switched off.
void console_flush(struct console *console);

// For panics, on any CPU: bypasses the ring and writes straight to every output.
void console_panic(struct console *console, const char *text);
