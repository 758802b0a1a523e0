// SPDX-License-Identifier: MIT
// The state in which a vCPU starts: the one that the loader asks for, or that after INIT and SIPI.
#include "vmm/vcpu/vcpu_start.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/paravirt.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vm/vm.h"

// Hidden parts of the segment registers: present, DPL 0, accessed.
#define ATTRIBUTES_REAL 0x0093   // read/write data, 16 bits
#define ATTRIBUTES_DATA 0xc093   // read/write data, 32 bits, pages
#define ATTRIBUTES_CODE32 0xc09b // execute/read code, 32 bits, pages
#define ATTRIBUTES_CODE64 0xa09b // execute/read code, 64 bits, pages
#define ATTRIBUTES_TSS 0x008b    // busy TSS
#define LIMIT_REAL 0xffffU
#define LIMIT_FLAT 0xffffffffU
#define SELECTOR_FLAT_CODE 0x08
#define SELECTOR_FLAT_DATA 0x10

static struct segment real_segment(uint16_t selector)
{
    return (struct segment){selector, ATTRIBUTES_REAL, LIMIT_REAL, (uint64_t)selector << 4};
}

static void set_segments(struct vcpu *vcpu, const struct load_result *start)
{
    enum start_mode mode = start->mode;
    bool has_gdt = start->gdt_bytes != 0;
    struct segment data = real_segment(start->data_selector);
    struct segment code = real_segment(start->code_selector);
    if (mode != START_REAL) {
        data = (struct segment){has_gdt ? start->data_selector : SELECTOR_FLAT_DATA,
                                ATTRIBUTES_DATA, LIMIT_FLAT, 0};
        code = (struct segment){has_gdt ? start->code_selector : SELECTOR_FLAT_CODE,
                                mode == START_LONG ? ATTRIBUTES_CODE64 : ATTRIBUTES_CODE32,
                                LIMIT_FLAT, 0};
    }
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        vcpu->ops->set_segment(&vcpu->core, i, i == SEGMENT_CS ? &code : &data);
    }
    const struct segment unusable = {0, SEGMENT_UNUSABLE, 0, 0};
    const struct segment tss = {0, ATTRIBUTES_TSS, LIMIT_REAL, 0};
    const struct segment table = {0, 0, LIMIT_REAL, 0};
    const struct segment gdt = {0, 0, start->gdt_bytes - 1U, start->gdt};
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_LDTR, &unusable);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_TR, &tss);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_GDTR, has_gdt ? &gdt : &table);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_IDTR, &table);
}

#define PAT_RESET 0x0007040600070406ULL // SDM Vol. 3A 12.12.4

static void set_control_registers(struct vcpu *vcpu, const struct load_result *start)
{
    bool long_mode = start->mode == START_LONG;
    uint64_t cr0 = CR0_ET;
    if (start->mode != START_REAL) {
        cr0 |= CR0_PE;
    }
    if (long_mode) {
        cr0 |= CR0_PG;
    }
    uint64_t cr4 = long_mode ? CR4_PAE : 0;
    vcpu_set_register(vcpu, REG_EFER, long_mode ? EFER_LME | EFER_LMA : 0);
    vcpu_set_register(vcpu, REG_CR0, cr0);
    vcpu_set_register(vcpu, REG_CR3, start->cr3);
    vcpu_set_register(vcpu, REG_CR4, cr4);
    cpuid_table_set_cr4(&vcpu->cpuid, cr4);
    vcpu_set_register(vcpu, REG_PAT, PAT_RESET);
}

void vcpu_start_at(struct vcpu *vcpu, const struct load_result *start)
{
    set_segments(vcpu, start);
    set_control_registers(vcpu, start);
    vcpu_set_register(vcpu, REG_SYSENTER_CS, 0);
    vcpu_set_register(vcpu, REG_SYSENTER_ESP, 0);
    vcpu_set_register(vcpu, REG_SYSENTER_EIP, 0);
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED | (start->interrupts_on ? RFLAGS_IF : 0));
    vcpu_set_register(vcpu, REG_RIP, start->entry);
    vcpu_set_register(vcpu, REG_RSP, start->stack);
    uint64_t *gpr = vcpu->core.registers.gpr;
    gpr[GPR_RAX] = start->rax;
    gpr[GPR_RBX] = start->rbx;
    gpr[GPR_RDX] = start->rdx;
    gpr[GPR_RSI] = start->rsi;
    gpr[GPR_RDI] = start->rdi;
    vcpu_apic_place(vcpu);
}

// ---- INIT and SIPI (SDM Vol. 3A 9.4) ----

static const struct load_result reset = {.mode = START_REAL};

// EDX holds the processor's signature (SDM Vol. 3A table 10-1).
static void set_signature(struct vcpu *vcpu)
{
    vcpu->core.registers.gpr[GPR_RDX] = cpuid_table_find(&vcpu->cpuid, 1, 0).eax;
}

void vcpu_start_waiting(struct vcpu *vcpu)
{
    vcpu->waits_for_startup = true;
    vcpu_start_at(vcpu, &reset);
    set_signature(vcpu);
    vcpu->asleep = true;
}

// Sets what an INIT sets (SDM Vol. 3A table 10-1). The caching bits of CR0 stay as they were. So do
// the FPU, XCR0, the PAT, the TSC and most other MSRs.
static void reset_registers(struct vcpu *vcpu)
{
    uint64_t *gpr = vcpu->core.registers.gpr;
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        gpr[i] = 0;
    }
    set_signature(vcpu);
    uint64_t cr0 = vcpu_register(vcpu, REG_CR0);
    set_segments(vcpu, &reset);
    emulator_forget(&vcpu->emulator_cache);
    vcpu_set_register(vcpu, REG_EFER, 0);
    vcpu_set_register(vcpu, REG_CR0, (cr0 & (CR0_CD | CR0_NW)) | CR0_ET);
    vcpu_set_register(vcpu, REG_CR2, 0);
    vcpu_set_register(vcpu, REG_CR3, 0);
    vcpu_set_register(vcpu, REG_CR4, 0);
    cpuid_table_set_cr4(&vcpu->cpuid, 0);
    vcpu_set_register(vcpu, REG_DR6, DR6_FIXED);
    vcpu_set_register(vcpu, REG_DR7, DR7_FIXED);
    vcpu_set_register(vcpu, REG_RFLAGS, RFLAGS_FIXED);
    vcpu_set_register(vcpu, REG_RSP, 0);
    vcpu_set_register(vcpu, REG_INTERRUPT_SHADOW, 0);
    vcpu_set_register(vcpu, REG_EVENT_WAITING, 0);
}

// The first vCPU would begin at the reset vector, where the ROM resets the machine. Other vCPUs do
// not fall asleep yet: vcpu_mail_take sees to that if no SIPI has come with the INIT.
void vcpu_init_received(struct vcpu *vcpu)
{
    if (vcpu->index == 0) {
        vm_request_reset(vcpu->vm);
        return;
    }
    vcpu->ops->load_vcpu(&vcpu->core);
    reset_registers(vcpu);
    lapic_init_received(&vcpu->lapic);
    paravirt_reset(vcpu);
    vcpu->nmis_pending = 0;
    vcpu->kicked = false;
    vcpu->extint_pending = false;
    vcpu->halted = false;
    vcpu->waits_for_startup = true;
    vcpu_apic_place(vcpu);
}

// The vCPU starts in real mode, at a page below 1 MiB.
void vcpu_startup(struct vcpu *vcpu, uint8_t vector)
{
    if (!vcpu->waits_for_startup) {
        return;
    }
    struct segment code = {(uint16_t)(vector << 8), ATTRIBUTES_REAL, LIMIT_REAL,
                           (uint64_t)vector << 12};
    vcpu->ops->load_vcpu(&vcpu->core);
    vcpu->ops->set_segment(&vcpu->core, SEGMENT_CS, &code);
    vcpu_set_register(vcpu, REG_RIP, 0);
    vcpu->waits_for_startup = false;
    vcpu_apic_place(vcpu);
    vcpu_stir(vcpu);
}
