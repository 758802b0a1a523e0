// SPDX-License-Identifier: MIT
// Tests of virtio devices on the board: where a guest finds one, its turns, its interrupts.
#include "vmm/board/pc_virtio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/pci_registers.h"
#include "vmm/address.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_firmware.h"
#include "vmm/board/pc_memory.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_time.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/memory/guest_memory.h"

#define RAM_BYTES 0x10000
#define CONFIG (PCI_BUS_ECAM_BASE + (1ULL << 15)) // slot 1
#define NOTIFY_PORT 0xc000                        // where the firmware puts its three BARs
#define MSIX 0xc0000000ULL
#define REGISTERS 0xc0001000ULL
#define NEXT_CONFIG (1ULL << 15) // the same of the next slot
#define NEXT_BARS 0x2000ULL

#define ENTRIES 128
#define DESCRIPTORS 0x1000
#define AVAILABLE 0x2000
#define USED 0x3000
#define BUFFERS 0x4000
#define TURN_REQUESTS 36 // what the device does in a turn

static struct pc pc;
static struct pc_entropy entropy;
static struct pc_console console;
static struct console_line line;
static const char *typed; // what was not taken yet
static unsigned room;     // of the line
static uint8_t ram[RAM_BYTES];
static const struct guest_memory memory = {
    .base = ram, .extent_count = 1, .extents = {{.gpa = {0}, .bytes = RAM_BYTES}}};
static uint64_t now;
static uint64_t timer_ns;
static unsigned messages;
static struct apic_message last;
static bool fails;
static unsigned entered;

static uint64_t now_ns(struct pc_output *output)
{
    (void)output;
    return now;
}

static void timer_set(struct pc_output *output, uint64_t due_ns)
{
    (void)output;
    timer_ns = due_ns;
}

static void enter_memory(struct pc_output *output)
{
    (void)output;
    entered++;
}

static void lint0(struct pc_output *output, bool level)
{
    (void)output;
    (void)level;
}

static void apic_message(struct pc_output *output, const struct apic_message *message)
{
    (void)output;
    last = *message;
    messages++;
}

static int take_byte(struct pc_output *output)
{
    (void)output;
    return -1;
}

static bool random_words(struct pc_output *output, uint64_t *to, unsigned words)
{
    (void)output;
    memset(to, 0x5a, words * sizeof(*to));
    return !fails;
}

static struct pc_output output = {.now_ns = now_ns,
                                  .timer_set = timer_set,
                                  .enter_memory = enter_memory,
                                  .lint0 = lint0,
                                  .apic_message = apic_message,
                                  .take_byte = take_byte,
                                  .random = random_words};

static uint64_t read_at(uint64_t address, unsigned width)
{
    uint64_t value;
    assert_true(pc_memory_read(&pc, gpa(address), width, &value));
    return value;
}

static void write_at(uint64_t address, unsigned width, uint64_t value)
{
    assert_true(pc_memory_write(&pc, gpa(address), width, value));
}

static unsigned put(struct console_line *of, const uint8_t *bytes, unsigned count)
{
    assert_ptr_equal(of, &line);
    assert_int_equal(bytes[0], 'x');
    unsigned taken = MIN(count, room);
    room -= taken;
    return taken;
}

static unsigned take(struct console_line *of, uint8_t *bytes, unsigned count)
{
    assert_ptr_equal(of, &line);
    unsigned taken = 0;
    for (; taken < count && *typed != '\0'; taken++) {
        bytes[taken] = (uint8_t)*typed++;
    }
    return taken;
}

static void init(void)
{
    memset(ram, 0, sizeof(ram));
    now = 1000;
    messages = 0;
    fails = false;
    entered = 0;
    pc_init(&pc, &output, 0, &memory);
}

static int set_up(void **state)
{
    (void)state;
    init();
    assert_true(pc_entropy_attach(&pc, &entropy));
    pc_firmware_program(&pc, 1);
    timer_ns = NEVER_NS;
    return 0;
}

static int set_up_console(void **state)
{
    (void)state;
    init();
    typed = "";
    line = (struct console_line){put, take};
    assert_true(pc_console_attach(&pc, &console, &line));
    pc_firmware_program(&pc, 1);
    return 0;
}

// What a driver does (virtio 1.2, 3.1.1) with one queue, and MSI-X vector 0 for that.
static void start_driver(const struct pc_virtio *part, unsigned queue)
{
    const struct {
        unsigned offset;
        unsigned width;
        uint64_t value;
    } writes[] = {
        {20, 1, 1},         {20, 1, 3},     {8, 4, 1},        {12, 4, 1}, // VERSION_1
        {20, 1, 11},        {22, 2, queue}, {24, 2, ENTRIES}, {26, 2, 0},  {32, 8, DESCRIPTORS},
        {40, 8, AVAILABLE}, {48, 8, USED},  {28, 2, 1},       {20, 1, 15},
    };
    uint64_t config = CONFIG + (part->slot.number - 1) * NEXT_CONFIG;
    uint64_t bars = (part->slot.number - 1) * NEXT_BARS;
    write_at(config + PCI_COMMAND, 2, 7);
    write_at(MSIX + bars, 8, 0xfee01000);
    write_at(MSIX + bars + 8, 8, 0x61);
    write_at(config + part->pci.function.msix + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE);
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        write_at(REGISTERS + bars + writes[i].offset, writes[i].width, writes[i].value);
    }
    assert_int_equal(read_at(REGISTERS + bars + 20, 1), 15);
}

static void put_number(uint64_t address, unsigned bytes, uint64_t value)
{
    memcpy(&ram[address], &value, bytes);
}

static unsigned used(void)
{
    return ram[USED + 2] | ram[USED + 3] << 8;
}

static void offer(unsigned requests)
{
    for (unsigned i = 0; i < requests; i++) {
        put_number(DESCRIPTORS + i * 16, 8, BUFFERS + i * 64);
        put_number(DESCRIPTORS + i * 16 + 8, 8, 64 | 2ULL << 32); // the device writes
        put_number(AVAILABLE + 4 + i * 2, 2, i);
    }
    put_number(AVAILABLE + 2, 2, requests);
}

static void ask(unsigned requests)
{
    offer(requests);
    pc_port_write(&pc, NOTIFY_PORT, 2, 0);
}

static void a_guest_finds_it_and_is_served(void **state)
{
    (void)state;
    assert_int_equal(read_at(CONFIG, 4), 0x10441af4);
    start_driver(&entropy.part, 0);
    ask(1);
    assert_int_equal(used(), 1);
    assert_int_equal(ram[BUFFERS + 63], 0x5a);
    assert_int_equal(messages, 1);
    assert_int_equal(last.vector, 0x61);
    assert_int_equal(last.destination, 1);
    assert_int_equal(timer_ns, NEVER_NS);
}

static void much_work_comes_in_turns(void **state)
{
    (void)state;
    start_driver(&entropy.part, 0);
    uint64_t idle_ns = pc_next_event_ns(&pc, now, false);
    ask(ENTRIES);
    for (unsigned done = TURN_REQUESTS; done < ENTRIES; done += TURN_REQUESTS) {
        assert_int_equal(used(), done);
        assert_int_equal(pc_next_event_ns(&pc, now, false), now);
        assert_int_equal(timer_ns, now);
        pc_advance(&pc, now);
    }
    assert_int_equal(entered, (ENTRIES - 1) / TURN_REQUESTS);
    pc_advance(&pc, now); // there is no more
    assert_int_equal(entered, (ENTRIES - 1) / TURN_REQUESTS);
    assert_int_equal(used(), ENTRIES);
    assert_int_equal(pc_next_event_ns(&pc, now, false), idle_ns);
}

// Nobody knows yet whether it is the VM's time.
static void a_look_at_the_timers_gives_no_turn(void **state)
{
    (void)state;
    start_driver(&entropy.part, 0);
    ask(ENTRIES);
    assert_true(pc_virtio_waits(&pc));
    pc_advance_timers(&pc, now);
    assert_int_equal(used(), TURN_REQUESTS);
    while (pc_virtio_waits(&pc)) {
        pc_advance(&pc, now);
    }
    assert_int_equal(used(), ENTRIES);
    pc_virtio_arrived(&entropy.part);
    assert_true(pc_virtio_waits(&pc));
}

// Both have the same rings.
static void devices_share_a_turn(void **state)
{
    static struct pc_entropy second;
    (void)state;
    assert_true(pc_entropy_attach(&pc, &second));
    pc_firmware_program(&pc, 1);
    start_driver(&entropy.part, 0);
    start_driver(&second.part, 0);
    offer(ENTRIES);
    pc_virtio_arrived(&entropy.part);
    pc_virtio_arrived(&second.part);
    pc_advance(&pc, now);
    assert_int_equal(entropy.entropy.device.queues[0].next_used, TURN_REQUESTS / 2);
    assert_int_equal(second.entropy.device.queues[0].next_used, TURN_REQUESTS / 2);
    assert_int_equal(pc_next_event_ns(&pc, now, false), now);
}

static void what_arrives_is_served_later(void **state)
{
    (void)state;
    start_driver(&entropy.part, 0);
    put_number(DESCRIPTORS, 8, BUFFERS);
    put_number(DESCRIPTORS + 8, 8, 64 | 2ULL << 32);
    put_number(AVAILABLE + 2, 2, 1);
    pc_virtio_arrived(&entropy.part);
    assert_int_equal(used(), 0);
    pc_advance(&pc, now);
    assert_int_equal(used(), 1);
    assert_int_equal(entered, 1);
}

static void a_turn_looks_at_no_timer(void **state)
{
    (void)state;
    start_driver(&entropy.part, 0);
    for (unsigned i = 0; i < ENTRIES; i++) {
        put_number(DESCRIPTORS + i * 16, 8, BUFFERS + i * 64);
        put_number(DESCRIPTORS + i * 16 + 8, 8, 64 | 2ULL << 32);
        put_number(AVAILABLE + 4 + i * 2, 2, i);
    }
    put_number(AVAILABLE + 2, 2, ENTRIES);
    pc_virtio_arrived(&entropy.part);
    pc_virtio_turn(&pc);
    assert_int_equal(used(), TURN_REQUESTS);
    assert_int_equal(timer_ns, now); // the rest is for pc_advance
    while (used() < ENTRIES) {
        timer_ns = NEVER_NS;
        pc_virtio_turn(&pc);
    }
    assert_int_equal(timer_ns, NEVER_NS);
}

static void buffers_outside_ram_break_the_queue(void **state)
{
    (void)state;
    start_driver(&entropy.part, 0);
    put_number(DESCRIPTORS, 8, RAM_BYTES - 1);
    put_number(DESCRIPTORS + 8, 8, 64 | 2ULL << 32);
    put_number(AVAILABLE + 2, 2, 1);
    pc_port_write(&pc, NOTIFY_PORT, 2, 0);
    assert_int_equal(used(), 0);
    assert_true(read_at(REGISTERS + 20, 1) & VIRTIO_NEEDS_RESET);
}

static void without_random_numbers_it_breaks(void **state)
{
    (void)state;
    start_driver(&entropy.part, 0);
    fails = true;
    ask(1);
    assert_int_equal(used(), 0);
    assert_true(read_at(REGISTERS + 20, 1) & VIRTIO_NEEDS_RESET);
}

static void there_are_so_many_slots(void **state)
{
    static struct pc_entropy more[PCI_HOST_SLOTS];
    (void)state;
    for (unsigned i = 2; i < PCI_HOST_SLOTS; i++) {
        assert_true(pc_entropy_attach(&pc, &more[i]));
    }
    assert_false(pc_entropy_attach(&pc, &more[0]));
}

// ---- The console ----

static void what_comes_in_goes_to_the_guest_when_the_board_looks(void **state)
{
    (void)state;
    assert_int_equal(read_at(CONFIG, 4), 0x10431af4);
    start_driver(&console.part, VIRTIO_CONSOLE_RECEIVE);
    ask(2);
    assert_int_equal(used(), 0);
    pc_advance(&pc, now);
    assert_int_equal(messages, 0);
    typed = "ls\n";
    pc_advance(&pc, now);
    assert_int_equal(used(), 1);
    assert_memory_equal(&ram[BUFFERS], "ls\n", 4);
    assert_int_equal(messages, 1);
    typed = "cd\n";
    pc_advance_timers(&pc, now); // the vCPU sleeps
    assert_int_equal(used(), 2);
    assert_int_equal(messages, 2);
    assert_false(pc_virtio_waits(&pc));
    assert_int_not_equal(pc_next_event_ns(&pc, now, false), now);
}

static void a_full_line_goes_on_when_the_board_looks(void **state)
{
    (void)state;
    start_driver(&console.part, VIRTIO_CONSOLE_TRANSMIT);
    memset(&ram[BUFFERS], 'x', 64);
    put_number(DESCRIPTORS, 8, BUFFERS);
    put_number(DESCRIPTORS + 8, 8, 64);
    put_number(AVAILABLE + 2, 2, 1);
    room = 60;
    pc_port_write(&pc, NOTIFY_PORT + 2 * VIRTIO_CONSOLE_TRANSMIT, 2, 0);
    assert_int_equal(room, 0);
    pc_advance(&pc, now);
    assert_int_equal(used(), 0);
    assert_int_not_equal(pc_next_event_ns(&pc, now, false), now); // no turn after turn
    assert_false(pc_virtio_waits(&pc));
    room = 10;
    pc_advance_timers(&pc, now);
    assert_int_equal(room, 6);
    assert_int_equal(used(), 1);
    assert_int_equal(messages, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_guest_finds_it_and_is_served, set_up),
        cmocka_unit_test_setup(much_work_comes_in_turns, set_up),
        cmocka_unit_test_setup(a_look_at_the_timers_gives_no_turn, set_up),
        cmocka_unit_test_setup(devices_share_a_turn, set_up),
        cmocka_unit_test_setup(what_arrives_is_served_later, set_up),
        cmocka_unit_test_setup(a_turn_looks_at_no_timer, set_up),
        cmocka_unit_test_setup(buffers_outside_ram_break_the_queue, set_up),
        cmocka_unit_test_setup(without_random_numbers_it_breaks, set_up),
        cmocka_unit_test_setup(there_are_so_many_slots, set_up),
        cmocka_unit_test_setup(what_comes_in_goes_to_the_guest_when_the_board_looks,
                               set_up_console),
        cmocka_unit_test_setup(a_full_line_goes_on_when_the_board_looks, set_up_console),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
