// SPDX-License-Identifier: MIT
// Formats lines for a sink.
#include "vmm/util/line_sink.h"

#include <stdarg.h>

#include "vmm/util/format.h"

#define LINE_BYTES 256

void line_sink_format(struct line_sink *sink, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    sink->line(sink, text);
}
