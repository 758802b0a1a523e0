// SPDX-License-Identifier: MIT
// The machine with VMs: makes, starts and stops them, and checks for leaks.
#include "tests/host/fake_machine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "vmm/board/pc_memory.h"
#include "vmm/config/config_vm.h"
#include "vmm/devices/apic_message.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/scheduler_step.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_create.h"
#include "vmm/vm/vm_disks.h"
#include "vmm/vm/vm_life.h"
#include "vmm/vm/vm_lines.h"
#include "vmm/vm/vm_nets.h"

struct fake_machine fake_machine;

static uint8_t boot_sector[512];
static const struct linked_payload linked[] = {
    {.name = "hello", .start = boot_sector, .size = sizeof(boot_sector), .purpose = "says hello"},
    {.name = "hog", .start = boot_sector, .size = sizeof(boot_sector), .purpose = "never halts"}};

void fake_machine_init(void)
{
    boot_sector[510] = 0x55;
    boot_sector[511] = 0xaa;
    fake_host_init();
    fake_backend_init();
    fake_machine = (struct fake_machine){.vmm = {.host = &fake_host.host,
                                                 .ops = &fake_backend.ops,
                                                 .linked = linked,
                                                 .linked_count = ARRAY_SIZE(linked)}};
    for (unsigned i = 0; i < FAKE_CPUS_MAX; i++) {
        scheduler_init(&fake_machine.schedulers[i], &fake_machine.vmm, i);
        fake_machine.vmm.runs_guests[i] = true;
    }
}

static void add_payload(struct vm *vm)
{
    const struct vm_payload payload = {
        .linked = boot_sector, .size = sizeof(boot_sector), .command_line = ""};
    assert_true(vm_add_payload(vm, &payload));
}

struct vm *fake_machine_add_smp(const char *name, unsigned vcpus, uint64_t cpus)
{
    struct vm_config config = {.memory_bytes = FAKE_VM_BYTES,
                               .vcpus = vcpus,
                               .pinned = true,
                               .cpus = {cpus},
                               .autostart = true,
                               .command_line = ""};
    struct reason why = {""};
    struct vm *vm = NULL;
    text_copy(config.name, sizeof(config.name), name);
    assert_int_equal(vm_create(&fake_machine.vmm, &config, &vm, &why), STATUS_OK);
    add_payload(vm);
    return vm;
}

struct vm *fake_machine_add_line(const char *line, struct reason *why)
{
    struct vm_config config;
    struct vm *vm = NULL;
    assert_int_equal(config_parse_vm(line, &config, why), STATUS_OK);
    if (vm_create(&fake_machine.vmm, &config, &vm, why) != STATUS_OK) {
        return NULL;
    }
    add_payload(vm);
    return vm;
}

struct vm *fake_machine_add(const char *name)
{
    return fake_machine_add_smp(name, 1, BIT(0));
}

void fake_machine_stop_timer(const struct vm *vm)
{
    pc_port_write(vm->pc, 0x21, 1, 0xff); // all inputs of the first 8259 are masked
    pc_port_write(vm->pc, 0x43, 1, 0x30); // the counter waits for its count
}

void fake_machine_finish(struct vm *vm)
{
    unsigned before = fake_host.cpu;
    fake_host.cpu = vm_home_cpu(vm);
    while (vm_is_in_work(vm)) {
        vm_continue(vm, fake_host.now_ns + 1);
    }
    if (vm->state == VM_RUNNING) {
        fake_machine_stop_timer(vm);
    }
    fake_host.cpu = before;
}

enum status fake_machine_vm_start(struct vm *vm, struct reason *why)
{
    enum status status = vm_start(vm, why);
    fake_machine_finish(vm);
    return status;
}

enum status fake_machine_vm_reset(struct vm *vm, struct reason *why)
{
    enum status status = vm_reset(vm, why);
    fake_machine_finish(vm);
    return status;
}

enum status fake_machine_vm_stop(struct vm *vm, struct reason *why)
{
    enum status status = vm_stop(vm, why);
    fake_machine_finish(vm);
    return status;
}

#define SERVED (FEATURE_APIC | FEATURE_APIC_MSR | FEATURE_APIC_EXTINT)

static void start_smp(unsigned vcpus, unsigned more_features)
{
    struct reason why = {""};
    fake_machine_init();
    fake_backend.features |= more_features;
    fake_machine.vm = fake_machine_add_smp("web", vcpus, BIT(0) | BIT(1));
    assert_int_equal(fake_machine_vm_start(fake_machine.vm, &why), STATUS_OK);
    fake_machine.vcpu = fake_machine.vm->vcpus[0];
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        fake_host.kicks[cpu] = 0;
    }
}

void fake_machine_start_smp(unsigned vcpus)
{
    start_smp(vcpus, 0);
}

void fake_machine_start_posted(unsigned vcpus)
{
    start_smp(vcpus, SERVED | FEATURE_POSTED);
}

void fake_machine_set_current(unsigned cpu, const struct vcpu *vcpu)
{
    fake_machine.schedulers[cpu].current = vcpu ? scheduler_id(vcpu->vm, vcpu->index) : 0;
}

void fake_machine_sleep(struct vm *vm, unsigned index, unsigned urgency)
{
    vm->slots[index].sleep = urgency;
    fake_machine.schedulers[vm->slots[index].cpu].idle = true;
}

bool fake_machine_woken(const struct vm *vm, unsigned index)
{
    const struct scheduler *scheduler = &fake_machine.schedulers[vm->slots[index].cpu];
    return vm->slots[index].sleep == 0 && (scheduler->accounts[vm->index].woken & BIT(index)) &&
           (scheduler->woken & BIT(vm->index));
}

bool fake_machine_step(unsigned cpu, uint64_t *wake_ns)
{
    uint64_t ignored;
    unsigned before = fake_host.cpu;
    fake_host.cpu = cpu;
    bool ran =
        scheduler_step(&fake_machine.schedulers[cpu], NEVER_NS, wake_ns ? wake_ns : &ignored);
    fake_host.cpu = before;
    return ran;
}

void fake_machine_start_processors(void)
{
    const struct apic_message startup = {.delivery = APIC_STARTUP, .vector = 0x10};
    for (unsigned i = 1; i < fake_machine.vm->config.vcpus; i++) {
        vcpu_mail_message(fake_machine.vm->vcpus[i], &startup);
    }
    for (unsigned i = 0; i < fake_machine.vm->config.vcpus; i++) {
        assert_true(fake_machine_step(fake_machine.vm->slots[i].cpu, NULL));
    }
}

static void start(unsigned more_features)
{
    struct reason why = {""};
    fake_machine_init();
    fake_backend.features |= more_features;
    fake_machine.vm = fake_machine_add("web");
    assert_int_equal(fake_machine_vm_start(fake_machine.vm, &why), STATUS_OK);
    fake_machine.vcpu = fake_machine.vm->vcpus[0];
    fake_host.host.space_enter(&fake_machine.vm->space);
    fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
}

void fake_machine_start(void)
{
    start(0);
}

void fake_machine_start_served(void)
{
    start(SERVED);
}

void fake_machine_start_long(void)
{
    fake_machine_start();

    struct segment code = {.selector = 8, .attributes = 0xa09b, .limit = UINT32_MAX};
    struct segment data = {.selector = 16, .attributes = 0xc093, .limit = UINT32_MAX};

    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        fake_machine.vcpu->core.backend->segments[i] = i == SEGMENT_CS ? code : data;
    }
    fake_machine_set_register(REG_EFER, EFER_LME | EFER_LMA);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG | CR0_ET);
    fake_machine_set_register(REG_CR4, CR4_PAE);
}

void fake_machine_free(void)
{
    fake_host.cpu = 0;
    fake_host.host.space_enter(NULL);
    fake_host.failing_step = 0;
    for (unsigned i = 0; i < fake_machine.vmm.vm_count; i++) {
        struct vm *vm = fake_machine.vmm.vms[i];
        struct reason why;

        if (vm->state != VM_OFF) {
            assert_int_equal(fake_machine_vm_stop(vm, &why), STATUS_OK);
        }
        while (!fake_host.host.space_destroy(&vm->space)) { // what was kept
        }
        if (vm->disks) {
            fake_host.host.release(vm->disks, sizeof(*vm->disks));
        }
        if (vm->hvc) {
            fake_host.host.release(vm->hvc, sizeof(*vm->hvc));
        }
        if (vm->balloon) {
            fake_host.host.release(vm->balloon, sizeof(*vm->balloon));
        }
        if (vm->nets) {
            fake_host.host.release(vm->nets, sizeof(*vm->nets));
        }
        fake_host.host.release(vm, sizeof(*vm));
    }
    fake_machine.vmm.vm_count = 0;
    while (fake_machine.vmm.switch_count > 0) {
        struct vm_switch *last = fake_machine.vmm.switches[--fake_machine.vmm.switch_count];
        fake_host.host.release(last, sizeof(*last));
    }
    fake_host_check_leaks();
    assert_int_equal(fake_backend.live_vcpus, 0);
    assert_int_equal(fake_backend.live_nested, 0);
}

int fake_machine_set_up(void **state)
{
    (void)state;
    fake_machine_start();
    return 0;
}

int fake_machine_set_up_long(void **state)
{
    (void)state;
    fake_machine_start_long();
    return 0;
}

int fake_machine_tear_down(void **state)
{
    (void)state;
    fake_machine_free();
    return 0;
}

enum exit_action fake_machine_exit(struct vm_exit exit)
{
    return fake_backend_exit(&fake_machine.vcpu->core, exit);
}

uint64_t fake_machine_register(enum guest_register which)
{
    return vcpu_register(fake_machine.vcpu, which);
}

void fake_machine_set_register(enum guest_register which, uint64_t value)
{
    vcpu_set_register(fake_machine.vcpu, which, value);
}

void fake_machine_set_cpl(unsigned cpl)
{
    struct segment *ss = &fake_machine.vcpu->core.backend->segments[SEGMENT_SS];
    ss->attributes =
        (uint16_t)((ss->attributes & ~(3U << SEGMENT_DPL_SHIFT)) | cpl << SEGMENT_DPL_SHIFT);
}

uint64_t *fake_machine_gpr(void)
{
    return fake_machine.vcpu->core.registers.gpr;
}

uint64_t fake_machine_in(uint16_t port, uint8_t width)
{
    struct vm_exit exit = {.kind = EXIT_IO, .io = {.port = port, .width = width, .in = true}};
    assert_int_equal(fake_machine_exit(exit), ADVANCE);
    return fake_machine_gpr()[GPR_RAX];
}

void fake_machine_out(uint16_t port, uint8_t width, uint32_t value)
{
    struct vm_exit exit = {.kind = EXIT_IO, .io = {.port = port, .width = width}};
    fake_machine_gpr()[GPR_RAX] = value;
    assert_int_equal(fake_machine_exit(exit), ADVANCE);
}

void fake_machine_program_pics(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } writes[] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}, {0x21, 0},
                  {0xa0, 0x11}, {0xa1, 0x28}, {0xa1, 2}, {0xa1, 1}, {0xa1, 0}};
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        fake_machine_out(writes[i].port, 1, writes[i].value);
    }
}

void fake_machine_ioapic_write(unsigned offset, uint32_t value)
{
    assert_true(pc_memory_write(fake_machine.vm->pc, gpa(IOAPIC_DEFAULT_BASE + offset), 4, value));
}

bool fake_machine_take_fault(uint8_t vector)
{
    bool waits = fake_backend_fault_waits(&fake_machine.vcpu->core, vector);
    fake_machine.vcpu->core.backend->event_waiting = false;
    return waits;
}

void fake_machine_run(void)
{
    vcpu_run(fake_machine.vcpu, fake_host.now_ns + 1000000);
}

uint64_t fake_machine_next_event_ns(const struct vcpu *vcpu)
{
    return MIN(vcpu_lapic_event_ns(vcpu), vcpu_devices_event_ns(vcpu));
}
