// SPDX-License-Identifier: MIT
// The intercepts of the VMCB (APM Vol. 2 15.7 to 15.13): those of the causes that hold.
#include "arch/svm/svm_intercepts.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// #AC and #DB exit because a guest whose handler faults likewise would never leave the CPU's
// microcode (CVE-2015-5307, CVE-2015-8104). #MC exits because it concerns the host.
#define EXCEPTIONS ((uint32_t)(BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC)))

#define INSTRUCTIONS                                                                               \
    ((uint32_t)(INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_CR0_SELECTIVE |        \
                INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_HLT |               \
                INTERCEPT_INVLPGA | INTERCEPT_IOIO | INTERCEPT_MSR | INTERCEPT_TASK_SWITCH |       \
                INTERCEPT_SHUTDOWN))

// EFER.SVME must be set in a guest, so the guest has all of these instructions if they do not exit.
#define INSTRUCTIONS_SVM                                                                           \
    ((uint32_t)(INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE |        \
                INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD |            \
                INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_XSETBV | INTERCEPT_RDPRU))

#define CR0 ((uint16_t)BIT(0))
#define CR4 ((uint16_t)BIT(4))
#define CR8 ((uint16_t)BIT(8))
#define DR5 ((uint16_t)BIT(5)) // CR4.DE clear: another name of DR7
#define DR7 ((uint16_t)BIT(7))

struct words {
    uint16_t cr_reads;
    uint16_t cr_writes;
    uint16_t dr_writes;
    uint32_t exceptions;
    uint32_t intercepts;
    uint32_t intercepts_svm;
};

static const struct words by_cause[CAUSE_COUNT] = {
    [CAUSE_ALWAYS] = {.cr_writes = CR4,
                      .exceptions = EXCEPTIONS,
                      .intercepts = INSTRUCTIONS,
                      .intercepts_svm = INSTRUCTIONS_SVM},
    [CAUSE_PAUSE_FILTER] = {.intercepts = INTERCEPT_PAUSE},
    [CAUSE_CR0_HIDDEN] = {.cr_reads = CR0, .cr_writes = CR0},
    [CAUSE_CR4_HIDDEN] = {.cr_reads = CR4},
    [CAUSE_CR8_IN_MODEL] = {.cr_reads = CR8, .cr_writes = CR8},
    [CAUSE_INTERRUPT_WINDOW] = {.intercepts = INTERCEPT_VINTR},
    [CAUSE_NMI_HANDLER] = {.intercepts = INTERCEPT_IRET},
    [CAUSE_STEP] = {.exceptions = EXCEPTIONS_OF_INSTRUCTIONS},
    [CAUSE_DEBUG_REGISTER] = {.dr_writes = DR5 | DR7},
    [CAUSE_PAGE_FAULT] = {.exceptions = BIT(VECTOR_PF)},
};

// Each intercept has one cause, so it changes when the cause does.
void svm_intercepts_flip(struct vcpu_core *vcpu, enum svm_cause cause)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    const struct words *own = &by_cause[cause];
    vcpu->backend->causes ^= (uint32_t)BIT(cause);
    control->cr_reads ^= own->cr_reads;
    control->cr_writes ^= own->cr_writes;
    control->dr_writes ^= own->dr_writes;
    control->exceptions ^= own->exceptions;
    control->intercepts ^= own->intercepts;
    control->intercepts_svm ^= own->intercepts_svm;
    svm_mark_dirty(vcpu, CLEAN_INTERCEPTS);
}
