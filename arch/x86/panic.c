// SPDX-License-Identifier: MIT
// Panic: the last words.
#include "arch/x86/panic.h"

#include <stdarg.h>

#include "arch/x86/backtrace.h"
#include "arch/x86/cpu.h"
#include "arch/x86/exception_text.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "vmm/util/format.h"
#include "vmm/util/string.h"

#define TEXT_BYTES 256

void (*panic_stop_others)(void);
void (*panic_tell_guest)(void (*line)(const char *text));
static void (*panic_output)(const char *text, size_t length);
static uint32_t panicking;

void panic_set_output(void (*output)(const char *text, size_t length))
{
    panic_output = output;
}

bool panic_in_progress(void)
{
    return __atomic_load_n(&panicking, __ATOMIC_ACQUIRE) != 0;
}

static void panic_line(const char *text)
{
    if (!panic_output) {
        return;
    }
    panic_output(text, strlen(text));
    panic_output("\n", 1);
}

static _Noreturn void stop(void)
{
    for (;;) {
        interrupts_disable();
        halt();
    }
}

// If several CPUs panic, or a panic panics, only the first one prints.
static void panic_begin(const char *format, va_list arguments)
{
    char message[TEXT_BYTES];
    char text[TEXT_BYTES + 32];
    interrupts_disable();
    if (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL) != 0) {
        stop();
    }
    if (panic_stop_others) {
        panic_stop_others();
    }
    format_text_v(message, sizeof(message), format, arguments);
    format_text(text, sizeof(text), "\nPANIC on CPU %u: %s", cpu_this()->index, message);
    panic_line(text);
}

static _Noreturn void panic_end(uint64_t frame_pointer)
{
    panic_line("called from:");
    backtrace_from(frame_pointer, panic_line);
    if (panic_tell_guest) {
        panic_tell_guest(panic_line);
    }
    panic_line("Husk has stopped.");
    stop();
}

void panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    panic_begin(format, arguments);
    va_end(arguments);
    panic_end((uintptr_t)__builtin_frame_address(0));
}

void panic_frame(const struct interrupt_frame *frame, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    panic_begin(format, arguments);
    va_end(arguments);
    exception_dump(frame, panic_line);
    panic_end(frame->rbp);
}
