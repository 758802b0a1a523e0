// SPDX-License-Identifier: MIT
// The checks of the host-state area (SDM Vol. 3C 27.2.2 to 27.2.4).
#include "arch/vmx/vmx_check_host.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_check.h"
#include "arch/x86/registers.h"
#include "vmm/util/pat.h"
#include "vmm/util/types.h"

#define REGISTERS "27.2.2"
#define SEGMENTS "27.2.3"
#define SIZE "27.2.4"
#define SELECTOR_RPL_TI 7U
#define CANONICAL "it must be canonical"

static bool is_64bit(void)
{
    return vmcs_read32(VM_EXIT_CONTROLS) & EXIT_CONTROL_HOST_64BIT;
}

static bool check_registers(const struct vmx_limits *limits, struct checked_rule *found)
{
    uint64_t cr0 = vmcs_read(HOST_CR0);
    uint64_t cr3 = vmcs_read(HOST_CR3);
    uint64_t cr4 = vmcs_read(HOST_CR4);
    uint64_t esp = vmcs_read(HOST_SYSENTER_ESP);
    uint64_t eip = vmcs_read(HOST_SYSENTER_EIP);
    const struct checked_rule rules[] = {
        {~cr0 & limits->cr0_fixed0 & ~CR0_UNCHECKED, REGISTERS, "host CR0", cr0,
         "VMX demands more bits"},
        {cr0 & ~limits->cr0_fixed1 & ~CR0_UNCHECKED, REGISTERS, "host CR0", cr0,
         "VMX does not allow all of its bits"},
        {~cr4 & limits->cr4_fixed0, REGISTERS, "host CR4", cr4, "VMX demands more bits"},
        {cr4 & ~limits->cr4_fixed1, REGISTERS, "host CR4", cr4,
         "VMX does not allow all of its bits"},
        {cr3 >> limits->physical_bits, REGISTERS, "host CR3", cr3, "it must be a physical address"},
        {!vmx_is_canonical(limits, esp), REGISTERS, "host SYSENTER_ESP", esp, CANONICAL},
        {!vmx_is_canonical(limits, eip), REGISTERS, "host SYSENTER_EIP", eip, CANONICAL},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_msrs(struct checked_rule *found)
{
    uint32_t exit = vmcs_read32(VM_EXIT_CONTROLS);
    bool loads_efer = exit & EXIT_CONTROL_LOAD_EFER;
    bool loads_pat = exit & EXIT_CONTROL_LOAD_PAT;
    uint64_t efer = loads_efer ? vmcs_read64(HOST_IA32_EFER) : 0;
    uint64_t pat = loads_pat ? vmcs_read64(HOST_IA32_PAT) : 0;
    const struct checked_rule rules[] = {
        {loads_pat && !pat_is_valid(pat), REGISTERS, "host PAT", pat,
         "each byte must be a memory type"},
        {efer & ~EFER_DEFINED, REGISTERS, "host EFER", efer, "its reserved bits must be 0"},
        {loads_efer && !(efer & EFER_LMA) == is_64bit(), REGISTERS, "host EFER", efer,
         "LMA must be as the host address-space size"},
        {loads_efer && !(efer & EFER_LME) == is_64bit(), REGISTERS, "host EFER", efer,
         "LME must be as the host address-space size"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_selectors(struct checked_rule *found)
{
    static const struct {
        struct vmcs16 field;
        const char *name;
    } selectors[] = {
        {{0x0c00}, "host ES"}, {{0x0c02}, "host CS"}, {{0x0c04}, "host SS"}, {{0x0c06}, "host DS"},
        {{0x0c08}, "host FS"}, {{0x0c0a}, "host GS"}, {{0x0c0c}, "host TR"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(selectors); i++) {
        uint16_t value = vmcs_read16(selectors[i].field);
        if (value & SELECTOR_RPL_TI) {
            *found = (struct checked_rule){true, SEGMENTS, selectors[i].name, value,
                                           "RPL and TI must be 0"};
            return true;
        }
    }
    const struct checked_rule rules[] = {
        {vmcs_read16(HOST_CS_SELECTOR) == 0, SEGMENTS, "host CS", 0, "it must not be 0"},
        {vmcs_read16(HOST_TR_SELECTOR) == 0, SEGMENTS, "host TR", 0, "it must not be 0"},
        {vmcs_read16(HOST_SS_SELECTOR) == 0 && !is_64bit(), SEGMENTS, "host SS", 0,
         "it must not be 0 for a 32-bit host"},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

static bool check_bases(const struct vmx_limits *limits, struct checked_rule *found)
{
    static const struct {
        struct vmcs_natural field;
        const char *name;
    } bases[] = {
        {{0x6c06}, "host FS base"},   {{0x6c08}, "host GS base"},   {{0x6c0a}, "host TR base"},
        {{0x6c0c}, "host GDTR base"}, {{0x6c0e}, "host IDTR base"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        uint64_t value = vmcs_read(bases[i].field);
        if (!vmx_is_canonical(limits, value)) {
            *found = (struct checked_rule){true, SEGMENTS, bases[i].name, value, CANONICAL};
            return true;
        }
    }
    return false;
}

static bool check_size(const struct vmx_limits *limits, struct checked_rule *found)
{
    uint64_t cr4 = vmcs_read(HOST_CR4);
    uint64_t rip = vmcs_read(HOST_RIP);
    uint32_t entry = vmcs_read32(VM_ENTRY_CONTROLS);
    uint32_t exit = vmcs_read32(VM_EXIT_CONTROLS);
    bool wide = is_64bit();
    const struct checked_rule rules[] = {
        // Husk enters from 64-bit mode.
        {!wide, SIZE, "VM-exit controls", exit, "the host address-space size must be 64 bits"},
        {!wide && (entry & ENTRY_CONTROL_IA32E_GUEST), SIZE, "VM-entry controls", entry,
         "a guest in IA-32e mode needs a 64-bit host"},
        {wide && !(cr4 & CR4_PAE), SIZE, "host CR4", cr4, "a 64-bit host needs PAE"},
        {wide && !vmx_is_canonical(limits, rip), SIZE, "host RIP", rip, CANONICAL},
    };
    return rule_check_first(rules, ARRAY_SIZE(rules), found);
}

bool vmx_check_host(const struct vmx_limits *limits, struct checked_rule *found)
{
    return check_registers(limits, found) || check_msrs(found) || check_selectors(found) ||
           check_bases(limits, found) || check_size(limits, found);
}
