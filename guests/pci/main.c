// SPDX-License-Identifier: MIT
// Lists the PCI bus, moves base addresses, and takes interrupts of each kind from the entropy
// device.
#include "arch/x86/apic_registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"
#include "guests/lib/pci.h"
#include "guests/lib/pic.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"
#include "guests/pci/bus.h"
#include "guests/pci/entropy.h"

#define VECTOR_MSIX 0x60
#define VECTOR_MSI 0x61
#define NO_VECTOR 0xffff
#define PATIENCE_NS NS_PER_S
#define WRONG_MOMENT_NS (20 * NS_PER_MS) // for an interrupt that must not come

static volatile uint32_t messages[2];
static volatile uint32_t line_interrupts;
static unsigned failures;

static void report(const char *what, bool right)
{
    print("pci: %s: %s\n", what, right ? "right" : "WRONG");
    failures += !right;
}

static void on_msix(struct trap_frame *frame)
{
    (void)frame;
    messages[0]++;
    apic_write(APIC_EOI, 0);
}

static void on_msi(struct trap_frame *frame)
{
    (void)frame;
    messages[1]++;
    apic_write(APIC_EOI, 0);
}

static void on_line(struct trap_frame *frame)
{
    line_interrupts += entropy_isr() == 1;
    pic_end_of_interrupt((unsigned)frame->vector - PIC_VECTOR);
}

static bool comes(const volatile uint32_t *counter, uint32_t wanted)
{
    return clock_wait_for_count(counter, wanted, PATIENCE_NS) && *counter == wanted;
}

static bool does_not_come(const volatile uint32_t *counter, uint32_t more_than)
{
    return !clock_wait_for_count(counter, more_than + 1, WRONG_MOMENT_NS);
}

// ---- MSI-X ----

static void check_msix(unsigned slot)
{
    const volatile uint32_t *pending = pci_msix_pending(slot);
    pci_msix_set(slot, 0, (uint32_t)APIC_DEFAULT_ADDRESS, VECTOR_MSIX, 0);
    pci_msix_enable(slot, true);
    report("the device starts", entropy_start(0));
    entropy_ask(true);
    report("MSI-X after a notification by port", comes(&messages[0], 1));
    report("64 random bytes", entropy_bytes() == 64);
    entropy_ask(false);
    report("MSI-X after one by memory", comes(&messages[0], 2));
    pci_msix_set(slot, 0, (uint32_t)APIC_DEFAULT_ADDRESS, VECTOR_MSIX,
                 (uint32_t)PCI_MSIX_ENTRY_MASKED);
    entropy_ask(true);
    report("masked, it waits", does_not_come(&messages[0], 2) && *pending == 1);
    pci_msix_set(slot, 0, (uint32_t)APIC_DEFAULT_ADDRESS, VECTOR_MSIX, 0);
    report("and comes once it may", comes(&messages[0], 3) && *pending == 0);
    pci_msix_set(slot, 0, 0x1000, VECTOR_MSIX, 0);
    entropy_ask(true);
    report("to another address it is lost", does_not_come(&messages[0], 3));
    pci_msix_enable(slot, false);
}

// ---- MSI and INTA ----

static void check_msi(unsigned slot)
{
    unsigned at = pci_capability(slot, PCI_CAPABILITY_MSI, 0);
    pci_write(slot, at + PCI_MSI_ADDRESS, 4, (uint32_t)APIC_DEFAULT_ADDRESS);
    pci_write(slot, at + PCI_MSI_ADDRESS_HIGH, 4, 0);
    pci_write(slot, at + PCI_MSI_DATA, 2, VECTOR_MSI);
    pci_write(slot, at + PCI_MSI_CONTROL, 2, (uint32_t)PCI_MSI_ENABLE);
    report("the device starts again", entropy_start(NO_VECTOR));
    entropy_ask(true);
    report("MSI", comes(&messages[1], 1) && entropy_isr() == 1);
    pci_write(slot, at + PCI_MSI_CONTROL, 2, 0);
}

static void check_line(unsigned slot)
{
    unsigned irq = pci_read(slot, PCI_INTERRUPT, 1);
    uint32_t command = pci_read(slot, PCI_COMMAND, 2);
    trap_set_handler(PIC_VECTOR + irq, on_line);
    pic_unmask(irq);
    report("the device starts once more", entropy_start(NO_VECTOR));
    entropy_ask(true);
    report("INTA", comes(&line_interrupts, 1));
    pci_write(slot, PCI_COMMAND, 2, command | (uint32_t)PCI_COMMAND_NO_INTERRUPT);
    entropy_ask(true);
    report("disabled, it waits", does_not_come(&line_interrupts, 1));
    pci_write(slot, PCI_COMMAND, 2, command);
    report("and comes once it may", comes(&line_interrupts, 2));
    pic_mask_all();
}

uint8_t guest_main(const struct guest *guest)
{
    (void)guest;
    clock_init();
    traps_init();
    pic_init();
    apic_set_mode(APIC_MODE_XAPIC);
    trap_set_handler(VECTOR_MSIX, on_msix);
    trap_set_handler(VECTOR_MSI, on_msi);
    print("pci: %u devices\n", bus_list());
    unsigned slot = entropy_find();
    if (slot == 0) {
        print("pci: no entropy device: its VM wants rng=yes\n");
        return 1;
    }
    bus_list_capabilities(slot);
    failures += bus_move_bars(slot);
    cpu_interrupts_on();
    check_msix(slot);
    check_msi(slot);
    check_line(slot);
    return (uint8_t)failures;
}
