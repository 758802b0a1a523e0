// SPDX-License-Identifier: MIT
// The ring of log lines, and the hook that gets each new line.
#include "arch/x86/log.h"

#include <stdarg.h>

#include "arch/x86/cpu.h"
#include "arch/x86/instructions.h"
#include "arch/x86/spinlock.h"
#include "vmm/util/format.h"
#include "vmm/util/nanoseconds.h"

#define RING_BYTES (64 * KIB)

static struct spinlock lock;
static uint64_t lines_dropped;

// Positions count all bytes that were ever written. The ring holds the last RING_BYTES of them.
static char ring[RING_BYTES];
static uint64_t ring_end;

static void (*output)(const char *text, size_t length);
static uint64_t (*clock_ns)(void);

void log_set_output(void (*new_output)(const char *text, size_t length))
{
    __atomic_store_n(&output, new_output, __ATOMIC_RELEASE);
}

void log_set_clock(uint64_t (*now_ns)(void))
{
    __atomic_store_n(&clock_ns, now_ns, __ATOMIC_RELEASE);
}

static size_t stamp(char *text, size_t size)
{
    uint64_t (*now)(void) = __atomic_load_n(&clock_ns, __ATOMIC_ACQUIRE);
    uint64_t ns = now ? now() : 0;
    return format_text(text, size, "[%5llu.%06llu] ", ns / NS_PER_S, ns % NS_PER_S / NS_PER_US);
}

static void keep_and_show(const char *text, size_t length)
{
    void (*show)(const char *, size_t) = __atomic_load_n(&output, __ATOMIC_ACQUIRE);
    uint64_t flags = spinlock_acquire(&lock);
    for (size_t i = 0; i < length; i++) {
        ring[(ring_end + i) % RING_BYTES] = text[i];
    }
    __atomic_store_n(&ring_end, ring_end + length, __ATOMIC_RELAXED);
    if (show) {
        show(text, length);
    }
    spinlock_release(&lock, flags);
}

static void tell_dropped(void)
{
    char text[LOG_LINE_BYTES];
    size_t length;
    uint64_t dropped = __atomic_exchange_n(&lines_dropped, 0, __ATOMIC_RELAXED);
    if (dropped == 0) {
        return;
    }
    length = stamp(text, sizeof(text));
    length += format_text(text + length, sizeof(text) - length,
                          "log: %lu lines of an NMI or machine check are lost\n", dropped);
    keep_and_show(text, length);
}

void log_line(const char *format, ...)
{
    char text[LOG_LINE_BYTES];
    size_t length = stamp(text, sizeof(text));
    va_list arguments;
    va_start(arguments, format);
    length += format_text_v(text + length, sizeof(text) - length - 1, format, arguments);
    va_end(arguments);
    length = MIN(length, sizeof(text) - 2);
    text[length++] = '\n';

    uint64_t flags = interrupts_save();
    struct cpu *cpu = cpu_this();
    if (cpu->logging) { // an NMI or machine check interrupted the lines below
        __atomic_fetch_add(&lines_dropped, 1, __ATOMIC_RELAXED);
    } else {
        cpu->logging = true;
        keep_and_show(text, length);
        tell_dropped();
        cpu->logging = false;
    }
    interrupts_restore(flags);
}

static char ring_at(uint64_t position)
{
    return ring[position % RING_BYTES];
}

// Where reading goes on: at `position`, or at the first whole line that the ring still has.
static uint64_t clamp(uint64_t position)
{
    if (ring_end - position <= RING_BYTES) {
        return position;
    }
    position = ring_end - RING_BYTES;
    while (position < ring_end && ring_at(position++) != '\n') {
        ;
    }
    return position;
}

bool log_next(uint64_t *position, char *line, size_t size)
{
    size_t length = 0;
    uint64_t flags = spinlock_acquire(&lock);
    uint64_t at = clamp(*position);
    bool found = at < ring_end;
    while (at < ring_end) {
        char character = ring_at(at++);
        if (character == '\n') {
            break;
        }
        if (length + 1 < size) {
            line[length++] = character;
        }
    }
    spinlock_release(&lock, flags);
    if (size != 0) {
        line[length] = '\0';
    }
    *position = at;
    return found;
}

uint64_t log_end(void)
{
    return __atomic_load_n(&ring_end, __ATOMIC_RELAXED);
}
