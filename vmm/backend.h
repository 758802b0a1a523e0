// SPDX-License-Identifier: MIT
// The seam to the hardware's virtualisation: what a back end (arch/vmx, arch/svm) offers to vmm/,
// and the one call that it makes in return.
#pragma once

#include "vmm/address.h"
#include "vmm/exit.h"
#include "vmm/util/status.h"

struct lapic_page;

// General registers in the order of their encoding in instructions. The entry code of each back end
// saves them here at every exit; gpr[GPR_RSP] is not kept here, use REG_RSP.
enum guest_gpr {
    GPR_RAX,
    GPR_RCX,
    GPR_RDX,
    GPR_RBX,
    GPR_RSP,
    GPR_RBP,
    GPR_RSI,
    GPR_RDI,
    GPR_R8,
    GPR_R9,
    GPR_R10,
    GPR_R11,
    GPR_R12,
    GPR_R13,
    GPR_R14,
    GPR_R15,
    GPR_COUNT
};

struct guest_registers {
    uint64_t gpr[GPR_COUNT];
};

// What is reached through get_register and set_register: state that the hardware keeps.
enum guest_register {
    REG_RSP,
    REG_RIP,
    REG_RFLAGS,
    REG_CR0, // as the guest sees it
    REG_CR2,
    REG_CR3,
    REG_CR4, // as the guest sees it
    REG_DR6,
    REG_DR7,
    REG_EFER,
    REG_PAT,
    REG_XCR0,
    REG_SYSENTER_CS,
    REG_SYSENTER_ESP,
    REG_SYSENTER_EIP,
    REG_INTERRUPT_SHADOW, // SHADOW_* bits
    REG_PDPTE0,           // PAE paging: the entries that MOV to CR3 loads
    REG_PDPTE1,
    REG_PDPTE2,
    REG_PDPTE3,
    REG_TSC_OFFSET,    // what RDTSC in the guest adds to the host's TSC
    REG_CPL,           // read only: the privilege level, the DPL of SS
    REG_EVENT_WAITING, // 1 if inject would refuse; writing 0 forgets it, and pending traps
    REG_COUNT
};

enum interrupt_shadow {
    SHADOW_STI = BIT(0),
    SHADOW_MOV_SS = BIT(1),
    SHADOW_NMI = BIT(3),
};

enum guest_segment {
    SEGMENT_ES,
    SEGMENT_CS,
    SEGMENT_SS,
    SEGMENT_DS,
    SEGMENT_FS,
    SEGMENT_GS,
    SEGMENT_LDTR,
    SEGMENT_TR,
    SEGMENT_GDTR, // base and limit only
    SEGMENT_IDTR, // base and limit only
    SEGMENT_COUNT
};

// A segment register with its hidden part. `attributes` has the layout of bits 8 to 23 of a
// descriptor's second word, shifted down to 0: type, S, DPL, P at 0-7, AVL, L, D/B, G at 12-15.
struct segment {
    uint16_t selector;
    uint16_t attributes; // SEGMENT_UNUSABLE where the segment is not loaded
    uint32_t limit;      // bytes - 1
    uint64_t base;
};

enum segment_attributes {
    SEGMENT_TYPE_MASK = 0xf,
    SEGMENT_S = BIT(4),
    SEGMENT_DPL_SHIFT = 5,
    SEGMENT_PRESENT = BIT(7),
    SEGMENT_L = BIT(13),
    SEGMENT_DB = BIT(14),
    SEGMENT_G = BIT(15),
    SEGMENT_UNUSABLE = 0,
};

// An event to deliver at the next VM entry.
enum event_type { EVENT_INTERRUPT, EVENT_NMI, EVENT_EXCEPTION };

struct event {
    enum event_type type;
    uint8_t vector;
    bool has_error_code;
    uint32_t error_code;
};

// What guests may be shown only if the back end can switch it on for them; AMD cannot switch it
// off.
enum backend_feature {
    FEATURE_RDTSCP = BIT(0),
    FEATURE_INVPCID = BIT(1),
    FEATURE_XSAVES = BIT(2), // with IA32_XSS 0
    // Not for guests:
    FEATURE_APIC = BIT(3),        // it serves their local APICs,
    FEATURE_APIC_MSR = BIT(4),    // in x2APIC mode too,
    FEATURE_APIC_EXTINT = BIT(5), // and beside that has an interrupt window,
    FEATURE_POSTED = BIT(6),      // and others can leave interrupts for a guest that stays in it
};

// How a guest gets to the registers of its local APIC, where the back end has FEATURE_APIC.
enum apic_access {
    APIC_ACCESS_EXITS,  // neither way is served: all is as without the feature
    APIC_ACCESS_MEMORY, // xAPIC mode, at BACKEND_APIC_GPA
    APIC_ACCESS_MSR,    // x2APIC mode
};

#define BACKEND_APIC_GPA 0xfee00000ULL

enum memory_access {
    ACCESS_READ = BIT(0),
    ACCESS_WRITE = BIT(1),
    ACCESS_EXECUTE = BIT(2),
    ACCESS_ALL = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
};

// The nested page table of one VM and its permission maps; what is in it belongs to the back end.
struct nested_space;

// Why the inner loop of a back end must return to vcpu_run. Bits of vcpu.work; set by anyone, from
// any CPU, read by the loop after each exit: one load, one branch. WORK_EVENTS alone may be settled
// by vcpu_handle_events instead.
enum vcpu_work {
    WORK_EVENTS = BIT(0), // an interrupt or exception may be deliverable
    WORK_TIMERS = BIT(3), // a device wants something earlier than deadline_ns
    WORK_HOST = BIT(1),   // the host wants this CPU: a slice ended, a kick came
    WORK_STOP = BIT(2),   // the vCPU must not go on
    WORK_ENTRY = BIT(4),  // the back end's own: what run does before the first entry is due again
};

// A posted-interrupt descriptor (SDM Vol. 3C 30.6). With FEATURE_POSTED a CPU that is notified
// (host->kick_posted) while the vCPU is in the guest clears POSTED_ON and requests the vectors.
struct posted_interrupts {
    alignas(64) uint64_t vectors[256 / 64]; // PIR: a bit for each that is posted
    uint32_t flags;                         // POSTED_ON; the others are software's
};

enum posted_flag { POSTED_ON = BIT(0) }; // some of `vectors` are set

static_assert(offsetof(struct posted_interrupts, flags) == 256 / 8, "table 30-1");

// What both sides of the seam share of a vCPU: the first member of vmm's struct vcpu. The back end
// keeps its own state in `backend`.
struct backend_vcpu;

struct vcpu_core {
    struct guest_registers registers; // first: entry code pushes into it
    struct backend_vcpu *backend;
    struct nested_space *nested;
    uint32_t work;                    // enum vcpu_work, atomic
    uint32_t exits_left;              // the back end's: until its loop returns to look at the clock
    uint64_t entry_rsp;               // the back end's stack while the guest runs
    uint64_t cr4_allowed;             // bits of CR4 that the guest may have, by its CPUID
    uint64_t cr4_watched;             // of them those whose change must exit
    uint64_t deadline_ns;             // run() returns with WORK_HOST set no later than about then
    unsigned apic_id;                 // of its local APIC, and
    struct lapic_page *apic_page;     // its registers, for FEATURE_APIC
    struct posted_interrupts *posted; // for FEATURE_POSTED
    uint64_t host_cr3;                // the address space to be in on exit: struct host_space.cr3
    uint64_t exits[EXIT_KINDS];       // counted by the back end's loop
};

// What a back end offers, in constant tables, one of each a vendor. Functions without a status
// cannot fail.

// A VM's nested page table and permission maps: of all its vCPUs.
struct space_ops {
    enum status (*create)(struct nested_space **space);
    void (*destroy)(struct nested_space *space);
    // gpa, hpa and bytes are multiples of 4 KiB. map uses the largest pages that fit, unmap splits.
    // A vCPU that runs meanwhile may use what was unmapped until its next entry.
    enum status (*map)(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                       unsigned access);
    enum status (*unmap)(struct nested_space *space, gpa_t gpa, uint64_t bytes);
    // Whether RDMSR and WRMSR of that MSR exit. At first all do.
    void (*intercept_msr)(struct nested_space *space, uint32_t msr, bool reads, bool writes);
};

// The part of a local APIC that a CPU with FEATURE_APIC serves. A vCPU begins with
// APIC_ACCESS_MEMORY.
struct apic_ops {
    void (*set_access)(struct vcpu_core *vcpu, enum apic_access access);
    // Whether the page at BACKEND_APIC_GPA is there, as it is at first. vCPUs that run meanwhile
    // may see it, empty, until their next entry.
    void (*show_page)(struct nested_space *space, bool shown);
    // Not with APIC_ACCESS_EXITS: the highest requested vector and the highest in service; 0: none.
    void (*set_interrupt_status)(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service);
    // The vectors whose end makes an EXIT_EOI.
    void (*set_eoi_exits)(struct vcpu_core *vcpu, const uint64_t vectors[4]);
};

// A vCPU belongs to the CPU that has loaded it until that CPU unloads it.
struct vcpu_ops {
    const char *name; // "VT-x", "AMD-V"
    const struct space_ops *space;
    const struct apic_ops *apic; // called on CPUs with FEATURE_APIC only

    // This CPU, once. On failure `why` names the missing feature or the refusing bit.
    enum status (*enable_cpu)(struct reason *why);
    void (*disable_cpu)(void); // back to a state in which INIT and reset work

    // What this CPU's virtualisation has and lacks, a line each, with what a lack means.
    void (*summarize)(void (*line)(const char *text));
    unsigned (*features)(void); // enum backend_feature, of this CPU

    enum status (*create_vcpu)(struct vcpu_core *vcpu, struct reason *why);
    void (*destroy_vcpu)(struct vcpu_core *vcpu);

    // Makes it the CPU's current one, which all below need; run does so too. It may stay in the CPU
    // until another one is loaded.
    void (*load_vcpu)(struct vcpu_core *vcpu);
    // Takes all of its state out of this CPU: after that any CPU may load it, or destroy it.
    void (*unload_vcpu)(struct vcpu_core *vcpu);
    // Enters the guest and calls vcpu_handle_exit for each exit until vcpu.work is not zero.
    void (*run)(struct vcpu_core *vcpu);

    uint64_t (*get_register)(const struct vcpu_core *vcpu, enum guest_register which);
    void (*set_register)(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
    void (*get_segment)(const struct vcpu_core *vcpu, enum guest_segment which,
                        struct segment *segment);
    void (*set_segment)(struct vcpu_core *vcpu, enum guest_segment which,
                        const struct segment *segment);

    // One event is taken at each entry. False: one is already waiting, the caller offers it again.
    bool (*inject)(struct vcpu_core *vcpu, const struct event *event);
    void (*request_interrupt_window)(struct vcpu_core *vcpu, bool wanted);
    // For one exit when nothing keeps an NMI away any more, of EXIT_INTERRUPT_WINDOW or EXIT_HOST.
    // Not for what STI keeps away: that is the interrupt window's.
    void (*request_nmi_window)(struct vcpu_core *vcpu);

    // The whole hardware state, a line each call of `line`, for a VM that stopped unexpectedly.
    void (*dump)(const struct vcpu_core *vcpu, void (*line)(const char *text));
    // The manual's text of the last unexpected exit or entry failure.
    void (*explain)(const struct vcpu_core *vcpu, struct reason *why);
};

// Called by the back end's loop for each exit; the one way up. In vmm/vcpu/vcpu_exit.c.
enum exit_action vcpu_handle_exit(struct vcpu_core *vcpu, struct vm_exit *exit);

// After an exit with vcpu.work being WORK_EVENTS: delivers what can be delivered, so that the loop
// may go on. It may leave vcpu.work as it is. In vmm/vcpu/vcpu_events.c.
void vcpu_handle_events(struct vcpu_core *vcpu);

// Where code of the guest lies, for a back end whose hardware does not say how long the instruction
// is that exited.
struct guest_code_step {
    const uint64_t *at; // an entry of the guest's page tables
    uint64_t entry;     // as it was
};

#define GUEST_CODE_STEPS 4

struct guest_code {
    const uint8_t *bytes; // good up to the end of its page, in the VM's address space
    // What the translation went through, the last entry repeated: while all of it stays, and CR3
    // and the paging mode do, `bytes` stays right. Only if `lasting`.
    bool lasting;
    struct guest_code_step steps[GUEST_CODE_STEPS];
};

// Translates a linear address as an instruction fetch would. False: it is not mapped, or not RAM.
// In vmm/vcpu/guest_code.c.
bool vcpu_find_code(struct vcpu_core *vcpu, gva_t address, struct guest_code *code);
