// SPDX-License-Identifier: MIT
// Guest registers in the VMCB. The vCPU is the CPU's current one.
#include "arch/svm/svm_state.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_code.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_debug.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_tlb.h"
#include "arch/svm/svm_vmload.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/live_state.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// Bits of CR0 that the guest may set for itself, but not for the CPU: they would switch caching
// off.
#define CR0_HOST_OWNED (CR0_NW | CR0_CD)

static struct vmcb *vmcb_of(const struct vcpu_core *vcpu)
{
    return &vcpu->backend->vmcb;
}

// ---- Control registers ----

// Husk does this write in place of the CPU. So Husk must flush what the CPU would have flushed (APM
// Vol. 2 15.16). The `decisive` bits say how tables are walked, the others what is allowed.
static void paging_changed(struct vcpu_core *vcpu, uint64_t changes, uint64_t decisive)
{
    if (changes) {
        svm_tlb_flush(vcpu);
    }
    if (changes & decisive) {
        svm_code_forget(vcpu);
    }
}

static uint64_t get_cr0(const struct vcpu_core *vcpu)
{
    return vmcb_of(vcpu)->save.cr0 | vcpu->backend->cr0_hidden;
}

#define CR0_PAGING (CR0_PG | CR0_WP | CR0_PE)
#define CR4_PAGING                                                                                 \
    (CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_LA57)

// As long as the guest would read the right value, only writes that change more than TS and MP
// exit, and LMSW. Otherwise all reads and writes exit.
static void set_cr0(struct vcpu_core *vcpu, uint64_t value)
{
    paging_changed(vcpu, (get_cr0(vcpu) ^ value) & CR0_PAGING, CR0_PG | CR0_PE);
    vmcb_of(vcpu)->save.cr0 = value & ~(uint64_t)CR0_HOST_OWNED;
    vcpu->backend->cr0_hidden = value & CR0_HOST_OWNED;
    svm_mark_dirty(vcpu, CLEAN_CR);
    svm_intercepts_set(vcpu, CAUSE_CR0_HIDDEN, value & CR0_HOST_OWNED);
}

static uint64_t get_efer(const struct vcpu_core *vcpu)
{
    return (vmcb_of(vcpu)->save.efer & ~(uint64_t)EFER_SVME) | vcpu->backend->efer_hidden;
}

// LME means nothing before CR0.PG is set, and that write exits. So the CPU need not have LME until
// then. In QEMU it must not: if the guest has LME without CR4.PAE, a #VMEXIT does not switch the
// host's paging on.
static uint64_t lme_in_wait(uint64_t efer)
{
    return efer & EFER_LMA ? 0 : efer & EFER_LME;
}

static uint64_t get_cr4(const struct vcpu_core *vcpu)
{
    return vmcb_of(vcpu)->save.cr4 & ~vcpu->backend->cr4_hidden;
}

// A machine check with CR4.MCE clear shuts the machine down, even while a guest runs. So MCE stays
// set, and a guest that has not set it must not see it.
static void set_cr4(struct vcpu_core *vcpu, uint64_t value)
{
    paging_changed(vcpu, (get_cr4(vcpu) ^ value) & CR4_PAGING, CR4_PAE | CR4_LA57);
    uint64_t hidden = vcpu->backend->cr4_forced & ~value;
    vmcb_of(vcpu)->save.cr4 = (value & vcpu->cr4_allowed) | hidden;
    vcpu->backend->cr4_hidden = hidden;
    svm_mark_dirty(vcpu, CLEAN_CR);
    svm_intercepts_set(vcpu, CAUSE_CR4_HIDDEN, hidden);
}

static void set_cr3(struct vcpu_core *vcpu, uint64_t value)
{
    vmcb_of(vcpu)->save.cr3 = value;
    svm_tlb_flush(vcpu);
    svm_mark_dirty(vcpu, CLEAN_CR);
}

// VMRUN insists on SVME (15.5.1); the guest does not see it, as EFER always exits.
static void set_efer(struct vcpu_core *vcpu, uint64_t value)
{
    uint64_t changes = (get_efer(vcpu) ^ value) & (EFER_LME | EFER_LMA | EFER_NXE);
    paging_changed(vcpu, changes, EFER_LMA);
    vcpu->backend->efer_hidden = lme_in_wait(value);
    vmcb_of(vcpu)->save.efer = (value & ~vcpu->backend->efer_hidden) | EFER_SVME;
    svm_mark_dirty(vcpu, CLEAN_CR);
}

// ---- Interruptibility ----

static void set_shadow(struct vcpu_core *vcpu, uint64_t value)
{
    svm_set_interrupt_shadow(vcpu->backend, value & (SHADOW_STI | SHADOW_MOV_SS));
    svm_nmi_block(vcpu, value & SHADOW_NMI);
}

// ---- The table ----

// NOLINTNEXTLINE(readability-function-size): a case for each register
uint64_t svm_get_register(const struct vcpu_core *vcpu, enum guest_register which)
{
    const struct vmcb *vmcb = vmcb_of(vcpu);
    switch (which) {
    case REG_RSP:
        return vmcb->save.rsp;
    case REG_RIP:
        return vmcb->save.rip;
    case REG_RFLAGS:
        return vmcb->save.rflags;
    case REG_CR0:
        return get_cr0(vcpu);
    case REG_CR2:
        return vmcb->save.cr2;
    case REG_CR3:
        return vmcb->save.cr3;
    case REG_CR4:
        return get_cr4(vcpu);
    case REG_DR6:
        return vmcb->save.dr6;
    case REG_DR7:
        return vmcb->save.dr7;
    case REG_EFER:
        return get_efer(vcpu);
    case REG_PAT:
        return vmcb->save.g_pat;
    case REG_XCR0:
        return live_state_get_xcr0();
    case REG_SYSENTER_CS:
        svm_fetch_state(vcpu);
        return vmcb->save.sysenter_cs;
    case REG_SYSENTER_ESP:
        svm_fetch_state(vcpu);
        return vmcb->save.sysenter_esp;
    case REG_SYSENTER_EIP:
        svm_fetch_state(vcpu);
        return vmcb->save.sysenter_eip;
    case REG_SYSCALL_MASK:
        svm_fetch_state(vcpu);
        return vmcb->save.sfmask;
    case REG_INTERRUPT_SHADOW:
        return svm_shadow(vcpu);
    case REG_TSC_OFFSET:
        return vmcb->control.tsc_offset;
    case REG_CPL:
        return vmcb->save.cpl;
    case REG_EVENT_WAITING:
        return svm_event_waits(vcpu);
    case REG_DR0:
    case REG_DR1:
    case REG_DR2:
    case REG_DR3:
        return live_state_get_breakpoint(which - REG_DR0);
    case REG_STEP:
        return svm_debug_stepped(vcpu);
    case REG_TRAP:
    case REG_DEBUG_EXIT:
    case REG_PDPTE0: // the hardware reads them from the guest's memory (15.25.10)
    case REG_PDPTE1:
    case REG_PDPTE2:
    case REG_PDPTE3:
    case REG_COUNT:
        break;
    }
    return 0;
}

static void set_loaded(const struct vcpu_core *vcpu, uint64_t *field, uint64_t value)
{
    svm_fetch_state(vcpu);
    *field = value;
    svm_store_state(vcpu);
}

// NOLINTNEXTLINE(readability-function-size): a case for each register
void svm_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value)
{
    struct vmcb *vmcb = vmcb_of(vcpu);
    switch (which) {
    case REG_RSP:
        vmcb->save.rsp = value;
        break;
    case REG_RIP:
        vmcb->save.rip = value;
        break;
    case REG_RFLAGS:
        vmcb->save.rflags = value | RFLAGS_FIXED;
        break;
    case REG_CR0:
        set_cr0(vcpu, value);
        break;
    case REG_CR2:
        vmcb->save.cr2 = value;
        svm_mark_dirty(vcpu, CLEAN_CR2);
        break;
    case REG_CR3:
        set_cr3(vcpu, value);
        break;
    case REG_CR4:
        set_cr4(vcpu, value);
        break;
    case REG_DR6:
        vmcb->save.dr6 = value;
        svm_mark_dirty(vcpu, CLEAN_DR);
        break;
    case REG_DR7:
        vmcb->save.dr7 = value;
        svm_mark_dirty(vcpu, CLEAN_DR);
        break;
    case REG_EFER:
        set_efer(vcpu, value);
        break;
    case REG_PAT:
        vmcb->save.g_pat = value;
        svm_mark_dirty(vcpu, CLEAN_NESTED);
        break;
    case REG_XCR0:
        live_state_set_xcr0(value);
        break;
    case REG_SYSENTER_CS:
        set_loaded(vcpu, &vmcb->save.sysenter_cs, value);
        break;
    case REG_SYSENTER_ESP:
        set_loaded(vcpu, &vmcb->save.sysenter_esp, value);
        break;
    case REG_SYSENTER_EIP:
        set_loaded(vcpu, &vmcb->save.sysenter_eip, value);
        break;
    case REG_SYSCALL_MASK:
        set_loaded(vcpu, &vmcb->save.sfmask, value);
        break;
    case REG_INTERRUPT_SHADOW:
        set_shadow(vcpu, value);
        break;
    case REG_TSC_OFFSET:
        vmcb->control.tsc_offset = value;
        svm_mark_dirty(vcpu, CLEAN_INTERCEPTS);
        break;
    case REG_EVENT_WAITING:
        if (!value) {
            svm_forget_event(vcpu);
        }
        break;
    case REG_TRAP:
        svm_add_trap(vcpu, value);
        break;
    case REG_DEBUG_EXIT:
        svm_intercepts_set(vcpu, CAUSE_DEBUG_REGISTER, value);
        break;
    case REG_STEP:
        svm_debug_step(vcpu, (enum step)value);
        break;
    case REG_DR0:
    case REG_DR1:
    case REG_DR2:
    case REG_DR3:
    case REG_PDPTE0: // the hardware reads them from the guest's memory (15.25.10)
    case REG_PDPTE1:
    case REG_PDPTE2:
    case REG_PDPTE3:
    case REG_CPL: // read only: svm_set_segment sets it with SS
    case REG_COUNT:
        break;
    }
}
