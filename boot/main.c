// SPDX-License-Identifier: MIT
// The composition root: what is started, in which order, and the loops that each CPU then runs for
// ever.
#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/frames.h"
#include "arch/x86/guest_frames.h"
#include "arch/x86/idt.h"
#include "arch/x86/image.h"
#include "arch/x86/instructions.h"
#include "arch/x86/ioapic82093.h"
#include "arch/x86/ipi.h"
#include "arch/x86/live_state.h"
#include "arch/x86/log.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "arch/x86/pic8259.h"
#include "arch/x86/power.h"
#include "arch/x86/smp.h"
#include "arch/x86/symbols_load.h"
#include "arch/x86/time.h"
#include "arch/x86/tsc_rate.h"
#include "boot/boot_info.h"
#include "boot/boot_memory.h"
#include "boot/consoles.h"
#include "boot/debugger.h"
#include "boot/guests.h"
#include "boot/host_table.h"
#include "boot/machine_page.h"
#include "boot/payloads.h"
#include "boot/virtualization.h"
#include "vmm/backend.h"
#include "vmm/console/console.h"
#include "vmm/debug/debug_flight.h"
#include "vmm/devices/rtc_date.h"
#include "vmm/host.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_attach.h"
#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/house.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/scheduler_account.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_lines.h"

#define VERSION "Husk 0.1"
// After a turn of TURN_NS, Husk's own work lets the guests have CPU 0. While it waits for an
// output, it wants the CPU again after REST_NS.
#define TURN_NS (500 * NS_PER_US)
#define REST_NS NS_PER_MS
// After a poll of the monitor that took so long, drawing has the next turn for itself.
#define POLL_LONG_NS (100 * NS_PER_US)
#define RTC_SET_FROM_S (24 * 3600ULL) // since 1970; an unreadable clock counts from 0

static struct boot_info boot_info;
static struct husk_config config;
static const struct acpi_info *acpi;
static struct vmm vmm;
static struct console console;
static struct monitor monitor;
static struct linked_payload firmware;
static struct house house;     // Husk's own work on CPU 0
static uint64_t turn_start_ns; // when the turn of Husk's own work on CPU 0 began
static bool drawing_is_next;   // the next turn only draws

// ---- Stages ----

static void start_cpu(void)
{
    idt_init();
    cpu_set_up(cpu_this());
}

static void complain(void *context, const char *text)
{
    (void)context;
    log_line("%s", text);
}

static void read_boot_info(uint32_t magic, uint64_t tags)
{
    struct reason why;
    if (magic != MULTIBOOT2_MAGIC) {
        panic("not loaded by a Multiboot2 boot loader: EAX is %#x", magic);
    }
    if (boot_info_parse(frames_virtual(tags), 4 * GIB - tags, &boot_info, &why) != STATUS_OK) {
        panic("%s", why.text);
    }
    log_line("boot loader: %s, %u modules, %s", boot_info.loader, boot_info.module_count,
             boot_info.efi ? "UEFI" : "BIOS");
    if (boot_info.complaint_count > 0) {
        log_line("boot loader: %s (%u complaints)", boot_info.complaint.text,
                 boot_info.complaint_count);
    }
    if (image_offset() != 0) {
        log_line("boot loader: Husk lies at %#lx", image_span().start);
    }
    config_parse_husk(boot_info.command_line, &config, complain, NULL);
    features_switch_off(config.features_off);
    cpu_enable_protections(); // again, without the features that are switched off
}

static void start_memory(void)
{
    static struct boot_memory memory;
    boot_memory_fill(&memory, &boot_info);
    machine_memory_set(&memory.at_boot);
    frames_init(&memory.at_boot);
    symbols_load(&boot_info.symbols, &boot_info.symbol_names);
    paging_init();
    cpu_set_up_first();
    guest_frames_init(&memory.later);
    log_line("memory: %llu MiB for guests, %llu MiB for Husk", guest_frames_total_bytes() / MIB,
             frames_total_bytes() / MIB);
}

static void start_interrupts(void)
{
    struct reason why;
    acpi = acpi_init(boot_info.rsdp, boot_info.rsdp_bytes);
    pic8259_disable();
    if (apic_init(acpi, &why) != STATUS_OK) {
        panic("%s", why.text);
    }
    apic_init_cpu(acpi);
    if (ioapic82093_init(acpi, &why) != STATUS_OK) {
        log_line("%s", why.text);
    }
    log_line("interrupts: %s", apic_is_x2apic() ? "x2APIC" : "xAPIC");
}

static void report_date(void)
{
    struct rtc_date date;
    uint64_t seconds = time_wall_clock_s();
    if (seconds < RTC_SET_FROM_S) {
        log_line("date: unknown, the machine's clock has none");
        return;
    }
    rtc_date_from_seconds((int64_t)seconds, &date);
    log_line("date: %04u-%02u-%02u %02u:%02u:%02u UTC (the machine's clock)", date.year, date.month,
             date.day, date.hour, date.minute, date.second);
}

static void start_time(void)
{
    struct reason why;
    char text[100];
    if (time_init(acpi, &why) != STATUS_OK) {
        panic("%s", why.text);
    }
    time_init_cpu();
    log_set_clock(time_now_ns);
    for (unsigned next = 0; tsc_rate_describe(&next, text, sizeof(text));) {
        log_line("time: %s", text);
    }
    report_date();
}

static void start_scheduler(void)
{
    unsigned cpu = cpu_this()->index;
    struct scheduler *scheduler = vmm.host->allocate(sizeof(*scheduler));
    if (!scheduler) {
        panic("no frames for the scheduler of CPU %u", cpu);
    }
    scheduler_init(scheduler, &vmm, cpu);
}

static void tell_guest(void (*line)(const char *text))
{
    debug_flight_last(vmm.schedulers[cpu_this()->index], line);
}

static void start_virtualization(void)
{
    firmware = (struct linked_payload){.name = "firmware",
                                       .start = firmware_rom,
                                       .size = (uint64_t)(firmware_rom_end - firmware_rom)};
    vmm = (struct vmm){.host = &host_table,
                       .linked = linked_payloads,
                       .linked_count = linked_payload_count,
                       .firmware = &firmware};
    live_state_init_machine();
    vmm.ops = virtualization_choose(&vmm.no_guests);
    virtualization_start_cpu(&vmm);
    start_scheduler();
    panic_tell_guest = tell_guest;
}

_Noreturn static void run_other_cpu(void);

static void nothing(void *argument)
{
    (void)argument;
}

static void start_other_cpus(void)
{
    ipi_init();
    power_init(acpi, consoles_flush);
    unsigned count = smp_start(acpi, run_other_cpu);
    unsigned running = 0;
    for (unsigned cpu = 0; cpu < count; cpu++) {
        // A CPU that answers is in its loop and has set runs_guests.
        running += ipi_call(cpu, nothing, NULL) == STATUS_OK;
    }
    log_line("CPUs: %u run", running);
}

// ---- What the monitor asks of the machine ----

static void disable_here(void *argument)
{
    (void)argument;
    vmm.runs_guests[cpu_this()->index] = false;
    vmm.ops->disable_cpu();
}

static void leave(void)
{
    monitor_finish(&monitor);
    consoles_take_back(); // what is logged from here on is not the monitor's to show
    for (unsigned cpu = cpu_count(); vmm.ops && cpu-- > 0;) {
        if (ipi_call(cpu, disable_here, NULL) != STATUS_OK) {
            log_line("CPU %u is left as it is", cpu);
        }
    }
}

static void leave_and_power_off(void)
{
    leave();
    power_off();
}

static void leave_and_reboot(void)
{
    leave();
    power_reset();
}

static void describe_cpu(unsigned cpu, char *text, size_t size)
{
    format_text(text, size, "APIC id %u%s", cpu_by_index(cpu)->apic_id,
                vmm.runs_guests[cpu] ? "" : ", runs no guests");
}

static void describe_machine(struct line_sink *sink)
{
    machine_page_show(&boot_info, acpi, &vmm, sink);
}

// Takes one step with the guests of CPU 0, or waits if none wants to run.
static void serve_guests(void)
{
    struct scheduler *scheduler = vmm.schedulers[0];
    uint64_t wake_ns;
    if (!scheduler_step(scheduler, house_next_ns(&house), &wake_ns)) {
        time_set_deadline(MIN(wake_ns, house.due_ns));
        cpu_idle();
        scheduler_charge_idle(scheduler);
    }
}

// The guests run in the middle of the monitor's work, as those of other CPUs always do.
static void rest(bool waits)
{
    interrupts_window();
    if (!waits && time_now_ns() - turn_start_ns < TURN_NS) {
        return;
    }
    consoles_draw();
    house_end_turn(&house, vmm.schedulers[0], time_now_ns() + (waits ? REST_NS : 0));
    do {
        interrupts_window();
        serve_guests();
    } while (!house_may_turn(&house, vmm.schedulers[0]));
    turn_start_ns = time_now_ns();
}

static const struct console_machine console_machine = {.now_ns = time_now_ns, .rest = rest};

static const struct monitor_machine machine = {.version = VERSION,
                                               .power_off = leave_and_power_off,
                                               .reboot = leave_and_reboot,
                                               .log_next = log_next,
                                               .log_end = log_end,
                                               .has_input = consoles_have_input,
                                               .describe_cpu = describe_cpu,
                                               .describe = describe_machine,
                                               .lend_line = debugger_lend_line};

static void start_monitor(void)
{
    console_init(&console, &console_machine);
    consoles_hand_over(&console);
    monitor_init(&monitor, &vmm, &console, &machine, consoles_read);
    debugger_start(&vmm, &monitor, &console_machine);
}

static void start_guests(void)
{
    guests_create(&vmm, &boot_info, &config);
    if (!vmm.ops && vmm.vm_count > 0) {
        log_line("no guest is started: %s", vmm.no_guests.text);
    } else {
        guests_start(&vmm);
    }
    struct vm *focus = vm_find(&vmm, config.focus);
    if (focus) {
        monitor_attach(&monitor, focus, VM_LINE_UART);
    } else if (config.focus[0] != '\0') {
        log_line("focus=%s: there is no VM of that name", config.focus);
    }
}

// ---- For ever ----

// Interrupts are on in guests, in cpu_idle, and once in each round. The last is for emulators in
// which an interrupt may not end a guest that only exits.
_Noreturn static void run_other_cpu(void)
{
    virtualization_start_cpu(&vmm);
    start_scheduler();
    struct scheduler *scheduler = vmm.schedulers[cpu_this()->index];
    for (;;) {
        uint64_t wake_ns;
        interrupts_window();
        ipi_run_calls();
        if (!scheduler_step(scheduler, NEVER_NS, &wake_ns)) {
            time_set_deadline(wake_ns);
            cpu_idle();
            scheduler_charge_idle(scheduler);
        }
    }
}

// A turn of Husk's own work. Returns the time at which it wants the next one.
static uint64_t do_own_work(void)
{
    turn_start_ns = time_now_ns();
    consoles_poll();
    interrupts_window();
    uint64_t poll_ns = drawing_is_next ? 0 : monitor_poll(&monitor); // MIN would call it twice
    interrupts_window();
    drawing_is_next = !drawing_is_next && time_now_ns() - turn_start_ns >= POLL_LONG_NS;
    uint64_t draw_ns = drawing_is_next ? 0 : consoles_draw();
    uint64_t debug_ns = debugger_poll();
    if (config.poweroff_on_idle && guests_all_ended(&vmm)) {
        leave_and_power_off();
    }
    return MIN(MIN(MIN(poll_ns, draw_ns), debug_ns), time_now_ns() + consoles_poll_ns());
}

_Noreturn static void run_first_cpu(void)
{
    for (;;) {
        interrupts_window();
        ipi_run_calls();
        if (monitor_is_wanted(&monitor) || debugger_is_wanted()) {
            house.due_ns = 0;
        }
        if (house_may_turn(&house, vmm.schedulers[0])) {
            house_end_turn(&house, vmm.schedulers[0], do_own_work());
        }
        serve_guests();
    }
}

_Noreturn void kernel_main(uint32_t magic, uint64_t tags);

_Noreturn void kernel_main(uint32_t magic, uint64_t tags)
{
    consoles_start_serial();
    log_line(VERSION);
    start_cpu();
    read_boot_info(magic, tags);
    start_memory();
    consoles_start_screen(&boot_info, config.consoles);
    start_interrupts();
    consoles_choose_serial(&boot_info, acpi, config.consoles, config.gdb);
    start_time();
    start_virtualization();
    start_other_cpus();
    start_monitor();
    start_guests();
    run_first_cpu();
}
