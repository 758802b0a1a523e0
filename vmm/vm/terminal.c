// SPDX-License-Identifier: MIT
// Two byte rings between a VM and CPU 0, and the history of the guest's output.
#include "vmm/vm/terminal.h"

static_assert((TERMINAL_OUTPUT_BYTES & (TERMINAL_OUTPUT_BYTES - 1)) == 0, "positions wrap");
static_assert((TERMINAL_INPUT_BYTES & (TERMINAL_INPUT_BYTES - 1)) == 0, "positions wrap");

// Only the owner of a position writes it, so its owner may read it in any order. The other side
// loads it with acquire, and the owner stores it with release. So a byte is seen before the
// position that covers it.
static uint32_t own(const uint32_t *position)
{
    return __atomic_load_n(position, __ATOMIC_RELAXED);
}

static uint32_t others(const uint32_t *position)
{
    return __atomic_load_n(position, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *position, uint32_t value)
{
    __atomic_store_n(position, value, __ATOMIC_RELEASE);
}

static bool ring_put(uint8_t *ring, uint32_t size, uint32_t *head, const uint32_t *tail,
                     uint8_t byte)
{
    uint32_t at = own(head);
    if (at - others(tail) >= size) {
        return false;
    }
    ring[at % size] = byte;
    publish(head, at + 1);
    return true;
}

static int ring_get(const uint8_t *ring, uint32_t size, const uint32_t *head, uint32_t *tail)
{
    uint32_t at = own(tail);
    if (at == others(head)) {
        return -1;
    }
    uint8_t byte = ring[at % size];
    publish(tail, at + 1);
    return byte;
}

void terminal_init(struct terminal *terminal)
{
    terminal->output_head = 0;
    terminal->output_tail = 0;
    terminal->input_head = 0;
    terminal->input_tail = 0;
    terminal->room_wanted = false;
    terminal->history_length = 0;
}

static bool put(struct terminal *terminal, uint8_t byte)
{
    return ring_put(terminal->output, TERMINAL_OUTPUT_BYTES, &terminal->output_head,
                    &terminal->output_tail, byte);
}

// The consumer may empty the ring after put() refused the byte and before room_wanted is set. It
// then does not look at room_wanted again, so the byte is offered once more.
bool terminal_put(struct terminal *terminal, uint8_t byte)
{
    if (put(terminal, byte)) {
        return true;
    }
    __atomic_store_n(&terminal->room_wanted, true, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return put(terminal, byte);
}

int terminal_get(struct terminal *terminal)
{
    return ring_get(terminal->input, TERMINAL_INPUT_BYTES, &terminal->input_head,
                    &terminal->input_tail);
}

bool terminal_has_output(const struct terminal *terminal)
{
    return own(&terminal->output_tail) != others(&terminal->output_head);
}

int terminal_take(struct terminal *terminal)
{
    int byte = ring_get(terminal->output, TERMINAL_OUTPUT_BYTES, &terminal->output_head,
                        &terminal->output_tail);
    if (byte >= 0) {
        terminal->history[terminal->history_length % TERMINAL_HISTORY_BYTES] = (char)byte;
        terminal->history_length++;
    }
    return byte;
}

bool terminal_take_room_wanted(struct terminal *terminal)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // the new room is seen before the flag is cleared
    return __atomic_exchange_n(&terminal->room_wanted, false, __ATOMIC_SEQ_CST);
}

bool terminal_type(struct terminal *terminal, uint8_t byte)
{
    return ring_put(terminal->input, TERMINAL_INPUT_BYTES, &terminal->input_head,
                    &terminal->input_tail, byte);
}

uint64_t terminal_history_start(const struct terminal *terminal)
{
    return terminal->history_length - MIN(terminal->history_length, TERMINAL_HISTORY_BYTES);
}

char terminal_history_at(const struct terminal *terminal, uint64_t position)
{
    return terminal->history[position % TERMINAL_HISTORY_BYTES];
}
