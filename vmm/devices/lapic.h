// SPDX-License-Identifier: MIT
// The model of a local APIC, xAPIC and x2APIC (SDM Vol. 3A chapter 11).
#pragma once

#include "arch/x86/apic_registers.h"
#include "vmm/util/types.h"

struct apic_message;

// Registers by their numbers.
enum lapic_register {
    LAPIC_ID = APIC_NUMBER(APIC_ID),
    LAPIC_VERSION = APIC_NUMBER(APIC_VERSION),
    LAPIC_TPR = APIC_NUMBER(APIC_TPR),
    LAPIC_APR = APIC_NUMBER(APIC_APR),
    LAPIC_PPR = APIC_NUMBER(APIC_PPR),
    LAPIC_EOI = APIC_NUMBER(APIC_EOI),
    LAPIC_RRD = APIC_NUMBER(APIC_RRD),
    LAPIC_LDR = APIC_NUMBER(APIC_LDR),
    LAPIC_DFR = APIC_NUMBER(APIC_DFR),
    LAPIC_SVR = APIC_NUMBER(APIC_SVR),
    LAPIC_ISR = APIC_NUMBER(APIC_ISR),
    LAPIC_TMR = APIC_NUMBER(APIC_TMR),
    LAPIC_IRR = APIC_NUMBER(APIC_IRR),
    LAPIC_ESR = APIC_NUMBER(APIC_ESR),
    LAPIC_ICR = APIC_NUMBER(APIC_ICR),
    LAPIC_ICR_HIGH = APIC_NUMBER(APIC_ICR_HIGH),
    LAPIC_LVT_TIMER = APIC_NUMBER(APIC_LVT_TIMER),
    LAPIC_LVT_THERMAL = APIC_NUMBER(APIC_LVT_THERMAL),
    LAPIC_LVT_PERFORMANCE = APIC_NUMBER(APIC_LVT_PERFORMANCE),
    LAPIC_LVT_LINT0 = APIC_NUMBER(APIC_LVT_LINT0),
    LAPIC_LVT_LINT1 = APIC_NUMBER(APIC_LVT_LINT1),
    LAPIC_LVT_ERROR = APIC_NUMBER(APIC_LVT_ERROR),
    LAPIC_INITIAL_COUNT = APIC_NUMBER(APIC_TIMER_INITIAL),
    LAPIC_CURRENT_COUNT = APIC_NUMBER(APIC_TIMER_CURRENT),
    LAPIC_DIVIDE = APIC_NUMBER(APIC_TIMER_DIVIDE),
    LAPIC_SELF_IPI = APIC_NUMBER(APIC_SELF_IPI),
};

#define LAPIC_LVT_COUNT 6

enum lapic_mode { LAPIC_DISABLED, LAPIC_XAPIC, LAPIC_X2APIC };

// The registers as a guest sees them in xAPIC mode (SDM Vol. 3A table 11-1). A processor with APIC
// virtualization serves the guest from this page without an exit. In x2APIC mode register `reg` is
// at the same place.
struct lapic_page {
    struct {
        uint32_t value;
        uint32_t unused[3];
    } reg[PAGE_SIZE / 16];
};

// Three sets of 256 vectors are among the registers, eight registers each.
enum lapic_set { LAPIC_IN_SERVICE, LAPIC_LEVEL_TRIGGERED, LAPIC_REQUESTED, LAPIC_SETS };

// Bits of SVR.
enum lapic_svr_bits {
    SVR_ENABLE = BIT(8),
    SVR_SUPPRESS_EOI_BROADCAST = BIT(12),
};

// What a local APIC tells the rest of its VM. `init` and `startup` are for this APIC's own vCPU.
struct lapic_output {
    // Sends the message: lapic_deliver gives it to every *other* local APIC that
    // lapic_is_addressed finds. With APIC_LOWEST_PRIORITY it goes to one of them.
    void (*send_ipi)(struct lapic_output *output, const struct apic_message *message);
    // The end of a level-triggered interrupt, for the I/O APICs.
    void (*eoi)(struct lapic_output *output, uint8_t vector);
    void (*nmi)(struct lapic_output *output);
    void (*init)(struct lapic_output *output);
    void (*startup)(struct lapic_output *output, uint8_t vector);
};

struct lapic {
    // TPR, ICR and the sets are only here. The other registers are the members below, which
    // lapic_show copies into the page. For a processor with APIC virtualization the owner aligns
    // the page.
    struct lapic_page page;
    struct lapic_output *output;
    uint64_t base; // IA32_APIC_BASE; read with lapic_base
    enum lapic_mode mode;
    uint32_t id;
    bool bootstrap;
    uint8_t physical_bits;

    // Bit i: the set's word i is not 0. So the highest vector is found in two steps.
    uint32_t used[LAPIC_SETS];
    // For a processor with APIC virtualization:
    bool unshown;       // the page is out of date (lapic_show)
    bool level_changed; // a vector has become level-triggered, or no longer is
    uint32_t svr;
    uint32_t ldr; // xAPIC
    uint32_t dfr;
    uint32_t esr;        // as read
    uint32_t esr_errors; // since the last write to ESR
    uint32_t lvt[LAPIC_LVT_COUNT];
    bool lint[2]; // pin levels

    uint32_t initial_count;
    uint32_t divide;       // the register
    uint8_t divide_shift;  // what it means
    uint64_t timer_due_ns; // NEVER_NS: stopped
    uint64_t tsc_deadline; // as read from IA32_TSC_DEADLINE
};

static inline uint64_t lapic_base(const struct lapic *lapic)
{
    return lapic->base;
}

static inline enum lapic_mode lapic_mode(const struct lapic *lapic)
{
    return lapic->mode;
}

// End of interrupt: a short way to write 0 to LAPIC_EOI.
void lapic_eoi(struct lapic *lapic);

// CR8 and TPR are the same register. `value` 0 to 15.
void lapic_set_cr8(struct lapic *lapic, uint64_t value);
uint64_t lapic_cr8(const struct lapic *lapic);

// An interrupt for this APIC. It is dropped if the APIC is not enabled by hardware and software.
void lapic_post(struct lapic *lapic, uint8_t vector, bool level);
// The level of pin LINT0 or LINT1. ExtINT is not latched here: see lapic_accepts_extint.
void lapic_set_lint(struct lapic *lapic, unsigned pin, bool level);
// Whether the APIC takes fixed interrupts: it is enabled by hardware and software.
static inline bool lapic_is_enabled(const struct lapic *lapic)
{
    return lapic->mode != LAPIC_DISABLED && (lapic->svr & SVR_ENABLE);
}

// The vector to deliver now: the highest request above the processor priority; -1: none.
int lapic_pending(const struct lapic *lapic);
// Whether any request waits, deliverable or not. This is cheaper than lapic_pending.
static inline bool lapic_has_requests(const struct lapic *lapic)
{
    return lapic->used[LAPIC_REQUESTED] != 0;
}

// `vector`, which lapic_pending returned, was delivered to the CPU.
void lapic_accept(struct lapic *lapic, unsigned vector);
// The processor priority: an interrupt is delivered if its vector's upper four bits exceed it.
unsigned lapic_processor_priority(const struct lapic *lapic);
// The processor priority as another CPU sees it while the vCPU runs. It may be slightly out of
// date.
unsigned lapic_arbitration_priority(const struct lapic *lapic);
// Whether the 8259s' INTR reaches the CPU: through LINT0 as ExtINT, or because the APIC is
// disabled.
bool lapic_accepts_extint(const struct lapic *lapic);

// ---- For a processor that serves the guest out of the page (SDM Vol. 3C chapter 30) ----
// While the vCPU runs, the processor raises and ends interrupts in the page, and writes TPR and
// PPR. Afterwards the model must be told, before anything else is asked of it. More of this is in
// lapic_registers.h.

// Requests and interrupts in service may have changed.
void lapic_refresh(struct lapic *lapic);
// The processor has ended a level-triggered interrupt.
void lapic_ended(struct lapic *lapic, unsigned vector);
// Another vCPU's processor may have put requests into the page of this one.
void lapic_requested(struct lapic *lapic);

// The highest vector of a set; 0: the set is empty. No vector below 16 is ever in a set.
unsigned lapic_highest(const struct lapic *lapic, enum lapic_set set);
// Word `i` of a set: vectors 32 * i to 32 * i + 31. Another vCPU's processor may write it
// meanwhile.
static inline uint32_t lapic_word(const struct lapic *lapic, enum lapic_set set, unsigned i)
{
    return __atomic_load_n(&lapic->page.reg[LAPIC_ISR + 8 * set + i].value, __ATOMIC_RELAXED);
}
