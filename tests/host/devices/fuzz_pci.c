// SPDX-License-Identifier: MIT
// Fuzzes a PCI function behind the host bridge. The guest writes any registers, and the device
// interrupts at any time. After each step the rules below are checked.
#include "vmm/devices/pci_function.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/pci_registers.h"
#include "tests/host/fake_device.h"
#include "vmm/devices/pci_host.h"
#include "vmm/devices/pci_message.h"
#include "vmm/util/width.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BAR_PORTS = 0, BAR_MEMORY = 1, BAR_HIGH = 4 };

#define SLOT 5
#define VECTORS 5
#define TABLE 0x100
#define PENDING 0x180

static const uint64_t bar_bytes[PCI_BARS] = {
    [BAR_PORTS] = 64, [BAR_MEMORY] = 0x1000, [BAR_HIGH] = 16 * GIB};
static const enum pci_bar_kind bar_kinds[PCI_BARS] = {
    [BAR_PORTS] = PCI_BAR_PORTS, [BAR_MEMORY] = PCI_BAR_MEMORY32, [BAR_HIGH] = PCI_BAR_WIDE};

struct answers {
    bool on[PCI_BARS];
    uint64_t base[PCI_BARS];
};

static struct pci_host host;
static struct pci_function function;
static struct pci_function fresh; // as it was before the first step
static struct fake_line line;
static unsigned own;
static struct answers told; // what the bus knows

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static uint32_t command(void)
{
    return pci_function_get(&function, PCI_COMMAND, 4);
}

// ---- The device and the bus ----

static void check_access(unsigned bar, uint64_t offset, unsigned width)
{
    require(bar_bytes[bar] >= width && offset <= bar_bytes[bar] - width);
    require(bar != BAR_MEMORY || offset < TABLE || offset >= TABLE + 16 * VECTORS);
    require(bar != BAR_MEMORY || offset < PENDING || offset >= PENDING + 8);
}

static uint64_t bar_read(struct pci_function *from, unsigned bar, uint64_t offset, unsigned width)
{
    (void)from;
    check_access(bar, offset, width);
    return UINT64_MAX;
}

static void bar_write(struct pci_function *to, unsigned bar, uint64_t offset, unsigned width,
                      uint64_t value)
{
    (void)to;
    (void)value;
    check_access(bar, offset, width);
}

static void watch(struct pci_function *watched, unsigned offset, unsigned width)
{
    (void)watched;
    require(offset < own + 8 && offset + width > own + 4);
}

static struct answers answers(void)
{
    struct answers now = {0};
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        now.on[bar] = pci_function_answers(&function, bar, &now.base[bar]);
        if (!now.on[bar]) {
            now.base[bar] = 0;
        }
    }
    return now;
}

static void decode(struct pci_output *output, struct pci_function *changed)
{
    (void)output;
    require(changed == &function);
    told = answers();
}

static void message(struct pci_output *output, uint64_t address, uint32_t data)
{
    (void)output;
    (void)address;
    (void)data;
    require(command() & PCI_COMMAND_MASTER);
}

static void command_written(struct pci_function *changed)
{
    require(changed == &function);
}

static const struct pci_function_ops ops = {bar_read, bar_write, watch, watch, command_written};
static struct pci_output output = {decode, message};

static void set_up(void)
{
    static const struct pci_identity identity = {
        .vendor = 0x1af4, .device = 0x1044, .class_revision = 0xff000001};
    fake_line_init(&line);
    pci_host_init(&host);
    pci_function_init(&function, &identity, &ops, &output, &line.line);
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        if (bar_kinds[bar] != PCI_BAR_ABSENT) {
            pci_function_add_bar(&function, bar, bar_kinds[bar], bar_bytes[bar]);
        }
    }
    own = pci_function_add_capability(&function, 9, 16);
    pci_function_watch(&function, own + 4, 4);
    pci_function_add_msi(&function);
    pci_function_add_msix(&function, BAR_MEMORY, VECTORS, TABLE, PENDING);
    pci_host_attach(&host, SLOT, &function);
    fresh = function;
    told = answers();
}

// ---- The rules that are checked ----

static void check_config(void)
{
    for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++) {
        uint8_t changed = function.config[i] ^ fresh.config[i];
        bool by_device = i == PCI_COMMAND + 2 || i == (unsigned)function.msi + PCI_MSI_PENDING;
        require(by_device || !(changed & ~fresh.writable[i]));
    }
    require(memcmp(function.writable, fresh.writable, sizeof(fresh.writable)) == 0);
}

static void check_answers(void)
{
    struct answers now = answers();
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        require(now.on[bar] == told.on[bar] && now.base[bar] == told.base[bar]);
        require(!now.on[bar] || (now.base[bar] != 0 && IS_ALIGNED(now.base[bar], bar_bytes[bar])));
        require(bar_kinds[bar] != PCI_BAR_PORTS || now.base[bar] <= 0x10000 - bar_bytes[bar]);
    }
}

static void check_interrupts(void)
{
    bool msix = pci_function_has_msix(&function);
    bool msi = function.config[function.msi + PCI_MSI_CONTROL] & PCI_MSI_ENABLE;
    unsigned control = pci_function_get(&function, function.msix + PCI_MSIX_CONTROL, 2);
    require(line.level == ((command() & PCI_STATUS_INTERRUPT) &&
                           !(command() & PCI_COMMAND_NO_INTERRUPT) && !msi && !msix));
    require(function.pending < BIT(VECTORS));
    for (unsigned i = 0; i < VECTORS; i++) {
        bool stopped = (control & PCI_MSIX_MASK_ALL) || (function.table[i].control & 1) ||
                       !(command() & PCI_COMMAND_MASTER);
        require(function.table[i].control <= 1);
        require(!msix || stopped || !(function.pending >> i & 1));
    }
}

static void access_config(uint8_t how, uint8_t where, uint32_t value)
{
    unsigned width = 1U << (how & 3);
    uint32_t offset = SLOT << 15 | (how & 0x40U) << 2 | where;
    if (how & 0x80) {
        pci_host_write(&host, 0, 4, 1U << 31 | SLOT << 11 | (where & 0xfcU));
        pci_host_write(&host, 4 + (where & 3U), MIN(width, 4), value);
        require(pci_host_read(&host, 4 + (where & 3U), 2) <= 0xffff);
        return;
    }
    pci_host_ecam_write(&host, offset, width, value * 0x100000001ULL);
    require(pci_host_ecam_read(&host, offset, width) <= width_ones(width));
}

static void access_bar(uint8_t how, uint8_t where, uint64_t value)
{
    static const uint8_t bars[] = {BAR_MEMORY, BAR_PORTS, BAR_MEMORY, BAR_HIGH};
    unsigned width = 1U << (how & 3);
    unsigned bar = bars[how >> 2 & 3];
    uint64_t offset = (how & 0x10 ? TABLE : 0) + (uint64_t)where;
    if (how & 0x20) {
        offset = bar_bytes[bar] - where;
    }
    pci_function_bar_write(&function, bar, offset, width, value);
    require(pci_function_bar_read(&function, bar, offset, width) <= width_ones(width));
}

static void step(const uint8_t *data)
{
    uint32_t value;
    memcpy(&value, data + 3, sizeof(value));
    switch (data[0] & 7) {
    case 0:
        pci_function_signal(&function, data[1]);
        break;
    case 1:
        pci_function_clear(&function);
        break;
    case 2:
    case 3:
    case 4:
        access_bar(data[1], data[2], value | (uint64_t)value << 32);
        break;
    default:
        access_config(data[1], data[2], value);
        break;
    }
}

#define STEP_BYTES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    for (size_t at = 0; size - at >= STEP_BYTES; at += STEP_BYTES) {
        step(data + at);
        check_config();
        check_answers();
        check_interrupts();
    }
    return 0;
}
