// SPDX-License-Identifier: MIT
// The console: one stream of text for the user, which every output of the machine shows.
#pragma once

#include "vmm/util/types.h"

#define CONSOLE_OUTPUTS_MAX 16
#define CONSOLE_COLUMNS 80       // of a terminal whose width is unknown
#define CONSOLE_RING_CELLS 16384 // a power of two
// Guests may fill only this much of the ring, so that the echo of typed keys comes soon: these
// cells take 45 ms at 115200 baud.
#define CONSOLE_GUEST_CELLS 512
#define CONSOLE_REST_CELLS 64 // how often text that is written offers to rest

// A place where the text appears. `write` takes what it can at once and returns how much that is.
// `room` returns how much `write` would take now. Neither waits, and an output may show the text
// later. Lines end in "\r\n", so an output adds nothing. Husk's own text uses only printable ASCII,
// \r, \n, \b, \t, BEL, ESC [ K and, with `colour`, ESC [ ... m (Ctrl-L also sends ESC [ H ESC [ 2
// J). A guest that has the terminal may send any byte; CAN (0x18) ends an unfinished sequence.
struct console_output {
    size_t (*write)(struct console_output *output, const char *text, size_t length);
    size_t (*room)(struct console_output *output);
    bool colour;      // the output gets colour codes too
    unsigned columns; // of a row; text that is longer wraps
    // The console's own:
    bool stalled;  // the output took nothing for long: the console does not wait for it
    uint32_t next; // position in the ring of the next cell for the output
};

// What the console asks of the machine.
struct console_machine {
    uint64_t (*now_ns)(void);
    // Lets others have the CPU for a while, if the writer's turn has been long enough or if
    // `waits`: no output has room, so the writer cannot go on. It is called in the middle of a
    // text, and must not write to the console.
    void (*rest)(bool waits);
};

// One CPU uses it. Positions count all cells ever and wrap at 2^32.
struct console {
    const struct console_machine *machine;
    unsigned output_count;
    struct console_output *outputs[CONSOLE_OUTPUTS_MAX];
    uint32_t end;                      // position of the next cell to fill
    uint32_t rest_at;                  // position before which the writer offers to rest
    uint16_t ring[CONSOLE_RING_CELLS]; // a byte, with CELL_COLOUR in a colour code
};

void console_init(struct console *console, const struct console_machine *machine);

// False: there are CONSOLE_OUTPUTS_MAX already. The output shows what is written from now on.
bool console_add(struct console *console, struct console_output *output);

// The columns of the narrowest output; CONSOLE_COLUMNS if there is none.
unsigned console_columns(const struct console *console);

// Writes text of Husk; each '\n' is sent as "\r\n". Waits for room, so nothing is lost. But an
// output that takes nothing for 5 s is left behind until it works again. Others may use the CPU
// meanwhile (console_machine).
void console_write(struct console *console, const char *text, size_t length);
void console_print(struct console *console, const char *text);
void console_format(struct console *console, const char *format, ...) PRINTF_LIKE(2, 3);

// Writes a colour code, such as "\x1b[32m". Only outputs with colour get it.
void console_colour(struct console *console, const char *code);

// Writes a guest's bytes as they are. Waits for room like console_write.
void console_raw(struct console *console, const char *bytes, size_t length);

// Undoes what a guest may have done to the user's terminal, and puts the cursor on the last row.
void console_reset_terminal(struct console *console);

// How many cells of guests fit now: a write of that many does not wait.
size_t console_guest_room(const struct console *console);

// Offers to rest, as writing does. For a command that may compute for long before it writes.
void console_rest(struct console *console);

// Moves text to the outputs without waiting, to each no more than a bounded amount.
void console_pump(struct console *console);
// Whether an output has room for a good part of what it has not taken yet.
bool console_wants_pump(const struct console *console);
// Cells that the slowest output has not taken yet.
size_t console_backlog(const struct console *console);
// Waits until every output has taken everything. Called before the machine is switched off.
void console_flush(struct console *console);
