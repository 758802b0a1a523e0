// SPDX-License-Identifier: MIT
// A good VMCS in the fake one, and the rows that break it.
#include "tests/host/vmx/rules_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_check.h"
#include "arch/vmx/vmx_check_controls.h"
#include "arch/vmx/vmx_check_event.h"
#include "arch/vmx/vmx_check_guest.h"
#include "arch/vmx/vmx_check_host.h"
#include "arch/vmx/vmx_check_segments.h"
#include "arch/x86/registers.h"
#include "tests/host/vmx/fake_vmcs.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

struct vmx_limits limits;
struct checked_rule found;

void rules_set_segment(unsigned segment, uint16_t selector, uint64_t base, uint32_t limit,
                       uint32_t rights)
{
    vmcs_write_raw(SELECTOR(segment), selector);
    vmcs_write_raw(BASE(segment), base);
    vmcs_write_raw(LIMIT(segment), limit);
    vmcs_write_raw(RIGHTS(segment), rights);
}

static void set_controls(void)
{
    vmcs_write32(PIN_BASED_CONTROLS, (uint32_t)PIN);
    vmcs_write32(PRIMARY_CONTROLS, (uint32_t)PRIMARY);
    vmcs_write32(SECONDARY_CONTROLS, (uint32_t)SECONDARY);
    vmcs_write32(VM_EXIT_CONTROLS, (uint32_t)EXIT);
    vmcs_write32(VM_ENTRY_CONTROLS, (uint32_t)ENTRY);
    vmcs_write16(VPID, 1);
    vmcs_write64(EPT_POINTER, 0x5000 | 3 << 3 | 6);
}

static void set_host(void)
{
    vmcs_write(HOST_CR0, CR0_PE | CR0_NE | CR0_PG);
    vmcs_write(HOST_CR4, CR4_PAE | CR4_VMXE);
    vmcs_write64(HOST_IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    vmcs_write64(HOST_IA32_PAT, GOOD_PAT);
    vmcs_write16(HOST_CS_SELECTOR, 8);
    vmcs_write16(HOST_TR_SELECTOR, 0x28);
    vmcs_write(HOST_RIP, 0xffffffff80000000);
}

static void set_guest(void)
{
    vmcs_write(GUEST_CR0, CR0_PE | CR0_NE | CR0_PG);
    vmcs_write(GUEST_CR4, CR4_PAE | CR4_VMXE);
    vmcs_write64(GUEST_IA32_EFER, EFER_LME | EFER_LMA);
    vmcs_write64(GUEST_IA32_PAT, GOOD_PAT);
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    vmcs_write(GUEST_RIP, 0xffffffff81000000);
    vmcs_write(GUEST_DR7, DR7_FIXED);
    vmcs_write64(VMCS_LINK_POINTER, UINT64_MAX);
    rules_set_segment(SEGMENT_CS, 8, 0, UINT32_MAX, 0xa09b);
    rules_set_segment(SEGMENT_SS, 0x10, 0, UINT32_MAX, 0xc093);
    rules_set_segment(SEGMENT_TR, 0x28, 0x1000, 0x67, 0x8b);
    for (unsigned i = 0; i < 4; i++) {
        static const unsigned data[] = {SEGMENT_ES, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS};
        rules_set_segment(data[i], 0, 0, 0, UNUSABLE);
    }
    rules_set_segment(SEGMENT_LDTR, 0, 0, 0, UNUSABLE);
}

int rules_set_up(void **state)
{
    (void)state;
    fake_vmcs_clear();
    limits = (struct vmx_limits){.pin = ALLOW_ALL,
                                 .primary = ALLOW_ALL,
                                 .secondary = ALLOW_ALL,
                                 .exit = ALLOW_ALL,
                                 .entry = ALLOW_ALL,
                                 .cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
                                 .cr0_fixed1 = UINT32_MAX,
                                 .cr4_fixed0 = CR4_VMXE,
                                 .cr4_fixed1 = 0x7fffff,
                                 .misc = 7 << 6,
                                 .ept_vpid = EPT_CAP_WRITE_BACK,
                                 .physical_bits = 40,
                                 .linear_bits = 48};
    set_controls();
    set_host();
    set_guest();
    return 0;
}

bool rules_check_all(void)
{
    return vmx_check_controls(&limits, &found) || vmx_check_event(&limits, &found) ||
           vmx_check_host(&limits, &found) || vmx_check_guest(&limits, &found) ||
           vmx_check_segments(&limits, &found);
}

void rules_assert_good(void)
{
    if (rules_check_all()) {
        fail_msg("%s 0x%llx: %s (%s)", found.field, (unsigned long long)found.value, found.rule,
                 found.section);
    }
}

static void assert_row(const struct row *row)
{
    void *state = NULL;
    rules_set_up(&state);
    for (unsigned i = 0; i < ARRAY_SIZE(row->change); i++) {
        if (row->change[i].field != 0) {
            vmcs_write_raw(row->change[i].field, row->change[i].value);
        }
    }
    if (!rules_check_all()) {
        fail_msg("nothing is broken; expected: %s: %s", row->field, row->rule);
    }
    if (strcmp(found.section, row->section) != 0 || strcmp(found.field, row->field) != 0 ||
        strncmp(found.rule, row->rule, strlen(row->rule)) != 0) {
        fail_msg("%s: %s (%s); expected %s: %s (%s)", found.field, found.rule, found.section,
                 row->field, row->rule, row->section);
    }
}

void rules_assert_rows(const struct row *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_row(&rows[i]);
    }
}
