// SPDX-License-Identifier: MIT
// Takes packets off a line, and makes frames for it.
#include "vmm/debug/gdb/rsp_packet.h"

#include "vmm/util/string.h"

#define CTRL_C 0x03
#define CTRL_RIGHT_BRACKET 0x1d
#define ESCAPE '}'
#define ESCAPE_FLIP 0x20
#define NO_DIGIT 16

// A run is its character, '*', and a printable character: the number of further ones plus 29. It
// must not be '#' or '$' (GDB manual, appendix E, "Overview").
#define RUN_BASE 29
#define RUN_MIN 3
#define RUN_MAX ('~' - RUN_BASE)

void rsp_init(struct rsp *rsp)
{
    memset(rsp, 0, sizeof(*rsp));
}

// ---- In ----

static void add(struct rsp *rsp, char byte)
{
    if (rsp->length == RSP_PACKET_BYTES) {
        rsp->too_long = true;
    } else {
        rsp->packet[rsp->length++] = byte;
    }
}

static void begin(struct rsp *rsp)
{
    rsp->state = RSP_BODY;
    rsp->sum = 0;
    rsp->length = 0;
    rsp->too_long = false;
}

static enum rsp_event between(struct rsp *rsp, uint8_t byte)
{
    switch (byte) {
    case '$':
        begin(rsp);
        break;
    case '+':
        rsp->unanswered = false;
        break;
    case '-':
        rsp->frame_sent = rsp->no_acks ? rsp->frame_sent : 0;
        break;
    case CTRL_C:
        return RSP_INTERRUPT;
    case CTRL_RIGHT_BRACKET:
        return RSP_LEAVE;
    default:
        break;
    }
    return RSP_NOTHING;
}

static void body(struct rsp *rsp, uint8_t byte)
{
    if (byte == '#') {
        rsp->state = RSP_SUM_HIGH;
        return;
    }
    rsp->sum = (uint8_t)(rsp->sum + byte);
    if (byte == ESCAPE) {
        rsp->state = RSP_ESCAPED;
    } else {
        add(rsp, (char)byte);
    }
}

// A packet that is too long gets no answer but the empty one, as one that is not known.
static enum rsp_event end(struct rsp *rsp, unsigned digit)
{
    bool good = digit < NO_DIGIT && (rsp->wanted << 4 | digit) == rsp->sum;
    rsp->state = RSP_BETWEEN;
    if (!rsp->no_acks) {
        rsp->ack = good ? '+' : '-';
    }
    if (!good) {
        return RSP_NOTHING;
    }
    if (rsp->too_long) {
        rsp->length = 0;
    }
    rsp->packet[rsp->length] = '\0';
    rsp->unanswered = false; // the far end has the reply before
    return RSP_PACKET;
}

enum rsp_event rsp_byte(struct rsp *rsp, uint8_t byte)
{
    unsigned digit = text_digit((char)byte);
    if (rsp->state == RSP_BETWEEN) {
        return between(rsp, byte);
    }
    if (byte == '$') { // inside of a packet it is escaped, so the packet before broke off
        begin(rsp);
        return RSP_NOTHING;
    }
    switch (rsp->state) {
    case RSP_ESCAPED:
        rsp->sum = (uint8_t)(rsp->sum + byte);
        add(rsp, (char)(byte ^ ESCAPE_FLIP));
        rsp->state = RSP_BODY;
        break;
    case RSP_SUM_HIGH:
        // A wrong digit makes a wrong sum below.
        rsp->wanted = (uint8_t)(digit < NO_DIGIT ? digit : (rsp->sum >> 4) ^ 1);
        rsp->state = RSP_SUM_LOW;
        break;
    case RSP_SUM_LOW:
        return end(rsp, digit);
    default:
        body(rsp, byte);
        break;
    }
    return RSP_NOTHING;
}

// ---- Out ----

bool rsp_is_sent(const struct rsp *rsp)
{
    return rsp->ack == 0 && rsp->frame_sent == rsp->frame_length;
}

bool rsp_is_idle(const struct rsp *rsp)
{
    return rsp_is_sent(rsp) && !rsp->unanswered;
}

static void put(struct rsp *rsp, char byte)
{
    rsp->frame[rsp->frame_length++] = byte;
}

static bool must_be_escaped(char byte)
{
    return byte == '#' || byte == '$' || byte == ESCAPE || byte == '*';
}

static size_t run_of(const char *text, size_t length)
{
    size_t run = 1;
    while (run < length && run <= RUN_MAX && text[run] == text[0]) {
        run++;
    }
    return run - 1;
}

// Sends text[0], and returns how many of the same that follow are sent with it.
static size_t put_run(struct rsp *rsp, const char *text, size_t length)
{
    size_t more = run_of(text, length);
    if (must_be_escaped(text[0])) {
        put(rsp, ESCAPE);
        put(rsp, (char)(text[0] ^ ESCAPE_FLIP));
        return 0;
    }
    put(rsp, text[0]);
    if (more < RUN_MIN) {
        return 0;
    }
    if (more + RUN_BASE == '#' || more + RUN_BASE == '$') {
        more = '#' - RUN_BASE - 1;
    }
    put(rsp, '*');
    put(rsp, (char)(more + RUN_BASE));
    return more;
}

void rsp_send(struct rsp *rsp, const char *text, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    rsp->frame_length = 0;
    rsp->frame_sent = 0;
    put(rsp, '$');
    for (size_t i = 0; i < MIN(length, RSP_PACKET_BYTES); i++) {
        i += put_run(rsp, text + i, length - i);
    }
    uint8_t sum = bytes_sum(rsp->frame + 1, rsp->frame_length - 1);
    put(rsp, '#');
    put(rsp, digits[sum >> 4]);
    put(rsp, digits[sum & 0xf]);
    rsp->unanswered = !rsp->no_acks;
}

const char *rsp_pending(const struct rsp *rsp, size_t *length)
{
    if (rsp->ack != 0) {
        *length = 1;
        return &rsp->ack;
    }
    *length = rsp->frame_length - rsp->frame_sent;
    return rsp->frame + rsp->frame_sent;
}

void rsp_sent(struct rsp *rsp, size_t bytes)
{
    if (bytes > 0 && rsp->ack != 0) {
        rsp->ack = 0;
    } else {
        rsp->frame_sent += bytes;
    }
}
