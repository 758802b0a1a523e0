// SPDX-License-Identifier: MIT
// What the AMD-V of this machine's CPUs can do.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct feature_sink;

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

// What a CPU can do, or what all CPUs can do that run guests.
struct svm_capability {
    uint32_t features; // SVM_*
    uint32_t asids;    // 1 to asids - 1 are for guests, 0 is the host's
    bool pages_1g;     // nested paging has pages of 1 GiB
    bool is_qemu_tcg;  // QEMU without KVM: see svm_shadow.c, and svm_nudge in svm_inject.c
    bool ipis_exit;    // erratum 1235: AVIC may believe that a stopped vCPU still runs
};

// Reads what this CPU can do. An error: it cannot run guests, and `why` says what it lacks.
enum status svm_capability_read(struct svm_capability *capability, struct reason *why);
// This CPU will run guests. What it cannot do is not used on any CPU from now on: a VM may use
// several CPUs, and its tables are one.
void svm_capability_join(const struct svm_capability *own);
// Of all CPUs that have joined.
const struct svm_capability *svm_capability(void);
// Whether the CPUs serve local APICs, by AVIC.
bool svm_serves_apic(void);
unsigned svm_features(void); // enum backend_feature
// What the CPUs have and lack, with what a lack means.
void svm_summarize(struct feature_sink *sink);
