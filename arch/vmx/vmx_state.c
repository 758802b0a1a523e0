// SPDX-License-Identifier: MIT
// Guest registers and segments in the VMCS. The vCPU is the CPU's current one.
#include "arch/vmx/vmx_state.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_blocking.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/vmx/vmx_debug.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/x86/instructions.h"
#include "arch/x86/live_state.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

// Bits of CR0 that belong to Husk; the guest reads what it wrote from the shadow. NE must be 1 in
// VMX operation. NW and CD would switch caching off for the whole CPU.
#define CR0_HOST_OWNED (CR0_NE | CR0_NW | CR0_CD)
// Other writes exit because of KVM around Husk. It serves those to PE, MP, EM and PG itself. Behind
// a MOV to CR0 the guest then reads all that it wrote, with ET and reserved bits, which a CPU would
// ignore. Behind an LMSW it reads the real CR0, without what the shadow alone has.
#define CR0_WATCHED (CR0_HOST_OWNED | CR0_PE | CR0_MP | CR0_EM | CR0_ET | ~CR0_DEFINED)
// A machine check with CR4.MCE clear shuts the machine down, even while a guest runs.
#define CR4_FORCED (CR4_VMXE | CR4_MCE)

#define ACCESS_RIGHTS_UNUSABLE BIT(16)
#define ACCESS_RIGHTS_MASK 0xf0ffU

void vmx_write_guest_masks(const struct vcpu_core *vcpu)
{
    vmcs_write(CR0_GUEST_HOST_MASK, CR0_WATCHED);
    vmcs_write(CR4_GUEST_HOST_MASK, ~vcpu->cr4_allowed | vcpu->cr4_watched | CR4_FORCED);
}

static uint64_t merge(uint64_t real, uint64_t shadow, uint64_t mask)
{
    return (real & ~mask) | (shadow & mask);
}

static uint64_t get_cr0(void)
{
    return merge(vmcs_read(GUEST_CR0), vmcs_read(CR0_READ_SHADOW), CR0_HOST_OWNED);
}

static uint64_t get_cr4(void)
{
    return merge(vmcs_read(GUEST_CR4), vmcs_read(CR4_READ_SHADOW), vmcs_read(CR4_GUEST_HOST_MASK));
}

// The CPU did not see this write, so it flushed nothing. The next entry makes up for it (SDM Vol.
// 3A 4.10.4.1).
static void paging_changed(struct vcpu_core *vcpu)
{
    vcpu->backend->flush = true;
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
}

#define CR0_PAGING (CR0_PG | CR0_WP | CR0_PE)
#define CR4_PAGING                                                                                 \
    (CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LA57)

// CR0_FIXED0 has PE and PG, but an unrestricted guest may clear them (SDM Vol. 3D A.7).
static void set_cr0(struct vcpu_core *vcpu, uint64_t value)
{
    if ((get_cr0() ^ value) & CR0_PAGING) {
        paging_changed(vcpu);
    }
    const struct vmx_capability *c = vmx_capability();
    uint64_t fixed = c->cr0_fixed0 & ~(CR0_PE | CR0_PG);
    vmcs_write(GUEST_CR0, (value & ~CR0_HOST_OWNED) | fixed | CR0_NE);
    vmcs_write(CR0_READ_SHADOW, value);
}

static void set_cr4(struct vcpu_core *vcpu, uint64_t value)
{
    if ((get_cr4() ^ value) & CR4_PAGING) {
        paging_changed(vcpu);
    }
    const struct vmx_capability *c = vmx_capability();
    vmcs_write(GUEST_CR4, (value & vcpu->cr4_allowed) | c->cr4_fixed0 | CR4_FORCED);
    vmcs_write(CR4_READ_SHADOW, value);
}

// An entry fails unless EFER.LMA and the VM-entry control say the same (27.3.1.1).
static void set_efer(uint64_t value)
{
    vmx_controls_set_long_mode(value & EFER_LMA);
    vmcs_write64(GUEST_IA32_EFER, value);
}

static struct vmcs64 pdpte(enum guest_register which)
{
    return VMCS64(GUEST_PDPTE0.encoding + 2 * (which - REG_PDPTE0));
}

// NOLINTNEXTLINE(readability-function-size): a case for each register
uint64_t vmx_get_register(const struct vcpu_core *vcpu, enum guest_register which)
{
    uint64_t value = 0;
    switch (which) {
    case REG_RSP:
        return vmcs_read(GUEST_RSP);
    case REG_RIP:
        return vmcs_read(GUEST_RIP);
    case REG_RFLAGS:
        return vmcs_read(GUEST_RFLAGS);
    case REG_CR0:
        return get_cr0();
    case REG_CR2:
        return read_cr2();
    case REG_CR3:
        return vmcs_read(GUEST_CR3);
    case REG_CR4:
        return get_cr4();
    case REG_DR6:
        __asm__ volatile("mov %%dr6, %0" : "=r"(value));
        return value;
    case REG_DR7:
        return vmcs_read(GUEST_DR7);
    case REG_EFER:
        return vmcs_read64(GUEST_IA32_EFER);
    case REG_PAT:
        return vmcs_read64(GUEST_IA32_PAT);
    case REG_XCR0:
        return live_state_get_xcr0();
    case REG_SYSENTER_CS:
        return vmcs_read32(GUEST_SYSENTER_CS);
    case REG_SYSENTER_ESP:
        return vmcs_read(GUEST_SYSENTER_ESP);
    case REG_SYSENTER_EIP:
        return vmcs_read(GUEST_SYSENTER_EIP);
    case REG_SYSCALL_MASK: // like all that SYSCALL uses, it stays in the CPU
        return rdmsr(IA32_FMASK);
    case REG_INTERRUPT_SHADOW:
        return vmx_blocking();
    case REG_PDPTE0:
    case REG_PDPTE1:
    case REG_PDPTE2:
    case REG_PDPTE3:
        return vmcs_read64(pdpte(which));
    case REG_TSC_OFFSET:
        return vmcs_read64(TSC_OFFSET);
    case REG_CPL:
        return vmcs_read32(vmcs_guest_access_rights(SEGMENT_SS)) >> SEGMENT_DPL_SHIFT & 3;
    case REG_EVENT_WAITING:
        return vmx_event_waits() || vmx_blocking_trap_waits();
    case REG_DR0:
    case REG_DR1:
    case REG_DR2:
    case REG_DR3:
        return live_state_get_breakpoint(which - REG_DR0);
    case REG_STEP:
        return vmx_debug_stepped(vcpu);
    case REG_TRAP:
    case REG_DEBUG_EXIT:
    case REG_COUNT:
        break;
    }
    (void)vcpu;
    return value;
}

// NOLINTNEXTLINE(readability-function-size): a case for each register
void vmx_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value)
{
    switch (which) {
    case REG_RSP:
        vmcs_write(GUEST_RSP, value);
        break;
    case REG_RIP:
        vmcs_write(GUEST_RIP, value);
        break;
    case REG_RFLAGS:
        vmcs_write(GUEST_RFLAGS, value | RFLAGS_FIXED);
        break;
    case REG_CR0:
        set_cr0(vcpu, value);
        break;
    case REG_CR2:
        write_cr2(value);
        break;
    case REG_CR3:
        vmcs_write(GUEST_CR3, value);
        break;
    case REG_CR4:
        set_cr4(vcpu, value);
        break;
    case REG_DR6:
        __asm__ volatile("mov %0, %%dr6" : : "r"(value));
        break;
    case REG_DR7:
        vmcs_write(GUEST_DR7, value);
        break;
    case REG_EFER:
        set_efer(value);
        break;
    case REG_PAT:
        vmcs_write64(GUEST_IA32_PAT, value);
        break;
    case REG_XCR0:
        live_state_set_xcr0(value);
        break;
    case REG_SYSENTER_CS:
        vmcs_write32(GUEST_SYSENTER_CS, (uint32_t)value);
        break;
    case REG_SYSENTER_ESP:
        vmcs_write(GUEST_SYSENTER_ESP, value);
        break;
    case REG_SYSENTER_EIP:
        vmcs_write(GUEST_SYSENTER_EIP, value);
        break;
    case REG_SYSCALL_MASK:
        wrmsr(IA32_FMASK, value);
        break;
    case REG_INTERRUPT_SHADOW:
        vmx_blocking_set((uint32_t)value);
        break;
    case REG_PDPTE0:
    case REG_PDPTE1:
    case REG_PDPTE2:
    case REG_PDPTE3:
        vmcs_write64(pdpte(which), value);
        break;
    case REG_TSC_OFFSET:
        vmcs_write64(TSC_OFFSET, value);
        break;
    case REG_EVENT_WAITING:
        vmx_forget_event();
        break;
    case REG_TRAP:
        vmx_blocking_add_trap(value);
        break;
    case REG_DEBUG_EXIT:
        vmx_controls_set_debug_registers(vcpu, value);
        break;
    case REG_STEP:
        vmx_debug_step(vcpu, (enum step)value);
        break;
    case REG_DR0:
    case REG_DR1:
    case REG_DR2:
    case REG_DR3:
    case REG_CPL:
    case REG_COUNT:
        break;
    }
}

void vmx_get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                     struct segment *segment)
{
    (void)vcpu;
    *segment = (struct segment){0};
    if (which == SEGMENT_GDTR || which == SEGMENT_IDTR) {
        unsigned table = which - SEGMENT_GDTR;
        segment->limit = vmcs_read32(VMCS32(GUEST_GDTR_LIMIT.encoding + 2 * table));
        segment->base = vmcs_read(VMCS_NATURAL(GUEST_GDTR_BASE.encoding + 2 * table));
        return;
    }
    uint32_t rights = vmcs_read32(vmcs_guest_access_rights(which));
    segment->selector = vmcs_read16(vmcs_guest_selector(which));
    segment->limit = vmcs_read32(vmcs_guest_limit(which));
    segment->base = vmcs_read(vmcs_guest_base(which));
    segment->attributes = rights & ACCESS_RIGHTS_UNUSABLE ? SEGMENT_UNUSABLE : (uint16_t)rights;
}

void vmx_set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                     const struct segment *segment)
{
    (void)vcpu;
    if (which == SEGMENT_GDTR || which == SEGMENT_IDTR) {
        unsigned table = which - SEGMENT_GDTR;
        vmcs_write32(VMCS32(GUEST_GDTR_LIMIT.encoding + 2 * table), segment->limit);
        vmcs_write(VMCS_NATURAL(GUEST_GDTR_BASE.encoding + 2 * table), segment->base);
        return;
    }
    bool unusable = segment->attributes == SEGMENT_UNUSABLE;
    vmcs_write16(vmcs_guest_selector(which), segment->selector);
    vmcs_write32(vmcs_guest_limit(which), segment->limit);
    vmcs_write(vmcs_guest_base(which), segment->base);
    vmcs_write32(vmcs_guest_access_rights(which), unusable
                                                      ? (uint32_t)ACCESS_RIGHTS_UNUSABLE
                                                      : segment->attributes & ACCESS_RIGHTS_MASK);
}
