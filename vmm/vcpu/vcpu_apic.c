// SPDX-License-Identifier: MIT
// A vCPU's local APIC: its outputs to the VM, the guest's accesses, and the part that the processor
// serves out of the APIC's page.
#include "vmm/vcpu/vcpu_apic.h"

#include "arch/x86/apic_registers.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/board/pc.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/lock.h"
#include "vmm/vcpu/apic_bus.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/vcpu_apic_ram.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vcpu/vcpu_timers.h"

// ---- Outputs of the APIC ----

static struct vcpu *of_output(struct lapic_output *output)
{
    return container_of(output, struct vcpu, lapic_output);
}

// The model has already delivered the message to the sender, if it is among the receivers.
static void apic_send_ipi(struct lapic_output *output, const struct apic_message *message)
{
    struct vcpu *vcpu = of_output(output);
    apic_bus_send(vcpu->vm, vcpu, message);
}

static void apic_eoi(struct lapic_output *output, uint8_t vector)
{
    pc_end_of_interrupt(of_output(output)->vm->pc, vector);
}

static void apic_nmi(struct lapic_output *output)
{
    struct vcpu *vcpu = of_output(output);
    vcpu_add_nmi(vcpu);
    vcpu_post_work(vcpu, WORK_EVENTS);
}

// An INIT or SIPI that the vCPU sends to itself goes through the mail, so that it is carried out
// after the instruction that sent it.
static void apic_init(struct lapic_output *output)
{
    vcpu_mail_message(of_output(output), &(struct apic_message){.delivery = APIC_INIT});
}

static void apic_startup(struct lapic_output *output, uint8_t vector)
{
    vcpu_mail_message(of_output(output),
                      &(struct apic_message){.delivery = APIC_STARTUP, .vector = vector});
}

void vcpu_apic_init(struct vcpu *vcpu)
{
    vcpu->lapic_output = (struct lapic_output){.send_ipi = apic_send_ipi,
                                               .eoi = apic_eoi,
                                               .nmi = apic_nmi,
                                               .init = apic_init,
                                               .startup = apic_startup};
    lapic_init(&vcpu->lapic, &vcpu->lapic_output, vcpu->index, vcpu->index == 0,
               cpuid_table_physical_bits(&vcpu->cpuid));
    if (vcpu->index == 0) {
        lapic_set_virtual_wire(&vcpu->lapic); // as the firmware of a PC leaves it
    }
    vcpu->core.apic_id = vcpu->index;
    vcpu->core.apic_page = &vcpu->lapic.page;
    vcpu->core.posted = &vcpu->mail.posted;
    vcpu->apic_access = vcpu->features & FEATURE_APIC ? APIC_ACCESS_MEMORY : APIC_ACCESS_EXITS;
}

// ---- The processor's part ----

// Whether the processor can serve the APIC at all. The processor does not know an APIC that
// software has disabled and that takes no interrupts: a self-IPI would still arrive. The APIC of a
// vCPU that waits for its SIPI is in that state too, but nothing uses it. An AMD processor that
// serves the APIC has no window for interrupts of the 8259s.
static bool can_be_served(const struct vcpu *vcpu)
{
    const struct lapic *lapic = &vcpu->lapic;
    bool takes_part = lapic_is_enabled(lapic) || vcpu->waits_for_startup;
    bool by_8259 = vcpu->extint_pending || (vcpu->index == 0 && lapic_accepts_extint(lapic));
    return takes_part && (!by_8259 || (vcpu->features & FEATURE_APIC_EXTINT));
}

static enum apic_access access_of(const struct vcpu *vcpu)
{
    const struct lapic *lapic = &vcpu->lapic;
    uint64_t address = lapic_base(lapic) & ~(uint64_t)(PAGE_SIZE - 1);
    if (!can_be_served(vcpu)) {
        return APIC_ACCESS_EXITS;
    }
    if (lapic_mode(lapic) == LAPIC_X2APIC) {
        return vcpu->features & FEATURE_APIC_MSR ? APIC_ACCESS_MSR : APIC_ACCESS_EXITS;
    }
    return lapic_mode(lapic) == LAPIC_XAPIC && address == APIC_DEFAULT_ADDRESS ? APIC_ACCESS_MEMORY
                                                                               : APIC_ACCESS_EXITS;
}

// The APIC page is in the VM's nested page table as long as every vCPU has its APIC at that
// address. Otherwise the page is taken out: an access of a vCPU with its APIC there exits and is
// emulated, and the other vCPUs find nothing at the address.
static void count_elsewhere(struct vcpu *vcpu, bool elsewhere)
{
    struct vm *vm = vcpu->vm;
    lock_take(&vm->apic_lock);
    unsigned before = vm->apics_elsewhere;
    vm->apics_elsewhere = elsewhere ? before + 1 : before - 1;
    if (before == 0 || vm->apics_elsewhere == 0) {
        vcpu->ops->apic->show_page(vm->nested, !elsewhere);
    }
    lock_give(&vm->apic_lock);
}

void vcpu_apic_place(struct vcpu *vcpu)
{
    enum apic_access before = vcpu->apic_access;
    enum apic_access access = access_of(vcpu);
    if (!(vcpu->features & FEATURE_APIC) || access == before) {
        return;
    }
    vcpu->apic_access = access;
    if (access == APIC_ACCESS_EXITS) {
        vcpu_apic_take_posted(vcpu, false);
    }
    if (before == APIC_ACCESS_MEMORY || access == APIC_ACCESS_MEMORY) {
        count_elsewhere(vcpu, access != APIC_ACCESS_MEMORY);
    }
    vcpu->ops->apic->set_access(&vcpu->core, access);
    lapic_refresh(&vcpu->lapic); // if the APIC is no longer served, the model goes on alone
}

// ---- Accesses of the guest ----

// `reg` has been written. Writes to the timer's registers may set or unmask it.
static void after_write(struct vcpu *vcpu, unsigned reg)
{
    struct lapic *lapic = &vcpu->lapic;
    if (vcpu->features & FEATURE_APIC) {
        vcpu_apic_place(vcpu);
        vcpu_post_work(vcpu, WORK_EVENTS);
    } else if (lapic_has_requests(lapic) || pc_interrupt_waits(vcpu->vm->pc)) {
        vcpu_post_work(vcpu, WORK_EVENTS);
    }
    if (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_DIVIDE) {
        vcpu_timer_set(vcpu, lapic_next_event_ns(lapic));
    }
}

bool vcpu_write_lapic(struct vcpu *vcpu, unsigned reg, uint64_t value)
{
    vcpu_apic_refresh(vcpu);
    bool legal = lapic_write(&vcpu->lapic, reg, value, vm_now_ns(vcpu->vm));
    after_write(vcpu, reg);
    return legal;
}

bool vcpu_set_apic_base(struct vcpu *vcpu, uint64_t value)
{
    bool legal = lapic_set_base(&vcpu->lapic, value);
    cpuid_table_set_apic(&vcpu->cpuid, lapic_base(&vcpu->lapic) & APIC_BASE_ENABLE);
    vcpu_apic_place(vcpu);
    vcpu_apic_hide_ram(vcpu);
    vcpu_post_work(vcpu, WORK_EVENTS);
    return legal;
}

enum exit_action vcpu_apic_write_exit(struct vcpu *vcpu, const struct exit_apic_write *write)
{
    vcpu_apic_refresh(vcpu);
    lapic_written(&vcpu->lapic, write->reg, vm_now_ns(vcpu->vm));
    after_write(vcpu, write->reg);
    return RETRY; // the instruction is complete
}

enum exit_action vcpu_eoi_exit(struct vcpu *vcpu, const struct exit_eoi *eoi)
{
    struct lapic *lapic = &vcpu->lapic;
    lapic_refresh(lapic);
    if (lapic_highest(lapic, LAPIC_IN_SERVICE) == eoi->vector) {
        lapic_eoi(lapic); // AMD's processor leaves the end to the model
    } else {
        lapic_ended(lapic, eoi->vector);
    }
    vcpu_post_work(vcpu, WORK_EVENTS); // the line may still be asserted
    return RETRY;
}

enum exit_action vcpu_ipi_exit(struct vcpu *vcpu, const struct exit_ipi *ipi)
{
    vcpu_apic_refresh(vcpu);
    if (ipi->sent) {
        struct apic_message message = lapic_keep_icr(&vcpu->lapic, ipi->icr);
        apic_bus_wake(vcpu->vm, vcpu, &message);
    } else {
        lapic_write_icr(&vcpu->lapic, ipi->icr);
        vcpu_post_work(vcpu, WORK_EVENTS);
    }
    return RETRY;
}

// ---- Before an entry ----

static void show_level_triggered(struct vcpu *vcpu)
{
    struct lapic *lapic = &vcpu->lapic;
    uint64_t vectors[4];
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        vectors[i] = lapic_word(lapic, LAPIC_LEVEL_TRIGGERED, 2 * i) |
                     (uint64_t)lapic_word(lapic, LAPIC_LEVEL_TRIGGERED, 2 * i + 1) << 32;
    }
    lapic->level_changed = false;
    vcpu->ops->apic->set_eoi_exits(&vcpu->core, vectors);
}

void vcpu_apic_publish(struct vcpu *vcpu)
{
    struct lapic *lapic = &vcpu->lapic;
    lapic_refresh(lapic);
    lapic_show(lapic);
    if (lapic->level_changed) {
        show_level_triggered(vcpu);
    }
    vcpu->ops->apic->set_interrupt_status(&vcpu->core,
                                          (uint8_t)lapic_highest(lapic, LAPIC_REQUESTED),
                                          (uint8_t)lapic_highest(lapic, LAPIC_IN_SERVICE));
}
