// SPDX-License-Identifier: MIT
// What a person in front of a VM's PC has: its keyboard, its power button, its screen.
#include "vmm/board/pc_front.h"

#include "vmm/board/key_queue.h"
#include "vmm/board/pc.h"
#include "vmm/devices/acpi_pm.h"
#include "vmm/devices/vga.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

bool pc_type(struct pc *pc, const uint8_t *codes, unsigned count)
{
    lock_take(&pc->lock);
    bool typed = key_queue_put(&pc->keys, codes, count);
    key_queue_feed(&pc->keys, &pc->i8042);
    lock_give(&pc->lock);
    return typed;
}

bool pc_press_power_button(struct pc *pc)
{
    lock_take(&pc->lock);
    bool heard = acpi_pm_hears_power_button(&pc->acpi_pm);
    if (heard) {
        acpi_pm_press_power_button(&pc->acpi_pm);
    }
    lock_give(&pc->lock);
    return heard;
}

struct vga_view pc_screen(struct pc *pc)
{
    lock_take(&pc->lock);
    struct vga_view view = vga_view(&pc->vga);
    lock_give(&pc->lock);
    return view;
}
