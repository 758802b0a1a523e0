// SPDX-License-Identifier: MIT
// One ring of text cells. Each output reads it at its own pace.
#include "vmm/console/console.h"

#include <stdarg.h>

#include "vmm/util/format.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/patience.h"
#include "vmm/util/string.h"

#define CELL_COLOUR BIT(8)
#define FORMAT_BYTES 512
#define CHUNK_CELLS 64
#define PUMP_ROOM 128              // an output with so much room is worth a call of console_pump
#define PUMP_CHUNKS 16             // that one call of console_pump gives to an output
#define PATIENCE_NS (5 * NS_PER_S) // how long an output that takes nothing is waited for

static_assert((CONSOLE_RING_CELLS & (CONSOLE_RING_CELLS - 1)) == 0, "positions wrap");

void console_init(struct console *console, const struct console_machine *machine)
{
    console->machine = machine;
    console->output_count = 0;
    console->end = 0;
    console->rest_at = CONSOLE_REST_CELLS;
}

bool console_add(struct console *console, struct console_output *output)
{
    if (console->output_count == CONSOLE_OUTPUTS_MAX) {
        return false;
    }
    output->stalled = false;
    output->next = console->end;
    console->outputs[console->output_count++] = output;
    return true;
}

unsigned console_columns(const struct console *console)
{
    unsigned columns = console->output_count > 0 ? UINT32_MAX : CONSOLE_COLUMNS;
    for (unsigned i = 0; i < console->output_count; i++) {
        columns = MIN(columns, console->outputs[i]->columns);
    }
    return columns;
}

// Copies the next characters for `output`: at most `room`, of at most CHUNK_CELLS cells. Returns
// the position after them.
static uint32_t gather(const struct console *console, const struct console_output *output,
                       size_t room, char *text, size_t *count)
{
    uint32_t at = output->next;
    uint32_t end = at + MIN(console->end - at, CHUNK_CELLS);
    *count = 0;
    for (; at != end; at++) {
        uint16_t cell = console->ring[at % CONSOLE_RING_CELLS];
        if ((cell & CELL_COLOUR) == 0 || output->colour) {
            if (*count == room) {
                break;
            }
            text[(*count)++] = (char)cell;
        }
    }
    return at;
}

// Gives the output one chunk. False: the output has everything, or takes nothing now.
static bool pump_chunk(const struct console *console, struct console_output *output)
{
    char text[CHUNK_CELLS];
    size_t count;
    if (output->next == console->end) {
        return false;
    }
    uint32_t after = gather(console, output, output->room(output), text, &count);
    if (count > 0) {
        size_t taken = output->write(output, text, count);
        if (taken < count) {
            after = gather(console, output, taken, text, &count);
        }
    }

    bool moved = after != output->next;
    output->next = after;
    return moved;
}

void console_pump(struct console *console)
{
    for (unsigned i = 0; i < console->output_count; i++) {
        struct console_output *output = console->outputs[i];
        unsigned chunks = 0;
        if (output->stalled) {
            output->next = console->end;
            output->stalled = output->room(output) == 0;
        }
        while (chunks < PUMP_CHUNKS && pump_chunk(console, output)) {
            chunks++;
        }
    }
}

bool console_wants_pump(const struct console *console)
{
    for (unsigned i = 0; i < console->output_count; i++) {
        struct console_output *output = console->outputs[i];
        uint32_t backlog = console->end - output->next;
        if (backlog > 0 && !output->stalled &&
            output->room(output) >= MIN(backlog, (uint32_t)PUMP_ROOM)) {
            return true;
        }
    }
    return false;
}

size_t console_backlog(const struct console *console)
{
    uint32_t backlog = 0;
    for (unsigned i = 0; i < console->output_count; i++) {
        const struct console_output *output = console->outputs[i];
        if (!output->stalled) {
            backlog = MAX(backlog, console->end - output->next);
        }
    }
    return backlog;
}

static void give_up(struct console *console, size_t backlog)
{
    for (unsigned i = 0; i < console->output_count; i++) {
        struct console_output *output = console->outputs[i];
        output->stalled = output->stalled || console->end - output->next >= backlog;
    }
}

// Waits until every output is at most `allowed` cells behind, stalled outputs excepted.
static void wait_for(struct console *console, size_t allowed)
{
    const struct console_machine *machine = console->machine;
    size_t backlog = console_backlog(console);
    struct patience patience = patience_begin(machine->now_ns());
    while (backlog > allowed) {
        console_pump(console);
        size_t left = console_backlog(console);
        if (left > allowed) {
            machine->rest(true);
        }
        patience_look(&patience, machine->now_ns());
        if (left < backlog) {
            patience.waited_ns = 0;
        }
        if (patience.waited_ns >= PATIENCE_NS) {
            give_up(console, backlog);
            left = console_backlog(console);
        }
        backlog = left;
    }
}

void console_rest(struct console *console)
{
    console_pump(console);
    wait_for(console, CONSOLE_RING_CELLS - CONSOLE_REST_CELLS);
    console->machine->rest(false);
    console->rest_at = console->end + CONSOLE_REST_CELLS;
}

static void push(struct console *console, uint16_t cell)
{
    if (console->end == console->rest_at) {
        console_rest(console);
    }
    console->ring[console->end % CONSOLE_RING_CELLS] = cell;
    console->end++;
}

void console_write(struct console *console, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            push(console, '\r');
        }
        push(console, (uint8_t)text[i]);
    }
}

void console_print(struct console *console, const char *text)
{
    console_write(console, text, strlen(text));
}

void console_format(struct console *console, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    console_print(console, text);
}

void console_colour(struct console *console, const char *code)
{
    for (; *code != '\0'; code++) {
        push(console, (uint16_t)((uint8_t)*code | CELL_COLOUR));
    }
}

void console_raw(struct console *console, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        push(console, (uint8_t)bytes[i]);
    }
}

// The private modes (DECRST) fit into sequences of less than 16 numbers, which is all that some
// terminals take. A terminal that does not know one of the sequences ignores it.
static const char terminal_reset[] =
    "\x18"                 // CAN ends an unfinished sequence
    "\x1b<"                // from VT52 mode back to ANSI
    "\x1b F"               // S7C1T: answers begin with ESC, not with a byte from 0x80 on
    "\x1b[4i"              // MC: no printer takes the text
    "\x1b[?1047l\x1b[?47l" // from the alternate screen back to the normal one
    "\x1b[!p"              // DECSTR: a soft reset. Not every terminal has it.
    "\x1b[m"               // SGR: no colours
    "\x0f\x1b(B\x1b)B"     // G0 is in use; G0 and G1 are ASCII
    "\x1b>"                // DECKPNM: the keypad types digits
    "\x1b[2;4;20l\x1b[12h" // keyboard unlocked, no insert mode, no new-line mode, no local echo
    "\x1b[?1;5;6;69l"      // cursor keys, normal colours, origin mode, left and right margins
    "\x1b[?7;25h"          // lines wrap; the cursor is shown
    "\x1b[?9;1000;1001;1002;1003;1004;1005;1006;1015;1016l" // mouse and focus reports
    "\x1b[?2004;2026;2031;2048l" // bracketed paste, held output, reports of colours and sizes
    "\x1b[>4;0m\x1b[=0u"         // keys send what they always did (xterm's and kitty's protocols)
    "\x1b[r\x1b[999;1H";         // no scroll region; the cursor on the last row

void console_reset_terminal(struct console *console)
{
    console_raw(console, terminal_reset, sizeof(terminal_reset) - 1);
}

size_t console_guest_room(const struct console *console)
{
    size_t backlog = console_backlog(console);
    return CONSOLE_GUEST_CELLS - MIN(backlog, CONSOLE_GUEST_CELLS);
}

void console_flush(struct console *console)
{
    wait_for(console, 0);
}
