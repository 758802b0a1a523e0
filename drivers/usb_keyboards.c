// SPDX-License-Identifier: MIT
// Finds xHCI controllers, and serves each in turn.
#include "drivers/usb_keyboards.h"

#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/log.h"
#include "arch/x86/pci.h"
#include "drivers/key_ring.h"
#include "drivers/pci_functions.h"
#include "drivers/xhci.h"
#include "drivers/xhci_poll.h"
#include "drivers/xhci_probe.h"
#include "drivers/xhci_start.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define CONTROLLERS_MAX 8

static struct {
    unsigned count;
    struct xhci *controllers[CONTROLLERS_MAX];
    struct key_ring typed;
} usb;

static void look_at(struct pci_visitor *visitor, const struct pci_function *function)
{
    struct reason why = {.text = "there are too many"};
    struct xhci *xhci = NULL;
    (void)visitor;
    if (!xhci_is_controller(function)) {
        return;
    }
    if (usb.count < CONTROLLERS_MAX) {
        xhci = xhci_open(function, &usb.typed, &why);
    }
    if (!xhci) {
        log_line("USB: xHCI at %02x:%02x.%u is not used: %s", function->where.bus,
                 function->where.device, function->where.function, why.text);
        return;
    }
    usb.controllers[usb.count++] = xhci;
    xhci_start(xhci);
}

unsigned usb_keyboards_init(void)
{
    struct pci_visitor visitor = {.visit = look_at};
    const struct pci_config *config = pci_config_find();
    if (feature_is_off(OPTIONAL_XHCI)) {
        log_line("USB: no keyboards: off by no=");
    } else if (config) {
        pci_visit_all(config, &visitor);
    }
    return usb.count;
}

unsigned usb_keyboards_controllers(void)
{
    return usb.count;
}

unsigned usb_keyboards_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < usb.count; i++) {
        count += xhci_keyboards(usb.controllers[i]);
    }
    return count;
}

void usb_keyboards_poll(void)
{
    for (unsigned i = 0; i < usb.count; i++) {
        xhci_poll(usb.controllers[i]);
    }
}

bool usb_keyboards_are_busy(void)
{
    for (unsigned i = 0; i < usb.count; i++) {
        if (xhci_is_busy(usb.controllers[i])) {
            return true;
        }
    }
    return false;
}

int usb_keyboards_read(void)
{
    return key_ring_take(&usb.typed);
}

bool usb_keyboards_have_input(void)
{
    return !key_ring_is_empty(&usb.typed);
}

void usb_keyboards_stop(void)
{
    for (unsigned i = 0; i < usb.count; i++) {
        xhci_stop(usb.controllers[i]);
    }
}
