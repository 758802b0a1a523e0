// SPDX-License-Identifier: MIT
// AMD-V: a vCPU's hardware state, and what the files of arch/svm know of each other.
#pragma once

#include "arch/svm/vmcb.h"
#include "arch/x86/live_state.h"
#include "arch/x86/nested_table.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"
#include "vmm/util/lock.h"

// CPUID 8000000AH: features in EDX (APM Vol. 3 appendix E).
#define CPUID_SVM 0x8000000au
#define SVM_NESTED_PAGING BIT(0)
#define SVM_LOCK BIT(2)
#define SVM_NEXT_RIP BIT(3)
#define SVM_TSC_RATE BIT(4)
#define SVM_CLEAN_BITS BIT(5)
#define SVM_FLUSH_BY_ASID BIT(6)
#define SVM_DECODE_ASSISTS BIT(7)
#define SVM_PAUSE_FILTER BIT(10)
#define SVM_PAUSE_THRESHOLD BIT(12)
#define SVM_AVIC BIT(13)
#define SVM_VIRTUAL_VMLOAD BIT(15)
#define SVM_VIRTUAL_GIF BIT(16)
#define SVM_X2AVIC BIT(18)
#define SVM_VIRTUAL_NMI BIT(25)

// What a CPU can do, or all of them can.
struct svm_capability {
    uint32_t features; // SVM_*
    uint32_t asids;    // 1 to asids - 1 are for guests, 0 is the host's
    bool pages_1g;     // nested paging has pages of 1 GiB
    bool is_qemu_tcg;  // does otherwise than a CPU: svm_shadow.c, place_event in svm_inject.c
    bool ipis_exit;    // AVIC may take a vCPU for running that does not any more: erratum 1235
};

// A page of the guest's code in 64-bit mode, with what its translation went through: while none of
// that changes, it is the same page.
struct code_page {
    uint64_t start; // linear
    uint64_t cr3;
    const uint8_t *bytes;
    struct guest_code_step steps[GUEST_CODE_STEPS];
} __attribute__((aligned(128))); // an array of them is indexed by a shift

#define CODE_PAGES 4

// The hardware's part of a vCPU.
struct backend_vcpu {
    struct vmcb vmcb; // first: a page of its own, and the assembly takes this for the VMCB
    uint64_t vmcb_physical;
    bool next_rip_saved;        // the hardware says where the next instruction is
    uint32_t all_clean;         // CLEAN_ALL; 0 where clean bits are not used
    bool state_in_cpu;          // what VMLOAD loads is in the CPU, and newer than the VMCB
    bool nmi_blocked;           // an NMI's handler runs: IRET is intercepted
    uint32_t causes;            // of its intercepts: bits of enum svm_cause
    bool cr0_native;            // the guest has CR0 to itself (see svm_state.c)
    uint64_t cr0_hidden;        // bits of CR0 that the guest only believes to have
    uint64_t cr4_hidden;        // bits of CR4 that it has without knowing
    uint64_t cr4_forced;        // bits of CR4 that stay set, whatever the guest writes
    uint64_t efer_hidden;       // bits of EFER that it only believes to have
    uint64_t nmi_iret_rip;      // of the IRET that ends the blocking: it may not be through yet
    bool nmi_waits;             // for a moment at which it can be injected
    uint32_t nmi_holds;         // how often the guest was let run for that
    unsigned cpu;               // on which it was loaded last
    uint64_t asid_generation;   // of that CPU, when it got its ASID
    uint64_t nested_generation; // of the nested_space when this CPU last flushed
    bool shadow_held;           // see svm_shadow.c
    uint32_t shadow_exits;
    uint64_t shadow_rip;
    uint32_t logical_id;     // of the local APIC as it is in the AVIC's table, and
    uint32_t logical_format; // how it is meant: LDR and DFR
    uint8_t *probe_pages;    // see svm_probe.c; NULL: it is not probing
    gpa_t probed;
    struct vm_exit exit;    // the one in hand
    struct live_state live; // what stays in the CPU while the vCPU is loaded
    struct code_page code[CODE_PAGES];
};

// A VM's nested page table and permission maps: of all its vCPUs, whichever CPUs they are on.
struct nested_space {
    struct spinlock lock; // held by who changes what follows; CPUs read it all the time
    uint64_t *root;
    uint64_t generation; // changes when a mapping is taken away; no two spaces share one
    uint8_t *msr_map;    // 2 bits an MSR: reads, writes (APM Vol. 2 15.11)
    uint8_t *io_map;     // a bit a port (15.10.1)

    // With AVIC (svm_avic.c).
    uint8_t *x2apic_msr_map;
    void *apic_access_page;
    uint64_t *apics;         // by their APIC ID
    uint32_t *logical_apics; // APIC IDs by their logical ID
    struct lock logical_lock;
};

#define MSR_MAP_PAGES 2
#define IO_MAP_PAGES 3

// svm_capability.c
enum status svm_capability_read(struct svm_capability *capability, struct reason *why);
void svm_summarize(void (*line)(const char *text));
unsigned svm_features(void);

// svm_cpu.c
enum status svm_enable_cpu(struct reason *why);
void svm_disable_cpu(void);
void svm_load_vcpu(struct vcpu_core *vcpu);   // makes it the CPU's current one
void svm_unload_vcpu(struct vcpu_core *vcpu); // before another CPU loads it, or it is freed

// svm_vcpu.c
enum status svm_create_vcpu(struct vcpu_core *vcpu, struct reason *why);
void svm_destroy_vcpu(struct vcpu_core *vcpu);

// svm_state.c
uint64_t svm_get_register(const struct vcpu_core *vcpu, enum guest_register which);
void svm_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
void svm_give_cr0(struct vcpu_core *vcpu);      // to the guest, until svm_take_back_cr0
void svm_take_back_cr0(struct vcpu_core *vcpu); // if it was given

// svm_segment.c
void svm_get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                     struct segment *segment);
void svm_set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                     const struct segment *segment);

// svm_inject.c
bool svm_inject(struct vcpu_core *vcpu, const struct event *event);
void svm_request_interrupt_window(struct vcpu_core *vcpu, bool wanted);
void svm_request_nmi_window(struct vcpu_core *vcpu);
uint64_t svm_nmi_hold(struct vcpu_core *vcpu);  // in how many ns it looks again; 0: none waits
bool svm_requeue_event(struct vcpu_core *vcpu); // true: one was being delivered
void svm_end_nmi(struct vcpu_core *vcpu);       // at an IRET
void svm_block_nmis(struct vcpu_core *vcpu, bool blocked);
void svm_forget_event(struct vcpu_core *vcpu); // that svm_inject took and no entry has delivered

// svm_run.c
void svm_run(struct vcpu_core *vcpu);

// npt.c
enum status npt_create(struct nested_space **space);
void npt_destroy(struct nested_space *space);
enum status npt_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access);
enum status npt_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
// Makes `tables`, the root first, a second way into the space, that has `page` at `gpa` besides.
// False: something is mapped there.
bool npt_copy_path(struct nested_space *space, gpa_t gpa, uint64_t *tables[NESTED_LEVELS],
                   hpa_t page);
void svm_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes);

// svm_msr_map.c: which accesses exit, in one of a VM's maps. It begins with all of them.
void svm_msr_map_begin(uint8_t *msr_map);
void svm_msr_map_set(uint8_t *msr_map, uint32_t msr, bool reads, bool writes);

// svm_avic.c. A VM's part:
bool svm_serves_apic(void);
enum status svm_avic_create(struct nested_space *space);
void svm_avic_destroy(struct nested_space *space);
void svm_show_apic_page(struct nested_space *space, bool shown);
// A vCPU's, which is the CPU's current one:
void svm_avic_create_vcpu(struct vcpu_core *vcpu);
void svm_avic_destroy_vcpu(struct vcpu_core *vcpu);
void svm_set_apic_access(struct vcpu_core *vcpu, enum apic_access access);
void svm_set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service);
void svm_set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4]);
// It runs from now on, on the CPU with the APIC ID `id`, and does not any more.
void svm_avic_enter(struct vcpu_core *vcpu, uint32_t id);
void svm_avic_leave(struct vcpu_core *vcpu);
// Its two exits, in neutral terms.
void svm_decode_incomplete_ipi(const struct vmcb_control *control, struct vm_exit *exit);
void svm_decode_apic_access(struct vcpu_core *vcpu, struct vm_exit *exit);

// svm_explain.c
const char *svm_exitcode_text(uint64_t exitcode);
void svm_explain(const struct vcpu_core *vcpu, struct reason *why);
void svm_dump(const struct vcpu_core *vcpu, void (*line)(const char *text));
