// SPDX-License-Identifier: MIT
// Joins the drivers of the serial lines, the screen and the keyboards to the log, to panics and to
// the monitor's console.
#include "boot/consoles.h"

#include "arch/x86/apic.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/ioapic82093.h"
#include "arch/x86/ipi.h"
#include "arch/x86/log.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "arch/x86/time.h"
#include "arch/x86/vectors.h"
#include "boot/boot_info.h"
#include "boot/debugger.h"
#include "boot/paragraph.h"
#include "drivers/framebuffer.h"
#include "drivers/glass.h"
#include "drivers/ps2_keyboard.h"
#include "drivers/serial_lines.h"
#include "drivers/serial_probe.h"
#include "drivers/text_screen.h"
#include "drivers/usb_keyboards.h"
#include "drivers/vga_text.h"
#include "vmm/console/console.h"
#include "vmm/util/console_choice.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"

// How often devices are polled. A line without interrupts must not fill its FIFO of 16 characters,
// at 87 us each. And the interrupt of another device may never come.
#define POLL_OFTEN_NS NS_PER_MS
#define POLL_BUSY_NS (4 * NS_PER_MS) // while a USB device is set up, which takes many steps
#define POLL_NS (20 * NS_PER_MS)

static bool keyboard_used;
static struct text_screen screen;
static struct framebuffer framebuffer;
static struct glass glass;
static bool screen_used;

// ---- The screen ----

static void put_on_screen(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        text_screen_put(&screen, text[i]);
    }
}

static void start_display(struct glass_display *display, unsigned columns, unsigned rows)
{
    text_screen_init(&screen, columns, rows);
    glass_init(&glass, &screen, display);
    screen_used = true;
}

static void start_text(const struct boot_framebuffer *tag)
{
    bool told = tag->kind == SCREEN_TEXT && vga_text_has(tag->width, tag->height);
    unsigned columns = told ? tag->width : VGA_TEXT_COLUMNS;
    unsigned rows = told ? tag->height : VGA_TEXT_ROWS;
    uint64_t address = tag->kind == SCREEN_TEXT ? tag->physical : VGA_TEXT_ADDRESS;
    start_display(vga_text_init(address, columns, rows), columns, rows);
}

static struct framebuffer_field field(struct boot_colour colour)
{
    return (struct framebuffer_field){.position = colour.position, .size = colour.size};
}

static void start_pixels(const struct boot_framebuffer *tag)
{
    struct framebuffer_mode mode = {.pitch = tag->pitch,
                                    .width = tag->width,
                                    .height = tag->height,
                                    .bits_per_pixel = tag->bits_per_pixel,
                                    .red = field(tag->red),
                                    .green = field(tag->green),
                                    .blue = field(tag->blue)};
    struct reason why;
    if (framebuffer_check(&mode, &why) != STATUS_OK) {
        log_line("screen: not used: %s", why.text);
        return;
    }
    uint64_t bytes = framebuffer_bytes(&mode);
    if (!machine_memory_can_be_device(tag->physical, bytes)) {
        log_line("screen: not used: its address is %#lx", tag->physical);
        return;
    }
    volatile void *pixels = paging_map_device(tag->physical, bytes, CACHE_WRITE_COMBINING);
    framebuffer_init(&framebuffer, &mode, (void *)(uintptr_t)pixels);
    start_display(&framebuffer.display, framebuffer.columns, framebuffer.rows);
}

static void show_log_on_screen(void)
{
    char line[LOG_LINE_BYTES];
    uint64_t position = 0;
    while (log_next(&position, line, sizeof(line))) {
        put_on_screen(line, strlen(line));
        put_on_screen("\n", 1);
    }
    glass_draw_all(&glass);
}

void consoles_start_screen(const struct boot_info *info, unsigned chosen)
{
    const struct boot_framebuffer *tag = &info->framebuffer;
    if (!(chosen & CONSOLE_SCREEN)) {
        return;
    }
    if (tag->kind == SCREEN_PIXELS) {
        start_pixels(tag);
    } else if ((tag->kind == SCREEN_TEXT || !info->efi) && vga_text_present()) {
        start_text(tag);
    }
    if (!screen_used) {
        log_line("screen: none");
        return;
    }
    show_log_on_screen();
    log_line("screen: %u x %u characters%s", screen.columns, screen.rows,
             tag->kind == SCREEN_PIXELS ? " on a framebuffer" : "");
}

void consoles_choose_serial(const struct boot_info *info, const struct acpi_info *acpi,
                            unsigned chosen, unsigned for_gdb)
{
    serial_lines_find(acpi, chosen | for_gdb);
    debugger_take_line(for_gdb);
    bool has_serial = serial_lines_choose(chosen);
    if (!has_serial && !screen_used) {
        log_line("console: what was chosen is not there: all that is found is used");
        consoles_start_screen(info, CONSOLE_SCREEN);
        (void)serial_lines_choose(CONSOLE_SERIAL);
    }
    serial_lines_report(chosen);
}

// ---- Before the monitor runs, and when Husk panics ----

// Writes text with '\n' at once to all devices.
static void write_directly(const char *text, size_t length)
{
    serial_lines_write_directly(text, length);
    if (screen_used) {
        put_on_screen(text, length);
        glass_draw_all(&glass);
    }
}

void consoles_start_serial(void)
{
    serial_lines_start();
    log_set_output(write_directly);
    panic_set_output(write_directly);
}

// ---- While the monitor runs ----

struct serial_output {
    struct console_output output;
    struct serial_line *line;
};

static_assert(SERIAL_LINES_MAX < CONSOLE_OUTPUTS_MAX, "and the screen");

static struct serial_line *line_of(struct console_output *output)
{
    return container_of(output, struct serial_output, output)->line;
}

static size_t serial_write(struct console_output *output, const char *text, size_t length)
{
    struct serial_line *line = line_of(output);
    return serial_line_is_lent(line) ? length : serial_line_write(line, text, length);
}

static size_t serial_room(struct console_output *output)
{
    struct serial_line *line = line_of(output);
    return serial_line_is_lent(line) ? SIZE_MAX : serial_line_room(line);
}

static void hand_over_serial(struct console *console)
{
    static struct serial_output outputs[SERIAL_LINES_MAX];
    struct serial_line *line;
    serial_lines_start_interrupts();
    for (unsigned i = 0; (line = serial_lines_used(i)); i++) {
        outputs[i] = (struct serial_output){
            .output = {.write = serial_write, .room = serial_room, .columns = CONSOLE_COLUMNS},
            .line = line};
        console_add(console, &outputs[i].output);
    }
}

static size_t screen_write(struct console_output *output, const char *text, size_t length)
{
    (void)output;
    interrupts_window();
    put_on_screen(text, length);
    return length;
}

static size_t screen_room(struct console_output *output)
{
    (void)output;
    return SIZE_MAX;
}

static void keyboard_interrupt(struct interrupt_frame *frame)
{
    (void)frame;
    ps2_keyboard_interrupt();
    apic_eoi();
}

// Without a screen nobody types on the keyboard.
static void start_keyboard(void)
{
    if (!screen_used) {
        return;
    }
    keyboard_used = ps2_keyboard_init();
    bool has_usb = usb_keyboards_init() > 0;
    if (!keyboard_used) {
        log_line("keyboard: %s: there is no PS/2 controller", has_usb ? "USB" : "none");
        return;
    }
    interrupt_set_handler(VECTOR_ISA + PS2_KEYBOARD_IRQ, keyboard_interrupt);
    if (ioapic82093_route_isa(PS2_KEYBOARD_IRQ) != STATUS_OK) {
        log_line("keyboard: its interrupt cannot be routed; it is polled");
    }
}

// The log has a new line. The monitor, on CPU 0, shows it.
static void wake_monitor(const char *text, size_t length)
{
    (void)text;
    (void)length;
    ipi_kick(0);
}

void consoles_hand_over(struct console *console)
{
    static struct console_output display = {
        .write = screen_write, .room = screen_room, .colour = true};
    hand_over_serial(console);
    start_keyboard();
    if (screen_used) {
        display.columns = screen.columns;
        console_add(console, &display);
    }
    log_set_output(wake_monitor);
}

static void describe_keyboards(struct paragraph *paragraph)
{
    unsigned controllers = usb_keyboards_controllers();
    paragraph_add(paragraph, screen_used ? "PS/2: %s" : "not used without a screen",
                  keyboard_used ? "yes" : "no controller");
    if (controllers > 0) {
        paragraph_add(paragraph, "USB: %u at %u xHCI controllers", usb_keyboards_count(),
                      controllers);
    } else if (screen_used) {
        paragraph_add(paragraph, "USB: no xHCI controller");
    }
}

void consoles_describe(struct line_sink *sink)
{
    struct paragraph paragraph;
    char text[LOG_LINE_BYTES];
    paragraph_begin(&paragraph, sink, "consoles");
    for (unsigned next = 0; serial_lines_describe(&next, text, sizeof(text));) {
        paragraph_add(&paragraph, "%s", text);
    }
    if (screen_used) {
        paragraph_add(&paragraph, "screen of %u x %u characters", screen.columns, screen.rows);
    } else {
        paragraph_add(&paragraph, "no screen");
    }
    paragraph_end(&paragraph);
    paragraph_begin(&paragraph, sink, "keyboards");
    describe_keyboards(&paragraph);
    paragraph_end(&paragraph);
}

void consoles_poll(void)
{
    usb_keyboards_poll();
}

uint64_t consoles_poll_ns(void)
{
    if (serial_lines_are_polled()) {
        return POLL_OFTEN_NS;
    }
    return usb_keyboards_are_busy() ? POLL_BUSY_NS : POLL_NS;
}

int consoles_read(void)
{
    int byte = serial_lines_read();
    if (byte < 0 && keyboard_used) {
        byte = ps2_keyboard_read();
    }
    return byte < 0 ? usb_keyboards_read() : byte;
}

bool consoles_have_input(void)
{
    return serial_lines_have_input() || ps2_keyboard_has_input() || usb_keyboards_have_input();
}

// A screen may be slow, and a serial line's FIFO is short.
static uint64_t let_interrupts_in(void)
{
    interrupts_window();
    return time_now_ns();
}

uint64_t consoles_draw(void)
{
    return screen_used ? glass_turn(&glass, let_interrupts_in) : NEVER_NS;
}

void consoles_flush(void)
{
    if (screen_used) {
        glass_draw_all(&glass);
    }
    serial_lines_flush();
}

void consoles_take_back(void)
{
    consoles_flush();
    usb_keyboards_stop();
    log_set_output(write_directly);
}
