// SPDX-License-Identifier: MIT
// The host state of a VMCS: what each exit loads.
#include "arch/vmx/vmx_host_state.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_enter.h"
#include "arch/x86/cpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/idt.h"
#include "arch/x86/instructions.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// What each exit loads (SDM Vol. 3C 28.5). The values are those of this CPU.
static void write_host_state(struct vcpu_core *vcpu)
{
    struct cpu *cpu = cpu_this();
    vmcs_write(HOST_CR0, read_cr0());
    vmcs_write(HOST_CR3, vcpu->host_cr3);
    vmcs_write(HOST_CR4, read_cr4());
    vmcs_write16(HOST_CS_SELECTOR, SELECTOR_CODE);
    vmcs_write16(HOST_SS_SELECTOR, 0);
    vmcs_write16(HOST_DS_SELECTOR, 0);
    vmcs_write16(HOST_ES_SELECTOR, 0);
    vmcs_write16(HOST_FS_SELECTOR, 0);
    vmcs_write16(HOST_GS_SELECTOR, 0);
    vmcs_write16(HOST_TR_SELECTOR, SELECTOR_TSS);
    vmcs_write(HOST_FS_BASE, 0);
    vmcs_write(HOST_GS_BASE, 0);
    vmcs_write(HOST_TR_BASE, (uint64_t)&cpu->tss);
    vmcs_write(HOST_GDTR_BASE, (uint64_t)&cpu->gdt);
    vmcs_write(HOST_IDTR_BASE, idt_base());
    vmcs_write32(HOST_SYSENTER_CS, 0);
    vmcs_write(HOST_SYSENTER_ESP, 0);
    vmcs_write(HOST_SYSENTER_EIP, 0);
    vmcs_write64(HOST_IA32_EFER, rdmsr(IA32_EFER));
    vmcs_write64(HOST_IA32_PAT, rdmsr(IA32_PAT));
    vmcs_write(HOST_RSP, (uint64_t)(&vcpu->registers + 1));
    vmcs_write(HOST_RIP, (uint64_t)vmx_exit);
}

// This CPU's TLB may hold translations from an earlier stay of the vCPU, under the same VPID and
// EPTP. So both are flushed before the first entry.
void vmx_place_vcpu(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    write_host_state(vcpu);
    backend->flush = true;
    backend->nested_generation = 0;
    backend->placed = true;
}
