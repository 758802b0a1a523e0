// SPDX-License-Identifier: MIT
// Refusals: a status with a sentence that gives the reason.
#include "vmm/util/status.h"

#include <stdarg.h>

#include "vmm/util/format.h"

enum status refuse(struct reason *why, enum status status, const char *format, ...)
{
    if (why) {
        va_list arguments;
        va_start(arguments, format);
        format_text_v(why->text, sizeof(why->text), format, arguments);
        va_end(arguments);
    }
    return status;
}
