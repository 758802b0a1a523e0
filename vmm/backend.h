// SPDX-License-Identifier: MIT
// The seam to the hardware's virtualisation: what a back end (arch/vmx, arch/svm) offers to vmm/,
// and the few functions of vmm/ that it calls.
#pragma once

#include "arch/x86/apic_registers.h"
#include "vmm/address.h"
#include "vmm/exit.h"
#include "vmm/flight.h"       // IWYU pragma: export
#include "vmm/nested_space.h" // IWYU pragma: export
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;

// General registers in the order of their encoding in instructions. The entry code of each back end
// saves them in struct guest_registers at every exit. RSP is not kept there: use REG_RSP.
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

// State that the hardware keeps, for get_register and set_register.
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
    REG_SYSCALL_MASK,     // the MSR SFMASK
    REG_INTERRUPT_SHADOW, // SHADOW_* bits
    REG_PDPTE0,           // see vcpu_ops.loads_pdptes
    REG_PDPTE1,
    REG_PDPTE2,
    REG_PDPTE3,
    REG_TSC_OFFSET,    // RDTSC in the guest gives the host's TSC plus this
    REG_CPL,           // read only: the privilege level, the DPL of SS
    REG_EVENT_WAITING, // 1: the next entry delivers an event or a trap; writing 0 drops them
    REG_DR0,           // read only
    REG_DR1,
    REG_DR2,
    REG_DR3,
    REG_TRAP,       // write only: bits of DR6, with which a trap follows the current instruction
    REG_DEBUG_EXIT, // write only: 1: the guest's next access to a debug register may be one to DR7,
                    // and exits as EXIT_DEBUG_REGISTER, once
    REG_STEP,       // with FEATURE_STEP. Writing: an enum step. Reading: 1: the step is done
    REG_COUNT
};

// Written to REG_STEP before a run, this makes the guest execute one instruction or begin with one
// event in that run, which ends with the next exit. After the run STEP_NONE is to be written. If
// the step is not done then, it is to be tried again. The guest's own single steps are not
// disturbed.
enum step {
    STEP_NONE,
    STEP_INSTRUCTION, // or the event that waits
    // Without FEATURE_STEP_EXACT, an instruction that
    STEP_LOADS_FLAGS, // loads all of RFLAGS
    STEP_EXITS,       // always exits
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
    uint16_t attributes; // SEGMENT_UNUSABLE if the segment is not loaded
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
enum event_type {
    EVENT_INTERRUPT,
    EVENT_NMI,
    EVENT_EXCEPTION,
    EVENT_SOFTWARE // INT n, INT3 or INTO, at which RIP is
};

struct event {
    enum event_type type;
    uint8_t vector;
    bool has_error_code;
    uint8_t length; // EVENT_SOFTWARE: of the instruction
    uint32_t error_code;
};

// Features of a CPU's virtualisation. Guests are shown the first three only if the back end can
// switch them on for guests; AMD-V cannot switch them off.
enum backend_feature {
    FEATURE_RDTSCP = BIT(0),
    FEATURE_INVPCID = BIT(1),
    FEATURE_XSAVES = BIT(2), // with IA32_XSS 0
    // Only Husk uses these:
    FEATURE_APIC = BIT(3),        // the CPU serves the guests' local APICs
    FEATURE_APIC_MSR = BIT(4),    // it does so in x2APIC mode too
    FEATURE_APIC_EXTINT = BIT(5), // it has an interrupt window at the same time
    FEATURE_POSTED = BIT(6),      // other CPUs can post interrupts to a guest while it runs
    FEATURE_STEP = BIT(7),        // REG_STEP
    FEATURE_STEP_EXACT = BIT(8),  // its steps need not set the guest's RFLAGS.TF
};

// How a guest reaches the registers of its local APIC on a CPU with FEATURE_APIC.
enum apic_access {
    APIC_ACCESS_EXITS,  // the CPU does not serve it: all accesses exit
    APIC_ACCESS_MEMORY, // xAPIC mode, at BACKEND_APIC_GPA
    APIC_ACCESS_MSR,    // x2APIC mode
};

#define BACKEND_APIC_GPA APIC_DEFAULT_ADDRESS

// Why the inner loop of a back end must return to vcpu_run: the bits of vcpu_core.work. Any CPU may
// set them. The loop reads them after each exit, by one load and one branch. If WORK_EVENTS is the
// only one, the loop may call vcpu_handle_events instead of returning.
enum vcpu_work {
    WORK_EVENTS = BIT(0), // an interrupt or exception may be deliverable
    WORK_TIMERS = BIT(3), // a timer is due earlier than deadline_ns
    WORK_HOST = BIT(1),   // an interrupt of the host came, or deadline_ns passed
    WORK_STOP = BIT(2),   // the vCPU must not go on
    WORK_ENTRY = BIT(4),  // the back end's own: run must do again what it does before a first entry
    WORK_YIELD = BIT(5),  // another vCPU may be to run now
};

// A posted-interrupt descriptor (SDM Vol. 3C 30.6), for FEATURE_POSTED. A CPU that runs the guest
// when host->kick_posted notifies it clears POSTED_ON and requests the vectors.
struct posted_interrupts {
    alignas(64) uint64_t vectors[256 / 64]; // PIR: a bit for each posted vector
    uint32_t flags;                         // POSTED_ON; software may use the other bits
};

enum posted_flag { POSTED_ON = BIT(0) }; // a bit of `vectors` is set

static_assert(offsetof(struct posted_interrupts, flags) == 256 / 8, "table 30-1");

// After so many exits the back end's loop ends, and vcpu_run looks at the clock. Without this
// budget a guest could keep its CPU for ever where neither a timer nor an interrupt ends its run:
// the VMX preemption timer stands still during exits, and a #DB at the delivery of each #DB comes
// before any interrupt (SDM Vol. 3A table 6-2, APM Vol. 2 8.5).
#define BACKEND_EXITS_A_RUN 1024

static_assert(BACKEND_EXITS_A_RUN % FLIGHT_EXITS == 0, "places follow each other");

// The part of a vCPU that both sides of the seam use: the first member of vmm's struct vcpu. The
// back end keeps its own state in `backend`.
struct vcpu_core {
    struct guest_registers registers; // first: entry code pushes into it
    struct backend_vcpu *backend;
    struct nested_space *nested;
    uint32_t work;                    // enum vcpu_work, atomic
    uint32_t exits_left;              // the back end's: exits until its loop looks at the clock
    uint64_t entry_rsp;               // the back end's stack while the guest runs
    uint64_t cr4_allowed;             // bits of CR4 that the guest may set, by its CPUID
    uint64_t cr4_watched;             // those of them whose change must exit
    uint64_t deadline_ns;             // run returns with WORK_HOST set at about this time
    uint64_t run_end_ns;              // vcpu_run returns: deadline_ns is at most this
    unsigned apic_id;                 // of its local APIC
    struct lapic_page *apic_page;     // the registers of its local APIC, for FEATURE_APIC
    struct posted_interrupts *posted; // for FEATURE_POSTED
    uint64_t host_cr3;                // the address space of exits: struct host_space.cr3
    uint64_t exits[EXIT_KINDS];       // the back end's loop counts them
    struct flight flight;             // the back end's; it counts and notes at the same time
};

static inline unsigned flight_place(const struct vcpu_core *vcpu)
{
    return vcpu->exits_left % FLIGHT_EXITS;
}

static inline void flight_note_rip(struct vcpu_core *vcpu, uint64_t rip)
{
    vcpu->flight.rip[flight_place(vcpu)] = rip;
}

static inline void flight_note_detail(struct vcpu_core *vcpu, uint64_t detail)
{
    vcpu->flight.detail[flight_place(vcpu)] = detail;
}

// A back end offers its functions in constant tables, one of each kind for a vendor. Functions that
// return no status cannot fail.

// A register of the vector units. Its first 16 bytes are XMM, its first 32 YMM, all of it is ZMM.
struct vector {
    alignas(8) uint8_t bytes[64];
};

// Numbers for vector_ops.
enum vector_number {
    VECTOR_ZMM0 = 0,   // to ZMM31
    VECTOR_MM0 = 32,   // to MM7: 8 bytes
    VECTOR_MASK0 = 40, // to k7, AVX-512's mask registers: 8 bytes
    VECTOR_COUNT = 48, // of those that instructions name
    // The x87 unit and MXCSR: three pieces of 64 bytes, which are the first VECTOR_X87_BYTES of an
    // FXSAVE image (SDM Vol. 1 table 10-2). What MXCSR_MASK forbids is not written.
    VECTOR_X87 = VECTOR_COUNT,
    VECTOR_NUMBERS = VECTOR_X87 + 3
};

#define VECTOR_X87_BYTES 160

// The vector registers of a guest, as far as its XCR0 and the CPU have them. Without XCR0's SSE bit
// these are XMM0 to XMM15. What is missing reads as 0, and writing it changes nothing.
struct vector_ops {
    void (*get)(struct vcpu_core *vcpu, unsigned number, struct vector *value);
    // Writes all of the register. After MMX registers the x87 unit is as MMX instructions leave it.
    void (*set)(struct vcpu_core *vcpu, unsigned number, const struct vector *value);
};

// The part of a local APIC that a CPU with FEATURE_APIC serves. A vCPU begins with
// APIC_ACCESS_MEMORY.
struct apic_ops {
    void (*set_access)(struct vcpu_core *vcpu, enum apic_access access);
    // Shows or hides the page at BACKEND_APIC_GPA. At first it is shown. vCPUs that run meanwhile
    // may see an empty page there until their next entry.
    void (*show_page)(struct nested_space *space, bool shown);
    // Sets the highest vector that is requested and the highest in service; 0: none. Not to be
    // called with APIC_ACCESS_EXITS.
    void (*set_interrupt_status)(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service);
    // Sets the vectors whose end of interrupt makes an EXIT_EOI.
    void (*set_eoi_exits)(struct vcpu_core *vcpu, const uint64_t vectors[4]);
};

// Where the features go. The owner embeds it and finds itself with container_of. The remark may be
// "": it says how Husk uses the feature, or what a lack means.
struct feature_sink {
    void (*feature)(struct feature_sink *sink, const char *name, bool present, const char *remark);
};

// A vCPU belongs to the CPU that has loaded it until that CPU unloads it.
struct vcpu_ops {
    const char *name; // "VT-x", "AMD-V"
    // In PAE paging, MOV to CR3 loads REG_PDPTE0 to 3, and walks use these (SDM Vol. 3A 4.4.1).
    // Otherwise each walk reads the entries from memory.
    bool loads_pdptes;
    const struct space_ops *space;
    const struct apic_ops *apic; // only for CPUs with FEATURE_APIC
    const struct vector_ops *vectors;

    // Switches virtualisation on for this CPU, once. One CPU calls it at a time. On failure `why`
    // names the missing feature, or the bit that forbids it.
    enum status (*enable_cpu)(struct reason *why);
    void (*disable_cpu)(void); // back to a state in which INIT and reset work

    // Tells of each feature that the virtualisation of the CPUs has or lacks.
    void (*summarize)(struct feature_sink *sink);
    unsigned (*features)(void); // enum backend_feature, of this CPU

    enum status (*create_vcpu)(struct vcpu_core *vcpu, struct reason *why);
    void (*destroy_vcpu)(struct vcpu_core *vcpu);

    // Makes the vCPU current on this CPU. All functions below need that, but run does it by itself.
    // The vCPU may stay in the CPU until another one is loaded.
    void (*load_vcpu)(struct vcpu_core *vcpu);
    // Takes the vCPU's whole state out of this CPU. After that any CPU may load or destroy it.
    void (*unload_vcpu)(struct vcpu_core *vcpu);
    // Enters the guest and calls vcpu_handle_exit for each exit, until vcpu_core.work is not zero.
    void (*run)(struct vcpu_core *vcpu);

    uint64_t (*get_register)(const struct vcpu_core *vcpu, enum guest_register which);
    void (*set_register)(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
    void (*get_segment)(const struct vcpu_core *vcpu, enum guest_segment which,
                        struct segment *segment);
    void (*set_segment)(struct vcpu_core *vcpu, enum guest_segment which,
                        const struct segment *segment);

    // Injects an event at the next entry, which takes only one. An interrupt is offered only if the
    // guest can take it, by RFLAGS.IF, SHADOW_* and REG_EVENT_WAITING. Returns false if another
    // event is already waiting, or if SHADOW_* hold an NMI back: the caller offers this one again
    // later.
    bool (*inject)(struct vcpu_core *vcpu, const struct event *event);
    void (*request_interrupt_window)(struct vcpu_core *vcpu, bool wanted);
    // Asks for one exit (EXIT_INTERRUPT_WINDOW or EXIT_HOST) as soon as nothing blocks an NMI.
    // While the shadow of STI blocks it, the interrupt window is to be used instead.
    void (*request_nmi_window)(struct vcpu_core *vcpu);

    // Writes the whole hardware state, one call of `line` for each line. For a VM that stopped
    // unexpectedly.
    void (*dump)(const struct vcpu_core *vcpu, void (*line)(const char *text));
    // The manual's text for the last unexpected exit or failed entry.
    void (*explain)(const struct vcpu_core *vcpu, struct reason *why);
};

// Handles an exit. The back end's loop calls it for each one. In vmm/vcpu/vcpu_exit.c.
enum exit_action vcpu_handle_exit(struct vcpu_core *vcpu, struct vm_exit *exit);

// Delivers the events that can be delivered, so that the loop may go on. For an exit after which
// vcpu_core.work is WORK_EVENTS alone. The bit may stay set. In vmm/vcpu/vcpu_events.c.
void vcpu_handle_events(struct vcpu_core *vcpu);

// After an exit for the host's timer, with its interrupt taken, if nothing else has disturbed the
// host. True: the guest goes on, and its run ends at the deadline_ns that is set now. The back end
// sets its timer anew. False: the loop returns with WORK_HOST. In vmm/vcpu/vcpu_run.c.
bool vcpu_goes_on(struct vcpu_core *vcpu);

// The guest's code at an exit, for a back end whose hardware does not give the length of the
// instruction that exited.
struct guest_code_step {
    const uint64_t *at; // an entry of the guest's page tables
    uint64_t entry;     // its value at the time of the walk
};

#define GUEST_CODE_STEPS 4

struct guest_code {
    const uint8_t *bytes; // in the VM's address space, valid up to the end of the page
    // If `lasting`: the entries that the walk used, with the last one repeated to fill the array.
    // `bytes` stays right as long as all of them, CR3 and the paging mode stay the same.
    bool lasting;
    struct guest_code_step steps[GUEST_CODE_STEPS];
};

// Translates a linear address as an instruction fetch would. Returns false if the address is not
// mapped, or is not RAM. In vmm/vcpu/guest_code.c.
bool vcpu_find_code(struct vcpu_core *vcpu, gva_t address, struct guest_code *code);
