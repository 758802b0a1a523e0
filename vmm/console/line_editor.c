// SPDX-License-Identifier: MIT
// One line of text, its cursor and its history, drawn with \r, \b and ESC [ K only.
#include "vmm/console/line_editor.h"

#include "vmm/util/string.h"

#define ERASE_TO_END "\x1b[K"
#define CLEAR_SCREEN "\x1b[H\x1b[2J"
#define BELL "\a"

static void echo(struct line_editor *editor, const char *text)
{
    editor->owner->echo(editor, text, strlen(text));
}

// How many characters of the line fit on the screen beside the prompt.
static size_t window(const struct line_editor *editor)
{
    return LINE_COLUMNS - 1 - strlen(editor->prompt);
}

void line_editor_hide(struct line_editor *editor)
{
    echo(editor, "\r" ERASE_TO_END);
}

void line_editor_show(struct line_editor *editor)
{
    size_t width = window(editor);
    if (editor->cursor < editor->scroll || editor->cursor > editor->scroll + width) {
        editor->scroll = editor->cursor - MIN(editor->cursor, width / 2);
    }

    size_t end = MIN(editor->length, editor->scroll + width);
    echo(editor, "\r");
    echo(editor, editor->prompt);
    editor->owner->echo(editor, editor->text + editor->scroll, end - editor->scroll);
    echo(editor, ERASE_TO_END);
    for (size_t i = editor->cursor; i < end; i++) {
        echo(editor, "\b");
    }
}

static void clear(struct line_editor *editor)
{
    editor->length = 0;
    editor->cursor = 0;
    editor->scroll = 0;
    editor->text[0] = '\0';
    editor->history_back = 0;
}

void line_editor_init(struct line_editor *editor, const struct line_editor_owner *owner,
                      const char *prompt)
{
    editor->owner = owner;
    editor->prompt = prompt;
    key_parser_init(&editor->keys);
    editor->after_cr = false;
    editor->history_count = 0;
    clear(editor);
}

void line_editor_next(struct line_editor *editor)
{
    clear(editor);
}

// Removes the text between `from` and `to`. The cursor is at `from` afterwards.
static void cut(struct line_editor *editor, size_t from, size_t to)
{
    memmove(editor->text + from, editor->text + to, editor->length - to + 1);
    editor->length -= to - from;
    editor->cursor = from;
    line_editor_show(editor);
}

static void insert(struct line_editor *editor, char character)
{
    if (editor->length == LINE_MAX_LENGTH) {
        echo(editor, BELL);
        return;
    }

    char *at = editor->text + editor->cursor;
    memmove(at + 1, at, editor->length - editor->cursor + 1);
    *at = character;
    editor->length++;
    editor->cursor++;
    if (editor->cursor == editor->length && editor->cursor <= editor->scroll + window(editor)) {
        editor->owner->echo(editor, &character, 1);
    } else {
        line_editor_show(editor);
    }
}

static void move_to(struct line_editor *editor, size_t cursor)
{
    editor->cursor = MIN(cursor, editor->length);
    line_editor_show(editor);
}

// Where the word before the cursor starts. `past_spaces`: spaces may lie between word and cursor.
static size_t word_start(const struct line_editor *editor, bool past_spaces)
{
    size_t at = editor->cursor;
    while (past_spaces && at > 0 && editor->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && editor->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static char *history_line(struct line_editor *editor, unsigned back)
{
    return editor->history[(editor->history_count - back) % LINE_HISTORY];
}

static void history_keep(struct line_editor *editor)
{
    bool known = editor->history_count > 0 && text_equal(history_line(editor, 1), editor->text);
    if (editor->length > 0 && !known) {
        editor->history_count++;
        memcpy(history_line(editor, 1), editor->text, editor->length + 1);
    }
}

static void history_move(struct line_editor *editor, bool up)
{
    unsigned kept = MIN(editor->history_count, LINE_HISTORY);
    if (up ? editor->history_back == kept : editor->history_back == 0) {
        echo(editor, BELL);
        return;
    }
    if (editor->history_back == 0) {
        memcpy(editor->draft, editor->text, editor->length + 1);
    }
    editor->history_back += up ? 1U : -1U;

    const char *line =
        editor->history_back == 0 ? editor->draft : history_line(editor, editor->history_back);
    editor->length = strlen(line);
    memcpy(editor->text, line, editor->length + 1);
    editor->scroll = 0;
    move_to(editor, editor->length);
}

struct completion {
    unsigned count;
    const char *first;
    size_t common; // characters that all candidates share
};

static bool completes(const struct line_editor *editor, size_t word, const char *candidate)
{
    size_t typed = editor->cursor - word;
    return strlen(candidate) >= typed && memcmp(candidate, editor->text + word, typed) == 0;
}

static struct completion find_completion(struct line_editor *editor, size_t word)
{
    struct completion found = {0};
    const char *candidate;
    for (unsigned i = 0; (candidate = editor->owner->complete(editor, word, i)); i++) {
        if (!completes(editor, word, candidate)) {
            continue;
        }
        if (found.count++ == 0) {
            found.first = candidate;
            found.common = strlen(candidate);
        }

        size_t same = 0;
        while (same < found.common && candidate[same] == found.first[same]) {
            same++;
        }
        found.common = same;
    }
    return found;
}

static void list_candidates(struct line_editor *editor, size_t word)
{
    const char *candidate;
    echo(editor, "\n");
    for (unsigned i = 0; (candidate = editor->owner->complete(editor, word, i)); i++) {
        if (completes(editor, word, candidate)) {
            echo(editor, candidate);
            echo(editor, "  ");
        }
    }
    echo(editor, "\n");
    line_editor_show(editor);
}

static void complete(struct line_editor *editor)
{
    size_t word = word_start(editor, false);
    size_t typed = editor->cursor - word;
    struct completion found = find_completion(editor, word);
    if (found.count == 0) {
        echo(editor, BELL);
        return;
    }
    for (size_t i = typed; i < found.common; i++) {
        insert(editor, found.first[i]);
    }
    if (found.count == 1) {
        insert(editor, ' ');
    } else if (typed >= found.common) {
        list_candidates(editor, word);
    }
}

static void cancel(struct line_editor *editor)
{
    echo(editor, "^C\n");
    clear(editor);
    line_editor_show(editor);
}

static void delete_key(struct line_editor *editor)
{
    if (editor->cursor < editor->length) {
        cut(editor, editor->cursor, editor->cursor + 1);
    }
}

static void backspace_key(struct line_editor *editor)
{
    if (editor->cursor > 0) {
        cut(editor, editor->cursor - 1, editor->cursor);
    }
}

static void text_key(struct line_editor *editor, unsigned key)
{
    if (key >= ' ' && key <= '~') {
        insert(editor, (char)key);
    } else if (key != KEY_NONE) {
        echo(editor, BELL);
    }
}

// NOLINTNEXTLINE(readability-function-size): a case for each key
static void edit(struct line_editor *editor, unsigned key)
{
    switch (key) {
    case KEY_LEFT:
    case KEY_CTRL('B'):
        move_to(editor, editor->cursor - (editor->cursor > 0));
        break;
    case KEY_RIGHT:
    case KEY_CTRL('F'):
        move_to(editor, editor->cursor + 1);
        break;
    case KEY_HOME:
    case KEY_CTRL('A'):
        move_to(editor, 0);
        break;
    case KEY_END:
    case KEY_CTRL('E'):
        move_to(editor, editor->length);
        break;
    case KEY_UP:
    case KEY_CTRL('P'):
    case KEY_DOWN:
    case KEY_CTRL('N'):
        history_move(editor, key == KEY_UP || key == KEY_CTRL('P'));
        break;
    case KEY_BACKSPACE:
        backspace_key(editor);
        break;
    case KEY_DELETE:
    case KEY_CTRL('D'):
        delete_key(editor);
        break;
    case KEY_CTRL('K'):
        cut(editor, editor->cursor, editor->length);
        break;
    case KEY_CTRL('U'):
        cut(editor, 0, editor->cursor);
        break;
    case KEY_CTRL('W'):
        cut(editor, word_start(editor, true), editor->cursor);
        break;
    case KEY_CTRL('L'):
        echo(editor, CLEAR_SCREEN);
        line_editor_show(editor);
        break;
    case KEY_CTRL('C'):
        cancel(editor);
        break;
    case '\t':
        complete(editor);
        break;
    default:
        text_key(editor, key);
        break;
    }
}

enum line_result line_editor_byte(struct line_editor *editor, uint8_t byte)
{
    unsigned key = key_parser_byte(&editor->keys, byte);
    bool second_half = key == '\n' && editor->after_cr;
    editor->after_cr = key == '\r';
    if (second_half) {
        return LINE_EDITING;
    }
    if (key != '\r' && key != '\n') {
        edit(editor, key);
        return LINE_EDITING;
    }
    echo(editor, "\n");
    history_keep(editor);
    return LINE_READY;
}
