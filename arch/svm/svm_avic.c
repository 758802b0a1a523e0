// SPDX-License-Identifier: MIT
// AVIC: the CPU serves a guest's local APIC out of a page, and sends its IPIs (APM Vol. 2 15.29).
//
// No emulator has AVIC. This file follows the manual, and only the tests on the host have run it.
#include "arch/svm/svm_avic.h"

#include "arch/svm/npt.h"
#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_msr_map.h"
#include "arch/svm/svm_tlb.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/apic_registers.h"
#include "arch/x86/frames.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/lock.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// Entries of the physical APIC ID table (15.29.4.1).
#define APIC_ENTRY_HOST_ID 0xfffu // APIC ID of the CPU that runs the vCPU
#define APIC_ENTRY_RUNNING BIT(62)
#define APIC_ENTRY_VALID BIT(63)

// Entries of the logical APIC ID table (15.29.4.2). If several vCPUs claim an entry, it is
// LOGICAL_ENTRY_SHARED, which is not valid: IPIs to that logical ID exit.
#define LOGICAL_ENTRY_VALID ((uint32_t)BIT(31))
#define LOGICAL_ENTRY_SHARED 0xffu

#define XAPIC_ID_MAX 0xfeu // 0xff is the broadcast

// Registers whose writes exit as traps: the value is in the page, and the instruction is complete
// (15.29.3.1). Accesses to other registers that exit do so as faults, before the access.
#define REGISTER(name) BIT(APIC_NUMBER(APIC_##name))
#define TRAPPED_WRITES                                                                             \
    (REGISTER(ID) | REGISTER(EOI) | REGISTER(RRD) | REGISTER(LDR) | REGISTER(DFR) |                \
     REGISTER(SVR) | REGISTER(ESR) | REGISTER(ICR) | REGISTER(LVT_TIMER) | REGISTER(LVT_THERMAL) | \
     REGISTER(LVT_PERFORMANCE) | REGISTER(LVT_LINT0) | REGISTER(LVT_LINT1) | REGISTER(LVT_ERROR) | \
     REGISTER(TIMER_INITIAL) | REGISTER(TIMER_DIVIDE))

// ---- A VM's part ----

// The MSRs of x2APIC mode that do not exit by the map: AVIC reads them in the page, and writes them
// there or acts on them. The others exit like any MSR. Among them are SELF IPI and the timer's LVT
// entry, as AVIC does not know the TSC-deadline mode.
static void open_x2apic_msrs(uint8_t *msr_map)
{
    static const struct {
        uint16_t first;
        uint16_t last;
        bool writes;
    } open[] = {
        {APIC_ID, APIC_VERSION, false},
        {APIC_TPR, APIC_TPR, true},
        {APIC_PPR, APIC_PPR, false},
        {APIC_LDR, APIC_LDR, false},
        {APIC_SVR, APIC_ESR, false}, // ISR, TMR and IRR lie between them
        {APIC_ICR, APIC_ICR, true},
        {APIC_LVT_THERMAL, APIC_TIMER_INITIAL, false}, // the LVT without the timer's entry
        {APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE, false},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(open); i++) {
        for (uint32_t reg = APIC_NUMBER(open[i].first); reg <= APIC_NUMBER(open[i].last); reg++) {
            svm_msr_map_set(msr_map, IA32_X2APIC_FIRST + reg, false, !open[i].writes);
        }
    }
    svm_msr_map_set(msr_map, IA32_X2APIC_FIRST + APIC_NUMBER(APIC_EOI), true, false);
}

static enum status map_access_page(struct nested_space *space)
{
    hpa_t page = {frames_physical(space->apic_access_page)};
    uint64_t mapped =
        npt_map(space, (gpa_t){BACKEND_APIC_GPA}, page, PAGE_SIZE, ACCESS_READ | ACCESS_WRITE);
    return mapped ? STATUS_OK : STATUS_NO_MEMORY;
}

// AVIC wants a mapping at the APIC's address that permits reads and writes. The CPU then accesses
// the backing page of the vCPU, never the access page.
enum status svm_avic_create(struct nested_space *space)
{
    space->apic_access_page = frames_allocate(1);
    space->apics = frames_allocate(1);
    space->logical_apics = frames_allocate(1);
    space->x2apic_msr_map = frames_allocate(MSR_MAP_PAGES);
    if (!space->apic_access_page || !space->apics || !space->logical_apics ||
        !space->x2apic_msr_map) {
        return STATUS_NO_MEMORY;
    }
    svm_msr_map_begin(space->x2apic_msr_map);
    open_x2apic_msrs(space->x2apic_msr_map);
    return map_access_page(space);
}

void svm_avic_destroy(struct nested_space *space)
{
    const struct {
        void *memory;
        unsigned pages;
    } parts[] = {{space->apic_access_page, 1},
                 {space->apics, 1},
                 {space->logical_apics, 1},
                 {space->x2apic_msr_map, MSR_MAP_PAGES}};
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        if (parts[i].memory) {
            frames_release(parts[i].memory, parts[i].pages);
        }
    }
}

void svm_show_apic_page(struct nested_space *space, bool shown)
{
    enum status status =
        shown ? map_access_page(space) : npt_unmap(space, (gpa_t){BACKEND_APIC_GPA}, PAGE_SIZE);
    (void)status; // no table has to be made: svm_avic_create made those on the way to the page
}

// ---- The tables ----

static void set_entry(struct vcpu_core *vcpu, uint64_t running)
{
    uint64_t entry = frames_physical(vcpu->apic_page) | APIC_ENTRY_VALID | running;
    __atomic_store_n(&vcpu->nested->apics[vcpu->apic_id], entry, __ATOMIC_SEQ_CST);
}

// A logical ID claims an entry for each of its set bits. The flat model has eight entries, the
// cluster model has four for each cluster.
static void claim(struct vcpu_core *vcpu, uint32_t logical_id, uint32_t format, bool claimed)
{
    bool flat = format >> 28 == 0xf;
    uint32_t *entry = vcpu->nested->logical_apics + (flat ? 0 : (logical_id >> 28) * 4);
    uint32_t own = LOGICAL_ENTRY_VALID | vcpu->apic_id;
    for (uint32_t bits = logical_id >> 24 & (flat ? 0xff : 0xf); bits; bits >>= 1, entry++) {
        if (!(bits & 1)) {
            continue;
        }
        uint32_t now = *entry;
        uint32_t next = claimed ? (now == 0 || now == own ? own : LOGICAL_ENTRY_SHARED)
                                : (now == own ? 0 : now);
        __atomic_store_n(entry, next, __ATOMIC_RELAXED);
    }
}

// Moves the vCPU to the entries of another logical ID; 0: it has none.
static void set_logical_id(struct vcpu_core *vcpu, uint32_t logical_id, uint32_t format)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (backend->logical_id == logical_id && backend->logical_format == format) {
        return;
    }
    lock_take(&vcpu->nested->logical_lock);
    claim(vcpu, backend->logical_id, backend->logical_format, false);
    claim(vcpu, logical_id, format, true);
    lock_give(&vcpu->nested->logical_lock);
    backend->logical_id = logical_id;
    backend->logical_format = format;
}

// ---- A vCPU's part ----

static uint32_t page_register(const struct vcpu_core *vcpu, unsigned offset)
{
    return ((const uint32_t *)vcpu->apic_page)[offset / sizeof(uint32_t)];
}

static bool is_served(const struct vcpu_core *vcpu)
{
    return vcpu->backend->vmcb.control.v_intr & V_AVIC;
}

void svm_set_apic_access(struct vcpu_core *vcpu, enum apic_access access)
{
    const struct nested_space *nested = vcpu->nested;
    bool served = access != APIC_ACCESS_EXITS;
    bool by_msr = access == APIC_ACCESS_MSR;
    uint64_t modes = (served ? V_AVIC : 0) | (by_msr ? V_X2AVIC : 0);
    svm_set_v_intr(vcpu, V_AVIC | V_X2AVIC | V_TPR_MASK, modes);
    svm_intercepts_set(vcpu, CAUSE_CR8_IN_MODEL, !served);
    svm_set_msr_map(vcpu, by_msr ? nested->x2apic_msr_map : nested->msr_map);
    // The TLB may have an old translation of the APIC's page, which may just have been unmapped.
    svm_tlb_flush(vcpu);
    // From now on IPIs to the vCPU exit, until it is served and runs again. Its entry stays valid,
    // because an IPI to all APICs passes over entries that are not.
    set_entry(vcpu, 0);
    if (access != APIC_ACCESS_MEMORY) {
        set_logical_id(vcpu, 0, 0);
    }
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
}

void svm_avic_create_vcpu(struct vcpu_core *vcpu)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    if (!svm_serves_apic()) {
        return;
    }
    control->avic_apic_bar = BACKEND_APIC_GPA;
    control->avic_backing_page = frames_physical(vcpu->apic_page);
    control->avic_logical_table = frames_physical(vcpu->nested->logical_apics);
    control->avic_physical_table = frames_physical(vcpu->nested->apics) | XAPIC_ID_MAX;
    svm_set_apic_access(vcpu, APIC_ACCESS_MEMORY);
}

void svm_avic_destroy_vcpu(struct vcpu_core *vcpu)
{
    if (svm_serves_apic()) {
        set_logical_id(vcpu, 0, 0);
        vcpu->nested->apics[vcpu->apic_id] = 0;
    }
}

// The CPU finds requested interrupts in the page by itself. But it takes the task priority from
// V_TPR, which follows the page only when the guest writes TPR.
void svm_set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service)
{
    (void)requested;
    (void)in_service;
    svm_set_v_intr(vcpu, V_TPR_MASK, page_register(vcpu, APIC_TPR) >> 4);
    if (!(vcpu->backend->vmcb.control.v_intr & V_X2AVIC)) {
        set_logical_id(vcpu, page_register(vcpu, APIC_LDR), page_register(vcpu, APIC_DFR));
    }
}

// The CPU finds in the page's TMR which ends of interrupts exit.
void svm_set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4])
{
    (void)vcpu;
    (void)vectors;
}

void svm_avic_enter(struct vcpu_core *vcpu, uint32_t id)
{
    uint32_t id_max = svm_capability()->features & SVM_X2AVIC ? APIC_ENTRY_HOST_ID : XAPIC_ID_MAX;
    if (is_served(vcpu) && !svm_capability()->ipis_exit && id <= id_max) {
        set_entry(vcpu, APIC_ENTRY_RUNNING | id);
    }
}

void svm_avic_leave(struct vcpu_core *vcpu)
{
    if (is_served(vcpu)) {
        set_entry(vcpu, 0);
    }
}

// ---- Exits ----

// The upper half of exitinfo2 says why an IPI is incomplete (15.29.9.1).
#define IPI_TARGET_NOT_RUNNING 1

void svm_decode_incomplete_ipi(const struct vmcb_control *control, struct vm_exit *exit)
{
    exit->kind = EXIT_IPI;
    exit->ipi = (struct exit_ipi){.icr = control->exitinfo1,
                                  .sent = control->exitinfo2 >> 32 == IPI_TARGET_NOT_RUNNING};
}

// An access that is not accelerated (15.29.9.2). exitinfo1 has the register's offset, and whether
// the access is a write. exitinfo2 has the vector of an EOI.
#define NOACCEL_OFFSET_MASK 0xff0u
#define NOACCEL_WRITE BIT(32)

void svm_decode_apic_access(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    const struct vmcb_control *control = &vcpu->backend->vmcb.control;
    unsigned reg = (control->exitinfo1 & NOACCEL_OFFSET_MASK) >> 4;
    bool write = control->exitinfo1 & NOACCEL_WRITE;
    if (write && reg == APIC_NUMBER(APIC_EOI)) {
        exit->kind = EXIT_EOI;
        exit->eoi.vector = (uint8_t)control->exitinfo2;
    } else if (write && reg < 64 && (TRAPPED_WRITES & BIT(reg))) {
        exit->kind = EXIT_APIC_WRITE;
        exit->apic_write.reg = (uint8_t)reg;
    } else if (control->v_intr & V_X2AVIC) {
        exit->kind = write ? EXIT_WRITE_MSR : EXIT_READ_MSR;
    } else {
        exit->kind = EXIT_MEMORY;
        exit->memory = (struct exit_memory){.gpa = {BACKEND_APIC_GPA | reg << 4},
                                            .access = write ? ACCESS_WRITE : ACCESS_READ};
    }
}
