// SPDX-License-Identifier: MIT
// Shows and hides the prompt, and shows lines above it.
#include "vmm/monitor/monitor_prompt.h"

#include "vmm/console/console.h"
#include "vmm/console/line_editor.h"
#include "vmm/monitor/monitor.h"
#include "vmm/util/types.h"

void monitor_prompt_show(struct monitor *monitor)
{
    if (!monitor->prompt_shown) {
        line_editor_show(&monitor->editor);
        monitor->prompt_shown = true;
    }
}

void monitor_prompt_hide(struct monitor *monitor)
{
    if (monitor->prompt_shown) {
        line_editor_hide(&monitor->editor);
        monitor->prompt_shown = false;
    }
}

void monitor_print(struct monitor *monitor, const char *text)
{
    monitor_prompt_hide(monitor);
    // The guest that has the terminal may have left the cursor anywhere.
    console_format(monitor->console, monitor->attached ? "\n%s\n" : "%s\n", text);
}
