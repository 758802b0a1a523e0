// SPDX-License-Identifier: MIT
// Accesses to guest-physical addresses outside RAM: the APICs, other devices, and unclaimed
// addresses.
#include "vmm/vcpu/memory_exit.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"
#include "vmm/devices/lapic.h"
#include "vmm/emulate/breakpoints.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/exit.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/util/width.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_apic_ram.h"
#include "vmm/vcpu/vcpu_breakpoints.h"
#include "vmm/vm/vm.h"

#define APIC_PAGE_MASK (~(uint64_t)0xfff)

struct vcpu_bus {
    struct emulator_bus bus;
    struct vcpu *vcpu;
};

struct vcpu_ports {
    struct emulator_ports ports;
    struct vcpu *vcpu;
};

static bool in_lapic(const struct vcpu *vcpu, gpa_t address)
{
    return lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
           (address.value & APIC_PAGE_MASK) == (lapic_base(&vcpu->lapic) & APIC_PAGE_MASK);
}

static void count_unclaimed(struct vm *vm, gpa_t address)
{
    __atomic_add_fetch(&vm->unclaimed_memory_accesses, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&vm->last_unclaimed_gpa, address.value, __ATOMIC_RELAXED);
}

// A register has 32 bits and begins each block of 16 bytes. A narrower or unaligned read gets the
// part of the register that it asks for, and 0 beyond the register (undefined by SDM Vol. 3A
// 11.4.1).
static uint64_t lapic_bus_read(struct vcpu *vcpu, unsigned offset, unsigned width)
{
    uint64_t value = 0;
    unsigned reg = offset >> 4;
    unsigned byte = offset & 0xf;
    if (!vcpu_read_lapic(vcpu, reg, &value)) {
        return 0;
    }
    if (byte == 0 && width == 4) {
        return (uint32_t)value;
    }
    return byte < 4 ? value >> (8 * byte) & width_ones(width) : 0;
}

static void lapic_bus_write(struct vcpu *vcpu, unsigned offset, unsigned width, uint64_t value)
{
    if ((offset & 0xf) != 0 || width < 4) {
        return; // the manual leaves such a write undefined
    }
    // In xAPIC mode nothing faults: an illegal access is shown in the error status register.
    (void)vcpu_write_lapic(vcpu, offset >> 4, (uint32_t)value);
}

// RAM that another vCPU's APIC hides. NULL: there is none.
static void *hidden_ram(const struct vcpu *vcpu, gpa_t address, unsigned width)
{
    return guest_memory_at(vcpu->memory, address, width);
}

static NOT_INLINE uint64_t chip_read(struct vcpu *vcpu, gpa_t address, unsigned width)
{
    uint64_t value = 0;
    if (pc_memory_read(vcpu->vm->pc, address, width, &value)) {
        return value;
    }
    const void *ram = hidden_ram(vcpu, address, width);
    if (ram) {
        memcpy(&value, ram, width);
        return value;
    }
    count_unclaimed(vcpu->vm, address);
    return width_ones(width);
}

static NOT_INLINE void chip_write(struct vcpu *vcpu, gpa_t address, unsigned width, uint64_t value)
{
    if (pc_memory_write(vcpu->vm->pc, address, width, value)) {
        return;
    }
    void *ram = hidden_ram(vcpu, address, width);
    if (ram) {
        memcpy(ram, &value, width);
    } else {
        count_unclaimed(vcpu->vm, address);
    }
}

static uint64_t bus_read(struct emulator_bus *bus, gpa_t address, unsigned width)
{
    struct vcpu *vcpu = container_of(bus, struct vcpu_bus, bus)->vcpu;
    return in_lapic(vcpu, address) ? lapic_bus_read(vcpu, address.value & 0xfff, width)
                                   : chip_read(vcpu, address, width);
}

static void bus_write(struct emulator_bus *bus, gpa_t address, unsigned width, uint64_t value)
{
    struct vcpu *vcpu = container_of(bus, struct vcpu_bus, bus)->vcpu;
    unsigned offset = address.value & 0xfff;
    if (in_lapic(vcpu, address)) {
        lapic_bus_write(vcpu, offset, width, value);
    } else {
        chip_write(vcpu, address, width, value);
    }
}

static uint32_t port_in(struct emulator_ports *ports, uint16_t port, unsigned width)
{
    struct vcpu *vcpu = container_of(ports, struct vcpu_ports, ports)->vcpu;
    return pc_port_read(vcpu->vm->pc, port, width);
}

static void port_out(struct emulator_ports *ports, uint16_t port, unsigned width, uint32_t value)
{
    struct vcpu *vcpu = container_of(ports, struct vcpu_ports, ports)->vcpu;
    pc_port_write(vcpu->vm->pc, port, width, value);
}

static struct vcpu_bus bus_of(struct vcpu *vcpu)
{
    return (struct vcpu_bus){.bus = {bus_read, bus_write}, .vcpu = vcpu};
}

// An operating system survives #UD, or at least says where it was. But what is in memory may not be
// the instruction that exited: another vCPU may just have changed it. So the guest tries once more.
static enum exit_action unknown_instruction(struct vcpu *vcpu, const struct emulation *emulation)
{
    struct vm *vm = vcpu->vm;
    uint64_t rip = vcpu_register(vcpu, REG_RIP);
    if (vcpu->unknown_rip != rip) {
        vcpu->unknown_rip = rip;
        return RETRY;
    }
    __atomic_store_n(&vm->last_unknown_rip, rip, __ATOMIC_RELAXED);
    if (__atomic_fetch_add(&vm->unknown_instructions, 1, __ATOMIC_RELAXED) == 0) {
        host_log(vcpu->host,
                 "[%s] #UD for an instruction on device memory that Husk does not know, %s",
                 vm->config.name, emulation->why.text);
    }
    return vcpu_fault(vcpu, VECTOR_UD);
}

static enum exit_action finish(struct vcpu *vcpu, struct vm_exit *exit, enum emulate_result result,
                               const struct emulation *emulation)
{
    switch (result) {
    case EMULATE_DONE:
        if (emulation->met != 0) {
            vcpu_set_register(vcpu, REG_TRAP, emulation->met);
        }
        exit->length = (uint8_t)emulation->length;
        return ADVANCE_DECODED;
    case EMULATE_AGAIN:
        vcpu_post_work(vcpu, WORK_TIMERS); // this took long: vcpu_run must look at the clock
        return RETRY;
    case EMULATE_STEP:
        return vcpu_debug_exception(vcpu, emulation->met);
    case EMULATE_FAULT:
        return vcpu_inject(vcpu, &emulation->event);
    case EMULATE_UNKNOWN:
        return unknown_instruction(vcpu, emulation);
    case EMULATE_UNREADABLE:
        break;
    }
    vm_fail(vcpu->vm, "%s", emulation->why.text);
    return STOP;
}

// A paging-structure entry outside RAM reads as all ones: present, with reserved bits set. The exit
// does not say whether the walk was for a read, a write or a fetch. The instruction tells it, if it
// can be decoded.
static enum exit_action walk_outside_ram(struct vcpu *vcpu, struct vm_exit *exit)
{
    const struct exit_memory *access = &exit->memory;
    struct vcpu_bus bus = bus_of(vcpu);
    struct emulation emulation = {0};
    count_unclaimed(vcpu->vm, access->gpa);
    enum emulate_result result = emulate_memory_access(&vcpu->core, vcpu->ops, vcpu->memory,
                                                       &bus.bus, NULL, NULL, &emulation);
    if (result != EMULATE_UNKNOWN && result != EMULATE_UNREADABLE) {
        return finish(vcpu, exit, result, &emulation);
    }
    uint32_t code = PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED;
    if (vcpu_register(vcpu, REG_CPL) == 3) {
        code |= PAGE_FAULT_USER;
    }
    return vcpu_page_fault(vcpu, access->gva.value, code);
}

// NULL: the guest has no breakpoint switched on.
static const struct breakpoints *breakpoints_of(struct vcpu *vcpu, struct breakpoints *breakpoints)
{
    return vcpu->uses_breakpoints && vcpu_breakpoints_read(vcpu, breakpoints) ? breakpoints : NULL;
}

// Decodes and carries out the instruction, which is slower than emulate_repeated_move.
static NOT_INLINE enum exit_action emulate(struct vcpu *vcpu, struct vm_exit *exit)
{
    if (vm_touch(vcpu->vm, exit->memory.gpa)) {
        return RETRY;
    }
    struct vcpu_bus bus = bus_of(vcpu);
    struct breakpoints breakpoints;
    struct emulation emulation = {.breakpoints = breakpoints_of(vcpu, &breakpoints)};
    bool once = emulation.breakpoints || vcpu->vm->space.holes > 0; // vm_touch sees each access
    struct emulator_cache *cache = once ? NULL : &vcpu->emulator_cache;
    enum emulate_result result = emulate_memory_access(&vcpu->core, vcpu->ops, vcpu->memory,
                                                       &bus.bus, &exit->memory, cache, &emulation);
    return finish(vcpu, exit, result, &emulation);
}

// Accesses that are not the read or write of an instruction.
static NOT_INLINE enum exit_action handle_rare(struct vcpu *vcpu, struct vm_exit *exit)
{
    const struct exit_memory *access = &exit->memory;
    if (vm_touch(vcpu->vm, access->gpa)) {
        return RETRY;
    }
    if (guest_memory_at(&vcpu->vm->memory, access->gpa, 1) &&
        !vcpu_apic_ram_is_hidden(vcpu->vm, access->gpa)) {
        return RETRY; // another vCPU has moved its APIC away meanwhile
    }
    if (access->delivery) {
        vm_fail(vcpu->vm, "an event's delivery reached outside RAM, at 0x%llx",
                (unsigned long long)access->gpa.value);
        return STOP;
    }
    if (access->page_walk && access->gva_valid) {
        return walk_outside_ram(vcpu, exit);
    }
    if (access->access & ACCESS_EXECUTE) {
        vm_fail(vcpu->vm, "instruction fetch outside RAM, at 0x%llx",
                (unsigned long long)access->gpa.value);
        return STOP;
    }
    return emulate(vcpu, exit);
}

enum exit_action vcpu_memory_exit(struct vcpu *vcpu, struct vm_exit *exit)
{
    const struct exit_memory *access = &exit->memory;
    if (access->delivery || access->page_walk || (access->access & ACCESS_EXECUTE)) {
        return handle_rare(vcpu, exit);
    }
    struct vcpu_bus bus = bus_of(vcpu);
    exit->length = (uint8_t)emulate_repeated_move(&vcpu->core, vcpu->memory, &bus.bus, access,
                                                  &vcpu->emulator_cache);
    return exit->length != 0 ? ADVANCE_DECODED : emulate(vcpu, exit);
}

enum exit_action vcpu_string_io_exit(struct vcpu *vcpu, struct vm_exit *exit)
{
    struct vcpu_bus bus = bus_of(vcpu);
    struct vcpu_ports ports = {.ports = {port_in, port_out}, .vcpu = vcpu};
    struct breakpoints breakpoints;
    struct emulation emulation = {.breakpoints = breakpoints_of(vcpu, &breakpoints)};
    enum emulate_result result = emulate_string_io(&vcpu->core, vcpu->ops, vcpu->memory, &bus.bus,
                                                   &exit->io, &ports.ports, &emulation);
    return finish(vcpu, exit, result, &emulation);
}

enum exit_action vcpu_status_word_exit(struct vcpu *vcpu, struct vm_exit *exit)
{
    struct vcpu_bus bus = bus_of(vcpu);
    struct breakpoints breakpoints;
    struct emulation emulation = {.breakpoints = breakpoints_of(vcpu, &breakpoints)};
    enum emulate_result result =
        emulate_status_word(&vcpu->core, vcpu->ops, vcpu->memory, &bus.bus, &emulation);
    return finish(vcpu, exit, result, &emulation);
}
