// SPDX-License-Identifier: MIT
// Says in the manual's words what went wrong, and shows the fields of the VMCB that matter.
#include "arch/svm/svm_explain.h"
#include "arch/svm/svm.h"
#include "arch/svm/svm_check.h"
#include "arch/svm/svm_vmload.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/cpuid.h"
#include "vmm/backend.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// The exit codes from 60H to A4H (APM Vol. 2 appendix C).
#define FIRST_NAMED 0x60
static const char *const exitcodes[] = {
    [0x60 - FIRST_NAMED] = "physical interrupt",
    [0x61 - FIRST_NAMED] = "NMI",
    [0x62 - FIRST_NAMED] = "SMI",
    [0x63 - FIRST_NAMED] = "INIT",
    [0x64 - FIRST_NAMED] = "virtual interrupt",
    [0x65 - FIRST_NAMED] = "write of CR0 beyond TS and MP",
    [0x66 - FIRST_NAMED] = "read of IDTR",
    [0x67 - FIRST_NAMED] = "read of GDTR",
    [0x68 - FIRST_NAMED] = "read of LDTR",
    [0x69 - FIRST_NAMED] = "read of TR",
    [0x6a - FIRST_NAMED] = "write of IDTR",
    [0x6b - FIRST_NAMED] = "write of GDTR",
    [0x6c - FIRST_NAMED] = "write of LDTR",
    [0x6d - FIRST_NAMED] = "write of TR",
    [0x6e - FIRST_NAMED] = "RDTSC",
    [0x6f - FIRST_NAMED] = "RDPMC",
    [0x70 - FIRST_NAMED] = "PUSHF",
    [0x71 - FIRST_NAMED] = "POPF",
    [0x72 - FIRST_NAMED] = "CPUID",
    [0x73 - FIRST_NAMED] = "RSM",
    [0x74 - FIRST_NAMED] = "IRET",
    [0x75 - FIRST_NAMED] = "INT n",
    [0x76 - FIRST_NAMED] = "INVD",
    [0x77 - FIRST_NAMED] = "PAUSE",
    [0x78 - FIRST_NAMED] = "HLT",
    [0x79 - FIRST_NAMED] = "INVLPG",
    [0x7a - FIRST_NAMED] = "INVLPGA",
    [0x7b - FIRST_NAMED] = "IN or OUT",
    [0x7c - FIRST_NAMED] = "RDMSR or WRMSR",
    [0x7d - FIRST_NAMED] = "task switch",
    [0x7e - FIRST_NAMED] = "FP error freeze",
    [0x7f - FIRST_NAMED] = "shutdown",
    [0x80 - FIRST_NAMED] = "VMRUN",
    [0x81 - FIRST_NAMED] = "VMMCALL",
    [0x82 - FIRST_NAMED] = "VMLOAD",
    [0x83 - FIRST_NAMED] = "VMSAVE",
    [0x84 - FIRST_NAMED] = "STGI",
    [0x85 - FIRST_NAMED] = "CLGI",
    [0x86 - FIRST_NAMED] = "SKINIT",
    [0x87 - FIRST_NAMED] = "RDTSCP",
    [0x88 - FIRST_NAMED] = "ICEBP",
    [0x89 - FIRST_NAMED] = "WBINVD or WBNOINVD",
    [0x8a - FIRST_NAMED] = "MONITOR or MONITORX",
    [0x8b - FIRST_NAMED] = "MWAIT or MWAITX",
    [0x8c - FIRST_NAMED] = "MWAIT with the monitor armed",
    [0x8d - FIRST_NAMED] = "XSETBV",
    [0x8e - FIRST_NAMED] = "RDPRU",
    [0x8f - FIRST_NAMED] = "write of EFER",
    [0xa0 - FIRST_NAMED] = "INVLPGB",
    [0xa1 - FIRST_NAMED] = "illegal INVLPGB",
    [0xa2 - FIRST_NAMED] = "INVPCID",
    [0xa3 - FIRST_NAMED] = "MCOMMIT",
    [0xa4 - FIRST_NAMED] = "TLBSYNC",
};
static_assert(ARRAY_SIZE(exitcodes) == 0xa5 - FIRST_NAMED, "codes 60H to A4H");

static const char *exitcode_text(uint64_t exitcode)
{
    uint64_t index = exitcode - FIRST_NAMED;
    if (exitcode < VMEXIT_EXCEPTION) {
        return "access to a control or debug register";
    }
    if (exitcode < FIRST_NAMED) {
        return "exception";
    }
    if (exitcode == VMEXIT_NPF) {
        return "nested page fault";
    }
    return index < ARRAY_SIZE(exitcodes) && exitcodes[index] ? exitcodes[index]
                                                             : "not in the manual";
}

static void explain_refusal(const struct vmcb *vmcb, struct reason *why)
{
    const struct svm_limits limits = {.physical_bits = cpuid_checked(CPUID_ADDRESS_SIZES, 0).eax &
                                                       PHYSICAL_BITS_MASK};
    struct checked_rule rule;
    if (svm_check(vmcb, &limits, &rule)) {
        format_text(why->text, sizeof(why->text),
                    "VMRUN refused the guest: %s 0x%llx: %s (APM Vol. 2 %s)", rule.field,
                    (unsigned long long)rule.value, rule.rule, rule.section);
    } else {
        format_text(why->text, sizeof(why->text),
                    "VMRUN refused the guest, by a rule that Husk does not know");
    }
}

void svm_explain(const struct vcpu_core *vcpu, struct reason *why)
{
    const struct vmcb *vmcb = &vcpu->backend->vmcb;
    const struct vmcb_control *control = &vmcb->control;
    if ((uint32_t)control->exitcode == VMEXIT_INVALID) {
        explain_refusal(vmcb, why);
        return;
    }
    format_text(why->text, sizeof(why->text),
                "#VMEXIT 0x%llx: %s, EXITINFO1 0x%llx, EXITINFO2 0x%llx",
                (unsigned long long)control->exitcode, exitcode_text(control->exitcode),
                (unsigned long long)control->exitinfo1, (unsigned long long)control->exitinfo2);
}

static void dump_controls(const struct vmcb_control *control, void (*line)(const char *text))
{
    format_line(line, "  intercepts: CR 0x%x/0x%x, exceptions 0x%x, 0x%x, 0x%x", control->cr_reads,
                control->cr_writes, control->exceptions, control->intercepts,
                control->intercepts_svm);
    format_line(line, "  exit 0x%llx, EXITINFO1 0x%llx, EXITINFO2 0x%llx",
                (unsigned long long)control->exitcode, (unsigned long long)control->exitinfo1,
                (unsigned long long)control->exitinfo2);
    format_line(line, "  event in: 0x%llx; being delivered 0x%llx; V_INTR 0x%llx, shadow %llu",
                (unsigned long long)control->eventinj, (unsigned long long)control->exitintinfo,
                (unsigned long long)control->v_intr, (unsigned long long)control->interrupt_shadow);
    format_line(line, "  ASID %u, nested CR3 0x%llx, next RIP 0x%llx", control->asid,
                (unsigned long long)control->nested_cr3, (unsigned long long)control->next_rip);
}

static void dump_registers(const struct vmcb_save *save, void (*line)(const char *text))
{
    format_line(line, "  real CR0 0x%llx, CR3 0x%llx, CR4 0x%llx, EFER 0x%llx",
                (unsigned long long)save->cr0, (unsigned long long)save->cr3,
                (unsigned long long)save->cr4, (unsigned long long)save->efer);
    format_line(line, "  RIP 0x%llx, RSP 0x%llx, RFLAGS 0x%llx, CR2 0x%llx, DR7 0x%llx, CPL %u",
                (unsigned long long)save->rip, (unsigned long long)save->rsp,
                (unsigned long long)save->rflags, (unsigned long long)save->cr2,
                (unsigned long long)save->dr7, save->cpl);
}

static void dump_segment(const char *name, const struct vmcb_segment *segment,
                         void (*line)(const char *text))
{
    format_line(line, "  %-4s selector 0x%04x, base 0x%llx, limit 0x%x, attributes 0x%x", name,
                segment->selector, (unsigned long long)segment->base, segment->limit,
                segment->attributes);
}

void svm_dump(const struct vcpu_core *vcpu, void (*line)(const char *text))
{
    const struct vmcb_save *save = &vcpu->backend->vmcb.save;
    svm_fetch_state(vcpu);
    dump_controls(&vcpu->backend->vmcb.control, line);
    dump_registers(save, line);
    dump_segment("ES", &save->es, line);
    dump_segment("CS", &save->cs, line);
    dump_segment("SS", &save->ss, line);
    dump_segment("DS", &save->ds, line);
    dump_segment("FS", &save->fs, line);
    dump_segment("GS", &save->gs, line);
    dump_segment("LDTR", &save->ldtr, line);
    dump_segment("TR", &save->tr, line);
}
