// SPDX-License-Identifier: MIT
// Formatted lines for the host's log.
#include "vmm/host.h"

#include <stdarg.h>

#include "vmm/util/format.h"

#define LINE_BYTES 240

void host_log(const struct host *host, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    host->log(text);
}
