// SPDX-License-Identifier: MIT
// What the random guest does with its local APIC.
#include "tests/host/vm/random_apic.h"

#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_backend.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

static const uint8_t apic_registers[] = {
    LAPIC_TPR,       LAPIC_EOI,       LAPIC_SVR,       LAPIC_ICR,           LAPIC_ICR,
    LAPIC_ICR,       LAPIC_LVT_TIMER, LAPIC_LVT_TIMER, LAPIC_INITIAL_COUNT, LAPIC_INITIAL_COUNT,
    LAPIC_DIVIDE,    LAPIC_LDR,       LAPIC_DFR,       LAPIC_ICR_HIGH,      LAPIC_LVT_LINT0,
    LAPIC_LVT_LINT1, LAPIC_LVT_ERROR, LAPIC_ESR,       LAPIC_SELF_IPI,      LAPIC_SVR,
};

static uint32_t apic_value(unsigned reg, struct random_input *input)
{
    uint8_t low = random_byte(input);
    switch (reg) {
    case LAPIC_SVR:
        return APIC_SVR_ENABLE | low;
    case LAPIC_ICR: {
        uint8_t how = random_byte(input);
        return low | (how & 7U) << APIC_ICR_DELIVERY_SHIFT | (how & 8 ? APIC_ICR_LOGICAL : 0) |
               APIC_ICR_ASSERT | (how & 0x10 ? APIC_ICR_LEVEL : 0) |
               (how >> 6U) << APIC_ICR_SHORTHAND_SHIFT;
    }
    case LAPIC_ICR_HIGH:
        return (uint32_t)(low % 5) << APIC_ID_SHIFT;
    case LAPIC_INITIAL_COUNT:
        return (uint32_t)1 << low % 28;
    case LAPIC_LDR:
        return (uint32_t)low << 24;
    case LAPIC_LVT_TIMER:
    case LAPIC_LVT_LINT0:
        return low | (uint32_t)random_byte(input) << 12;
    default:
        return low;
    }
}

// The processor has taken the write. It ends no interrupt by itself, as AMD's.
static struct vm_exit served_write(struct vcpu_core *core, unsigned reg, uint32_t value)
{
    core->apic_page->reg[reg].value = value;
    if (reg == LAPIC_ICR) {
        uint64_t high = core->apic_page->reg[LAPIC_ICR_HIGH].value;
        return (struct vm_exit){.kind = EXIT_IPI, .ipi = {.icr = high << 32 | value}};
    }
    return (struct vm_exit){.kind = EXIT_APIC_WRITE, .apic_write = {.reg = (uint8_t)reg}};
}

struct vm_exit random_apic_exit(struct vcpu_core *core, struct random_input *input)
{
    unsigned reg = apic_registers[random_below(input, ARRAY_SIZE(apic_registers))];
    uint32_t value = apic_value(reg, input);
    uint64_t *gpr = core->registers.gpr;
    if (core->backend->apic_access == APIC_ACCESS_MEMORY) {
        return served_write(core, reg, value);
    }
    gpr[GPR_RAX] = value;
    if (lapic_mode(&vcpu_of(core)->lapic) == LAPIC_X2APIC) {
        gpr[GPR_RCX] = IA32_X2APIC_FIRST + reg;
        gpr[GPR_RDX] = reg == LAPIC_ICR ? random_below(input, 5) : 0;
        return (struct vm_exit){.kind = EXIT_WRITE_MSR};
    }
    return random_guest_store(core, BACKEND_APIC_GPA + reg * 16ULL, value);
}

// A processor that serves the APIC has ended the highest interrupt in service, which exits.
struct vm_exit random_eoi_exit(struct vcpu_core *core, struct random_input *input)
{
    bool ended = random_bit(input);
    for (unsigned vector = 256; vector-- > 16;) {
        uint32_t *word = &core->apic_page->reg[LAPIC_ISR + vector / 32].value;
        if (core->backend->apic_access != APIC_ACCESS_EXITS && (*word & 1U << vector % 32)) {
            *word &= ended ? ~(1U << vector % 32) : UINT32_MAX;
            return (struct vm_exit){.kind = EXIT_EOI, .eoi = {.vector = (uint8_t)vector}};
        }
    }
    return (struct vm_exit){.kind = EXIT_NOTHING};
}

// The processor has requested an interrupt of all other vCPUs, in their pages.
struct vm_exit random_sent_ipi_exit(struct vcpu_core *core, struct random_input *input)
{
    const struct vcpu *vcpu = vcpu_of(core);
    const struct vm *vm = vcpu->vm;
    uint8_t vector = (uint8_t)MAX(random_byte(input), 16U);
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->vcpus[i]->core.backend->apic_access == APIC_ACCESS_EXITS) {
            return (struct vm_exit){.kind = EXIT_NOTHING};
        }
    }
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (i != vcpu->index) {
            vm->vcpus[i]->core.apic_page->reg[LAPIC_IRR + vector / 32].value |= 1U << vector % 32;
        }
    }
    uint64_t icr = vector | APIC_ICR_ASSERT | APIC_ALL_BUT_SELF << APIC_ICR_SHORTHAND_SHIFT;
    return (struct vm_exit){.kind = EXIT_IPI, .ipi = {.icr = icr, .sent = true}};
}
