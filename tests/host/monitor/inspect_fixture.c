// SPDX-License-Identifier: MIT
// Keeps all lines that are shown of a VM.
#include "tests/host/monitor/inspect_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/monitor/inspect.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/types.h"

static void collect(struct line_sink *sink, const char *text)
{
    (void)sink;
    assert_true(strlen(shown) + strlen(text) + 2 <= sizeof(shown));
    strcat(shown, text);
    strcat(shown, "\n");
}

char shown[64 * KIB];
struct line_sink shown_sink = {.line = collect};
uint8_t buffer[INSPECT_READ_MAX];

int inspect_set_up(void **state)
{
    (void)state;
    fixture_init();
    shown_sink.columns = 80;
    shown[0] = '\0';
    return 0;
}
