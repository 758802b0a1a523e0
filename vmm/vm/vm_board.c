// SPDX-License-Identifier: MIT
// Where the outputs of a VM's board lead.
#include "vmm/vm/vm_board.h"

#include "vmm/board/pc.h"
#include "vmm/board/pc_firmware.h"
#include "vmm/board/pc_output.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/devices/apic_message.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/apic_bus.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_disks.h"
#include "vmm/vm/vm_lines.h"
#include "vmm/vm/vm_nets.h"

static struct vm *vm_of(struct pc_output *output)
{
    return container_of(output, struct vm, pc_output);
}

static uint64_t now_ns(struct pc_output *output)
{
    return vm_now_ns(vm_of(output));
}

// The scheduler looks at timers of VMs that sleep, with the memory of whoever ran last.
static void enter_memory(struct pc_output *output)
{
    const struct vm *vm = vm_of(output);
    vm->vmm->host->space_enter(&vm->space);
}

// ---- To the vCPUs ----

// The first vCPU keeps the timers of the devices.
static void timer_set(struct pc_output *output, uint64_t due_ns)
{
    vcpu_device_timer_set(vm_of(output)->vcpus[0], due_ns);
}

static void lint0(struct pc_output *output, bool level)
{
    vcpu_mail_lint0(vm_of(output)->vcpus[0], level);
}

static void apic_message(struct pc_output *output, const struct apic_message *message)
{
    apic_bus_send(vm_of(output), NULL, message);
}

// ---- The VM's life ----

static void reset(struct pc_output *output)
{
    vm_request_reset(vm_of(output));
}

static void exit_with(struct pc_output *output, uint32_t status)
{
    vm_end(vm_of(output), status, "exit status %u", status);
}

static void power_off(struct pc_output *output)
{
    vm_end(vm_of(output), 0, "powered off");
}

// ---- The serial line ----

static bool put_byte(struct pc_output *output, uint8_t byte)
{
    struct vm *vm = vm_of(output);
    return vm_line_put(vm, &vm->terminal, &byte, 1) == 1;
}

static int take_byte(struct pc_output *output)
{
    return terminal_get(&vm_of(output)->terminal);
}

// ---- Random numbers ----

static bool take_random(struct pc_output *output, uint64_t *to, unsigned words)
{
    return vm_of(output)->vmm->host->random(to, words);
}

// ---- Composition ----

// A new board has a slot for each function that a VM can have.
static void attach_functions(struct vm *vm)
{
    if (vm->entropy) {
        (void)!pc_entropy_attach(vm->pc, vm->entropy);
    }
    vm_disks_attach(vm);
    if (vm->balloon) {
        vm_balloon_attach(vm);
    }
    vm_hvc_attach(vm);
    vm_nets_attach(vm);
}

void vm_board_init(struct vm *vm)
{
    vm->pc_output = (struct pc_output){.now_ns = now_ns,
                                       .timer_set = timer_set,
                                       .enter_memory = enter_memory,
                                       .lint0 = lint0,
                                       .apic_message = apic_message,
                                       .reset = reset,
                                       .exit = exit_with,
                                       .power_off = power_off,
                                       .put_byte = put_byte,
                                       .take_byte = take_byte,
                                       .random = take_random};
    pc_init(vm->pc, &vm->pc_output, vm->vmm->host->wall_clock_s(), &vm->memory);
    attach_functions(vm);
    pc_firmware_program(vm->pc, vm->config.vcpus);
}
