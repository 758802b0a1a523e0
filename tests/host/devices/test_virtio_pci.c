// SPDX-License-Identifier: MIT
// Tests of a virtio device as a PCI function: capabilities, registers, notifications, interrupts.
#include "vmm/devices/virtio/virtio_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/pci_registers.h"
#include "tests/host/devices/virtio_fixture.h"
#include "tests/host/fake_device.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/devices/virtio/virtio_entropy.h"

enum { PORTS = 0, MSIX = 1, MEMORY = 4 };
enum { COMMON = 1, NOTIFY, ISR, DEVICE, WINDOW };

#define DRIVERS_BUFFER 0x90000
#define ALL_ON (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

// A place that a capability names.
struct place {
    unsigned at; // of the capability
    unsigned bar;
    uint32_t offset;
    uint32_t bytes;
    uint32_t more;
};

static struct virtio_entropy entropy;
static struct entropy_source source;
static struct virtio_pci pci;
static struct virtio_pci_output outside;
static struct pci_output bus;
static struct fake_line line;
static unsigned messages;
static uint32_t last_data;
static unsigned wanted;

static bool fill(struct entropy_source *of, uint64_t *to, unsigned words)
{
    (void)of;
    memset(to, 0xaa, words * sizeof(*to));
    return true;
}

static void work_wanted(struct virtio_pci_output *output, struct virtio_pci *of)
{
    assert_ptr_equal(output, &outside);
    wanted++;
    assert_false(virtio_pci_work(of, 65536));
}

static void decode(struct pci_output *output, struct pci_function *function)
{
    (void)output;
    (void)function;
}

static void message(struct pci_output *output, uint64_t address, uint32_t data)
{
    (void)output;
    (void)address;
    messages++;
    last_data = data;
}

static void config(unsigned offset, unsigned width, uint64_t value)
{
    pci_function_config_write(&pci.function, offset, width, (uint32_t)value);
}

static uint32_t get(unsigned offset)
{
    return pci_function_config_read(&pci.function, offset, 4);
}

static int set_up(void **state)
{
    (void)state;
    driver_set_up();
    fake_line_init(&line);
    source.fill = fill;
    outside.work_wanted = work_wanted;
    bus = (struct pci_output){.decode = decode, .message = message};
    virtio_entropy_init(&entropy, &driver.memory, &source);
    driver_start(&entropy.device, 0);
    virtio_pci_init(&pci, &entropy.device, &outside, &bus, &line.line);
    config(PCI_COMMAND, 2, ALL_ON);
    messages = 0;
    wanted = 0;
    return 0;
}

// The capability number `nth` of a type.
static struct place find(unsigned type, unsigned nth)
{
    for (unsigned at = get(PCI_CAPABILITIES) & 0xff; at != 0; at = get(at) >> 8 & 0xff) {
        if ((get(at) & 0xff) == 9 && get(at) >> 24 == type && nth-- == 0) {
            return (struct place){.at = at,
                                  .bar = get(at + 4) & 0xff,
                                  .offset = get(at + 8),
                                  .bytes = get(at + 12),
                                  .more = get(at + 16)};
        }
    }
    return (struct place){0};
}

static uint64_t read_at(const struct place *place, unsigned offset, unsigned width)
{
    assert_true(offset + width <= place->bytes);
    return pci_function_bar_read(&pci.function, place->bar, place->offset + offset, width);
}

static void write_at(const struct place *place, unsigned offset, unsigned width, uint64_t value)
{
    assert_true(offset + width <= place->bytes);
    pci_function_bar_write(&pci.function, place->bar, place->offset + offset, width, value);
}

static void add_request(void)
{
    const struct driver_segment segment = {DRIVERS_BUFFER, 16, SEGMENT_WRITE};
    driver_add(0, &segment, 1);
}

static void notify(unsigned nth)
{
    struct place place = find(NOTIFY, nth);
    add_request();
    write_at(&place, 0, 2, 0);
}

static void switch_msix_on(void)
{
    for (unsigned vector = 0; vector < 2; vector++) {
        pci_function_bar_write(&pci.function, MSIX, vector * 16UL, 8, 0xfee00000);
        pci_function_bar_write(&pci.function, MSIX, vector * 16UL + 8, 8, 0x40 + vector);
    }
    config(pci.function.msix + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE);
}

static void it_is_known_as_a_virtio_device(void **state)
{
    (void)state;
    assert_int_equal(get(PCI_ID), 0x10441af4);
    assert_int_equal(get(PCI_CLASS), 0x00ff0001);
    assert_int_equal(get(PCI_SUBSYSTEM) & 0xffff, 0x1af4);
    assert_true(get(PCI_SUBSYSTEM) >> 16 >= 0x40);
}

static void capabilities_name_the_registers(void **state)
{
    (void)state;
    struct place common = find(COMMON, 0);
    struct place ports = find(NOTIFY, 0);
    struct place memory = find(NOTIFY, 1);
    struct place isr = find(ISR, 0);
    assert_int_equal(common.bar, MEMORY);
    assert_int_equal(common.bytes, VIRTIO_COMMON_BYTES);
    assert_int_equal(ports.bar, PORTS);
    assert_int_equal(ports.more, 2);
    assert_int_equal(memory.bar, MEMORY);
    assert_int_equal(memory.more, 4);
    assert_int_equal(isr.bytes, 1);
    assert_int_equal(find(DEVICE, 0).at, 0); // this kind has none
    assert_int_equal(get(find(WINDOW, 0).at) >> 16 & 0xff, 20);
    assert_true(pci.function.msi && pci.function.msix);
}

static void common_registers_are_the_devices(void **state)
{
    (void)state;
    struct place common = find(COMMON, 0);
    assert_int_equal(read_at(&common, REG_NUM_QUEUES, 2), 1);
    assert_int_equal(read_at(&common, REG_STATUS, 1),
                     VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    write_at(&common, REG_CONFIG_VECTOR, 2, 1);
    assert_int_equal(read_at(&common, REG_CONFIG_VECTOR, 2), 1);
    write_at(&common, REG_CONFIG_VECTOR, 2, 2); // there are two vectors
    assert_int_equal(read_at(&common, REG_CONFIG_VECTOR, 2), VIRTIO_NO_VECTOR);
    write_at(&common, REG_STATUS, 1, 0);
    assert_int_equal(read_at(&common, REG_STATUS, 1), 0);
}

static void the_rest_of_the_bars_is_empty(void **state)
{
    (void)state;
    for (unsigned offset = VIRTIO_COMMON_BYTES; offset < 0x1000; offset++) {
        assert_int_equal(pci_function_bar_read(&pci.function, MEMORY, offset, 1), 0);
        pci_function_bar_write(&pci.function, MEMORY, offset, 1, 0xff);
    }
    assert_int_equal(pci_function_bar_read(&pci.function, PORTS, 0, 2), 0);
    assert_int_equal(pci_function_bar_read(&pci.function, MSIX, 0xff8, 8), 0);
    pci_function_bar_write(&pci.function, MSIX, 0xff8, 8, 0);
    for (unsigned offset = 0; offset < 32; offset++) {
        pci_function_bar_write(&pci.function, PORTS, offset, 1, offset);
    }
    assert_int_equal(driver_used_index(0), 0);
}

static void a_port_and_memory_notify(void **state)
{
    (void)state;
    notify(0);
    assert_int_equal(driver_used_index(0), 1);
    notify(1);
    assert_int_equal(driver_used_index(0), 2);
    assert_int_equal(wanted, 2);
    assert_int_equal(driver_ram[DRIVERS_BUFFER + 15], 0xaa);
}

static void msix_tells_the_queue(void **state)
{
    (void)state;
    switch_msix_on();
    notify(0);
    assert_int_equal(messages, 1);
    assert_int_equal(last_data, 0x40);
    struct place isr = find(ISR, 0);
    assert_int_equal(read_at(&isr, 0, 1), 0);
    virtio_device_config_changed(&entropy.device); // it has no vector
    assert_int_equal(messages, 1);
    struct place common = find(COMMON, 0);
    write_at(&common, REG_CONFIG_VECTOR, 2, 1);
    virtio_device_config_changed(&entropy.device);
    assert_int_equal(messages, 2);
    assert_int_equal(last_data, 0x41);
    assert_int_equal(line.calls, 0);
}

static void without_messages_the_isr_status_tells(void **state)
{
    struct place isr = find(ISR, 0);
    (void)state;
    notify(0);
    assert_true(line.level);
    virtio_device_config_changed(&entropy.device);
    assert_int_equal(read_at(&isr, 0, 1), VIRTIO_CAUSE_QUEUE | VIRTIO_CAUSE_CONFIG);
    assert_false(line.level);
    assert_int_equal(read_at(&isr, 0, 1), 0);
    notify(0);
    struct place common = find(COMMON, 0);
    write_at(&common, REG_STATUS, 1, 0);
    assert_false(line.level);
    assert_int_equal(read_at(&isr, 0, 1), 0);
    assert_int_equal(messages, 0);
}

static void msi_has_one_message_for_all(void **state)
{
    struct place isr = find(ISR, 0);
    (void)state;
    config(pci.function.msi + PCI_MSI_ADDRESS, 4, 0xfee00000);
    config(pci.function.msi + PCI_MSI_DATA, 2, 0x55);
    config(pci.function.msi + PCI_MSI_CONTROL, 2, PCI_MSI_ENABLE);
    notify(0);
    notify(0);
    assert_int_equal(messages, 2);
    assert_int_equal(last_data, 0x55);
    assert_int_equal(read_at(&isr, 0, 1), VIRTIO_CAUSE_QUEUE);
}

// ---- The window ----

static void place_window(unsigned bar, uint32_t offset, uint32_t bytes)
{
    unsigned at = find(WINDOW, 0).at;
    config(at + 4, 1, bar);
    config(at + 8, 4, offset);
    config(at + 12, 4, bytes);
}

static void the_window_reaches_registers(void **state)
{
    unsigned data = find(WINDOW, 0).at + 16;
    struct place common = find(COMMON, 0);
    (void)state;
    place_window(common.bar, common.offset + REG_NUM_QUEUES, 2);
    assert_int_equal(pci_function_config_read(&pci.function, data, 2), 1);
    place_window(common.bar, common.offset + REG_CONFIG_VECTOR, 2);
    config(data, 2, 1);
    assert_int_equal(read_at(&common, REG_CONFIG_VECTOR, 2), 1);
    add_request();
    place_window(PORTS, 0, 2);
    config(data, 4, 0);
    assert_int_equal(driver_used_index(0), 1);
}

static void a_window_onto_nothing_does_nothing(void **state)
{
    static const struct {
        unsigned bar;
        uint32_t offset;
        uint32_t bytes;
    } places[] = {{2, 0, 4},      {5, 0, 4},          {6, 0, 4},      {255, 0, 4},
                  {MEMORY, 0, 0}, {MEMORY, 0, 3},     {MEMORY, 0, 8}, {MEMORY, 0, UINT32_MAX},
                  {PORTS, 29, 4}, {MEMORY, 0xffd, 4}, {PORTS, 32, 1}, {MEMORY, UINT32_MAX, 1}};
    unsigned data = find(WINDOW, 0).at + 16;
    (void)state;
    add_request();
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        place_window(places[i].bar, places[i].offset, places[i].bytes);
        config(data, 4, 0);
        (void)get(data);
        config(data + 1, 1, 0);
        (void)pci_function_config_read(&pci.function, data - 1, 2);
    }
    assert_int_equal(driver_used_index(0), 0);
}

// ---- Work ----

static void only_a_bus_master_works(void **state)
{
    (void)state;
    config(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    notify(0);
    assert_int_equal(wanted, 0);
    assert_false(virtio_pci_work(&pci, 4096));
    assert_int_equal(driver_used_index(0), 0);
    config(PCI_COMMAND, 2, ALL_ON);
    assert_int_equal(wanted, 1);
    assert_int_equal(driver_used_index(0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_is_known_as_a_virtio_device, set_up),
        cmocka_unit_test_setup(capabilities_name_the_registers, set_up),
        cmocka_unit_test_setup(common_registers_are_the_devices, set_up),
        cmocka_unit_test_setup(the_rest_of_the_bars_is_empty, set_up),
        cmocka_unit_test_setup(a_port_and_memory_notify, set_up),
        cmocka_unit_test_setup(msix_tells_the_queue, set_up),
        cmocka_unit_test_setup(without_messages_the_isr_status_tells, set_up),
        cmocka_unit_test_setup(msi_has_one_message_for_all, set_up),
        cmocka_unit_test_setup(the_window_reaches_registers, set_up),
        cmocka_unit_test_setup(a_window_onto_nothing_does_nothing, set_up),
        cmocka_unit_test_setup(only_a_bus_master_works, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
