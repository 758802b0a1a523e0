// SPDX-License-Identifier: MIT
// The fake world: VMs whose state changes at once, and a clock that the test moves.
#include "tests/host/monitor/fake_world.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/util/format.h"
#include "vmm/util/string.h"

struct fake_world world;

static const uint8_t payload[512];

static const struct linked_payload linked[] = {
    {.name = "hello", .start = payload, .size = 512, .purpose = "says hello"},
    {.name = "hog", .start = payload, .size = 512, .purpose = "never halts"},
};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

// ---- The host, the back end and the machine ----

static uint64_t now_ns(void)
{
    return world.now_ns;
}

static unsigned cpu_count(void)
{
    return 2;
}

static struct host_memory_use memory_use(void)
{
    return (struct host_memory_use){.guest_bytes = 512 * MIB,
                                    .guest_free = 480 * MIB,
                                    .hypervisor_bytes = 32 * MIB,
                                    .hypervisor_free = 3 * MIB + 512 * KIB};
}

static uint64_t get_register(const struct vcpu_core *core, enum guest_register which)
{
    (void)core;
    switch (which) {
    case REG_RIP:
        return 0x7c00;
    case REG_RFLAGS:
        return 0x246;
    case REG_CR0:
        return 0x80000031;
    case REG_CR4:
        return UINT64_MAX;
    case REG_INTERRUPT_SHADOW:
        return SHADOW_STI;
    default:
        return 0x1000 + (uint64_t)which;
    }
}

static void get_segment(const struct vcpu_core *core, enum guest_segment which,
                        struct segment *segment)
{
    (void)core;
    *segment = (struct segment){
        .selector = 8, .attributes = 0xa09b, .limit = UINT32_MAX, .base = (uint64_t)which};
}

static int read_byte(void)
{
    return world.input_read < world.input_length ? world.input[world.input_read++] : -1;
}

static bool log_next(uint64_t *position, char *line, size_t size)
{
    if (*position >= world.log_lines) {
        return false;
    }
    text_copy(line, size, world.log[(*position)++]);
    return true;
}

static void leave(void)
{
    world.leaves++;
}

static void describe_cpu(unsigned cpu, char *text, size_t size)
{
    format_text(text, size, "APIC %u", cpu * 2);
}

// ---- VMs ----

const char *exit_kind_name(enum exit_kind kind)
{
    return kind == EXIT_CPUID ? "CPUID" : "other";
}

const char *vm_state_name(enum vm_state state)
{
    static const char *const names[] = {"off", "starting", "running", "paused", "ended"};

    return names[state];
}

struct vm *vm_find(struct vmm *vmm, const char *name)
{
    for (unsigned i = 0; i < vmm->vm_count; i++) {
        if (text_equal(vmm->vms[i]->config.name, name)) {
            return vmm->vms[i];
        }
    }
    return NULL;
}

enum status vm_create_linked(struct vmm *vmm, const char *name, struct vm **vm, struct reason *why)
{
    if (vmm->vm_count == WORLD_VMS_MAX) {
        return refuse(why, STATUS_NO_MEMORY, "no room for another VM");
    }
    *vm = fake_world_add_vm(name, VM_OFF);
    return STATUS_OK;
}

static enum status change(struct vm *vm, bool possible, enum vm_state state, struct reason *why)
{
    if (!possible) {
        return refuse(why, STATUS_BUSY, "it is %s", vm_state_name(vm->state));
    }
    vm->state = state;
    return STATUS_OK;
}

enum status vm_start(struct vm *vm, struct reason *why)
{
    vm->starts++;
    return change(vm, vm->state == VM_OFF || vm->state == VM_ENDED, VM_STARTING, why);
}

enum status vm_stop(struct vm *vm, struct reason *why)
{
    if (world.refuse_stop) {
        return refuse(why, STATUS_BUSY, "it does not stop");
    }
    world.stops++;
    return change(vm, vm->state != VM_OFF, VM_OFF, why);
}

enum status vm_pause(struct vm *vm, struct reason *why)
{
    return change(vm, vm->state == VM_RUNNING, VM_PAUSED, why);
}

enum status vm_resume(struct vm *vm, struct reason *why)
{
    return change(vm, vm->state == VM_PAUSED, VM_RUNNING, why);
}

enum status vm_reset(struct vm *vm, struct reason *why)
{
    return change(vm, vm->state != VM_OFF, VM_STARTING, why);
}

void vm_call(struct vm *vm, unsigned index, void (*call)(struct vm *vm, void *context),
             void *context)
{
    check(index < vm->config.vcpus);
    check(vm->state != VM_OFF);
    if (vm->state != VM_STARTING) {
        call(vm, context);
    }
}

struct vcpu_core *vm_vcpu_core(struct vm *vm, unsigned index)
{
    check(index < vm->config.vcpus);
    return vm->state == VM_OFF ? NULL : &world.cores[vm - world.vms];
}

void vm_input_ready(struct vm *vm)
{
    (void)vm;
    world.wakes++;
}

// ---- For tests ----

struct vm *fake_world_add_vm(const char *name, enum vm_state state)
{
    check(world.vmm.vm_count < WORLD_VMS_MAX);

    unsigned index = world.vmm.vm_count++;
    struct vm *vm = &world.vms[index];

    vm->vmm = &world.vmm;
    vm->pc = &world.pcs[index];
    vm->restart_at_ns = NEVER_NS;
    text_copy(vm->config.name, sizeof(vm->config.name), name);
    vm->config.memory_bytes = 32 * MIB;
    vm->state = state;
    vm->starts = state == VM_OFF ? 0 : 1;
    vm->config.vcpus = 1;
    vm->slots[0].cpu = index % cpu_count();
    vm->memory.base = world.ram;
    vm->memory.extent_count = 1;
    vm->memory.extents[0] = (struct guest_extent){.bytes = WORLD_RAM_BYTES};
    terminal_init(&vm->terminal);
    world.vmm.vms[index] = vm;
    return vm;
}

void fake_world_init(void)
{
    memset(&world, 0, sizeof(world));
    world.now_ns = 1000000000;
    world.host = (struct host){.now_ns = now_ns, .cpu_count = cpu_count, .memory_use = memory_use};
    world.ops = (struct vcpu_ops){.get_register = get_register, .get_segment = get_segment};
    world.vmm.host = &world.host;
    world.vmm.ops = &world.ops;
    world.vmm.linked = linked;
    world.vmm.linked_count = ARRAY_SIZE(linked);
    world.vmm.schedulers[1] = &world.scheduler;
    fake_world_add_vm("web", VM_RUNNING);
    fake_world_add_vm("ticker", VM_RUNNING);
    fake_world_add_vm("spare", VM_OFF);
    console_init(&world.console);
    fake_output_init(&world.serial);
    check(console_add(&world.console, &world.serial.output));
    world.machine = (struct monitor_machine){.version = "Husk test",
                                             .power_off = leave,
                                             .reboot = leave,
                                             .log_next = log_next,
                                             .describe_cpu = describe_cpu};
    monitor_init(&world.monitor, &world.vmm, &world.console, &world.machine, read_byte);
}

void fake_world_log(const char *line)
{
    check(world.log_lines < WORLD_LOG_LINES);
    text_copy(world.log[world.log_lines++], MONITOR_LOG_LINE, line);
}

void fake_world_type(const char *bytes)
{
    size_t length = strlen(bytes);

    if (world.input_read == world.input_length) {
        world.input_read = world.input_length = 0;
    }
    check(world.input_length + length <= WORLD_INPUT_BYTES);
    memcpy(world.input + world.input_length, bytes, length);
    world.input_length += length;
}

void fake_world_send(struct vm *vm, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        check(terminal_put(&vm->terminal, (uint8_t)*bytes));
    }
}

void fake_world_poll(void)
{
    unsigned polls = 0;

    while (monitor_poll(&world.monitor) == 0) {
        check(++polls < 100000);
    }
}

const char *fake_world_run(const char *line)
{
    fake_world_poll();
    fake_output_clear(&world.serial);
    fake_world_type(line);
    fake_world_type("\r");
    fake_world_poll();
    return world.serial.text;
}
