// SPDX-License-Identifier: MIT
// Says what went wrong in the manual's words, and shows the VMCS fields that matter.
#include "arch/vmx/vmx_explain.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_check.h"
#include "vmm/backend.h"
#include "vmm/util/format.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// SDM Vol. 3C 31.4, "VM-instruction error numbers".
static const char *const instruction_errors[] = {
    [1] = "VMCALL executed in VMX root operation",
    [2] = "VMCLEAR with invalid physical address",
    [3] = "VMCLEAR with VMXON pointer",
    [4] = "VMLAUNCH with non-clear VMCS",
    [5] = "VMRESUME with non-launched VMCS",
    [6] = "VMRESUME after VMXOFF",
    [7] = "VM entry with invalid control field(s)",
    [8] = "VM entry with invalid host-state field(s)",
    [9] = "VMPTRLD with invalid physical address",
    [10] = "VMPTRLD with VMXON pointer",
    [11] = "VMPTRLD with incorrect VMCS revision identifier",
    [12] = "VMREAD/VMWRITE from/to unsupported VMCS component",
    [13] = "VMWRITE to read-only VMCS component",
    [15] = "VMXON executed in VMX root operation",
    [16] = "VM entry with invalid executive-VMCS pointer",
    [17] = "VM entry with non-launched executive VMCS",
    [18] = "VM entry with executive-VMCS pointer not VMXON pointer",
    [19] = "VMCALL with non-clear VMCS",
    [20] = "VMCALL with invalid VM-exit control fields",
    [22] = "VMCALL with incorrect MSEG revision identifier",
    [23] = "VMXOFF under dual-monitor treatment of SMIs and SMM",
    [24] = "VMCALL with invalid SMM-monitor features",
    [25] = "VM entry with invalid VM-execution control fields in executive VMCS",
    [26] = "VM entry with events blocked by MOV SS",
    [28] = "invalid operand to INVEPT/INVVPID",
};
static_assert(ARRAY_SIZE(instruction_errors) == 29, "numbers 1 to 28");

// SDM Vol. 3D appendix C, table C-1.
static const char *const exit_reasons[] = {
    [0] = "exception or NMI",
    [1] = "external interrupt",
    [2] = "triple fault",
    [3] = "INIT signal",
    [4] = "start-up IPI",
    [5] = "I/O SMI",
    [6] = "other SMI",
    [7] = "interrupt window",
    [8] = "NMI window",
    [9] = "task switch",
    [10] = "CPUID",
    [11] = "GETSEC",
    [12] = "HLT",
    [13] = "INVD",
    [14] = "INVLPG",
    [15] = "RDPMC",
    [16] = "RDTSC",
    [17] = "RSM",
    [18] = "VMCALL",
    [19] = "VMCLEAR",
    [20] = "VMLAUNCH",
    [21] = "VMPTRLD",
    [22] = "VMPTRST",
    [23] = "VMREAD",
    [24] = "VMRESUME",
    [25] = "VMWRITE",
    [26] = "VMXOFF",
    [27] = "VMXON",
    [28] = "control-register access",
    [29] = "MOV DR",
    [30] = "I/O instruction",
    [31] = "RDMSR",
    [32] = "WRMSR",
    [33] = "VM-entry failure due to invalid guest state",
    [34] = "VM-entry failure due to MSR loading",
    [36] = "MWAIT",
    [37] = "monitor trap flag",
    [39] = "MONITOR",
    [40] = "PAUSE",
    [41] = "VM-entry failure due to machine-check event",
    [43] = "TPR below threshold",
    [44] = "APIC access",
    [45] = "virtualized EOI",
    [46] = "access to GDTR or IDTR",
    [47] = "access to LDTR or TR",
    [48] = "EPT violation",
    [49] = "EPT misconfiguration",
    [50] = "INVEPT",
    [51] = "RDTSCP",
    [52] = "VMX-preemption timer expired",
    [53] = "INVVPID",
    [54] = "WBINVD or WBNOINVD",
    [55] = "XSETBV",
    [56] = "APIC write",
    [57] = "RDRAND",
    [58] = "INVPCID",
    [59] = "VMFUNC",
    [60] = "ENCLS",
    [61] = "RDSEED",
    [62] = "page-modification log full",
    [63] = "XSAVES",
    [64] = "XRSTORS",
    [65] = "PCONFIG",
    [66] = "SPP-related event",
    [67] = "UMWAIT",
    [68] = "TPAUSE",
    [75] = "instruction timeout",
};
static_assert(ARRAY_SIZE(exit_reasons) == 76, "numbers 0 to 75");

static const char *text_of(const char *const *table, size_t count, uint32_t number)
{
    return number < count && table[number] ? table[number] : "not in the manual";
}

static const char *instruction_error_text(uint32_t error)
{
    return text_of(instruction_errors, ARRAY_SIZE(instruction_errors), error);
}

static const char *exit_reason_text(uint32_t basic_reason)
{
    return text_of(exit_reasons, ARRAY_SIZE(exit_reasons), basic_reason);
}

// Names the rule that the CPU found broken. False: it is none that Husk knows.
static bool explain_refusal(const struct backend_vcpu *backend, struct reason *why)
{
    struct checked_rule rule;
    if (!vmx_check(backend->entry_error, backend->last_reason, &rule)) {
        return false;
    }
    format_text(why->text, sizeof(why->text), "VM entry refused: %s 0x%llx: %s (SDM Vol. 3C %s)",
                rule.field, (unsigned long long)rule.value, rule.rule, rule.section);
    return true;
}

void vmx_explain(const struct vcpu_core *vcpu, struct reason *why)
{
    const struct backend_vcpu *backend = vcpu->backend;
    if (explain_refusal(backend, why)) {
        return;
    }
    if (backend->entry_error) {
        format_text(why->text, sizeof(why->text), "VM entry failed: VM-instruction error %u: %s",
                    backend->entry_error, instruction_error_text(backend->entry_error));
        return;
    }
    uint32_t basic = backend->last_reason & VM_EXIT_REASON_BASIC_MASK;
    format_text(why->text, sizeof(why->text), "VM exit %u: %s, qualification 0x%llx", basic,
                exit_reason_text(basic), (unsigned long long)vmcs_read(VM_EXIT_QUALIFICATION));
}

static void dump_controls(void (*line)(const char *text))
{
    format_line(line, "  controls: pin 0x%x, primary 0x%x, secondary 0x%x, exit 0x%x, entry 0x%x",
                vmcs_read32(PIN_BASED_CONTROLS), vmcs_read32(PRIMARY_CONTROLS),
                vmcs_read32(SECONDARY_CONTROLS), vmcs_read32(VM_EXIT_CONTROLS),
                vmcs_read32(VM_ENTRY_CONTROLS));
    format_line(line, "  event in: 0x%x, error code 0x%x; exit event 0x%x; being delivered 0x%x",
                vmcs_read32(VM_ENTRY_INTERRUPTION_INFO), vmcs_read32(VM_ENTRY_EXCEPTION_ERROR_CODE),
                vmcs_read32(VM_EXIT_INTERRUPTION_INFO), vmcs_read32(IDT_VECTORING_INFO));
    format_line(line, "  interruptibility 0x%x, activity %u, pending debug 0x%llx, EPTP 0x%llx",
                vmcs_read32(GUEST_INTERRUPTIBILITY), vmcs_read32(GUEST_ACTIVITY_STATE),
                (unsigned long long)vmcs_read(GUEST_PENDING_DEBUG),
                (unsigned long long)vmcs_read64(EPT_POINTER));
}

static void dump_registers(void (*line)(const char *text))
{
    format_line(line, "  real CR0 0x%llx, CR3 0x%llx, CR4 0x%llx, EFER 0x%llx",
                (unsigned long long)vmcs_read(GUEST_CR0), (unsigned long long)vmcs_read(GUEST_CR3),
                (unsigned long long)vmcs_read(GUEST_CR4),
                (unsigned long long)vmcs_read64(GUEST_IA32_EFER));
    format_line(line, "  RIP 0x%llx, RSP 0x%llx, RFLAGS 0x%llx, DR7 0x%llx",
                (unsigned long long)vmcs_read(GUEST_RIP), (unsigned long long)vmcs_read(GUEST_RSP),
                (unsigned long long)vmcs_read(GUEST_RFLAGS),
                (unsigned long long)vmcs_read(GUEST_DR7));
}

void vmx_dump(const struct vcpu_core *vcpu, void (*line)(const char *text))
{
    static const char *const names[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};
    (void)vcpu; // it is the CPU's current one
    dump_controls(line);
    dump_registers(line);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        format_line(line, "  %-4s selector 0x%04x, base 0x%llx, limit 0x%x, access rights 0x%x",
                    names[i], vmcs_read16(vmcs_guest_selector(i)),
                    (unsigned long long)vmcs_read(vmcs_guest_base(i)),
                    vmcs_read32(vmcs_guest_limit(i)), vmcs_read32(vmcs_guest_access_rights(i)));
    }
}
