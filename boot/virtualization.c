// SPDX-License-Identifier: MIT
// Chooses VT-x or AMD-V, whichever this machine has, and switches it on.
#include "boot/virtualization.h"

#include "arch/svm/svm_ops.h"
#include "arch/vmx/vmx_ops.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/cpuid_set.h"
#include "arch/x86/live_state.h"
#include "arch/x86/log.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/vm/vm.h"

// The CPUID of all CPUs that run guests. It shrinks while the CPUs start, before there is a VM.
static struct cpuid_set common;
static bool has_common;
// Each CPU joins what all CPUs have in common: CPUID here, virtualisation in the back end, the
// FPU's components in live_state. CPUs start at the same time, and they join one after another.
static struct spinlock joining;

const struct vcpu_ops *virtualization_choose(struct reason *why)
{
    if (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_VMX) {
        return &vmx_ops;
    }
    if (cpuid_checked(CPUID_EXTENDED_FEATURES, 0).ecx & CPUID_80000001_ECX_SVM) {
        return &svm_ops;
    }
    refuse(
        why, STATUS_UNSUPPORTED,
        "this CPU shows neither VT-x nor AMD-V: look for Virtualization (VT-x) or SVM Mode in the "
        "BIOS/UEFI setup; without it no guest can run");
    return NULL;
}

static void log_feature(struct feature_sink *sink, const char *name, bool present,
                        const char *remark)
{
    (void)sink;
    log_line("  %-19s %s%s%s", name, present ? "yes" : "no", remark[0] != '\0' ? ": " : "", remark);
}

static void report(struct vmm *vmm)
{
    static struct feature_sink to_log = {.feature = log_feature};
    if (vmm->ops) {
        log_line("virtualization: %s", vmm->ops->name);
        vmm->ops->summarize(&to_log);
    } else {
        log_line("virtualization: none: %s", vmm->no_guests.text);
    }
}

// Some features are shown to guests only if the back end can switch them on.
static void remove_unsupported(struct cpuid_set *set, unsigned features)
{
    static const struct {
        enum backend_feature feature;
        struct cpuid_word word;
        uint32_t bits;
    } words[] = {
        {FEATURE_RDTSCP, {CPUID_EXTENDED_FEATURES, 0, 'd'}, CPUID_80000001_EDX_RDTSCP},
        {FEATURE_RDTSCP, {CPUID_STRUCTURED_FEATURES, 0, 'c'}, CPUID_7_ECX_RDPID},
        {FEATURE_INVPCID, {CPUID_STRUCTURED_FEATURES, 0, 'b'}, CPUID_7_EBX_INVPCID},
        {FEATURE_INVPCID, {CPUID_FEATURES, 0, 'c'}, CPUID_1_ECX_PCID},
        {FEATURE_XSAVES, {CPUID_XSAVE, 1, 'a'}, CPUID_D_1_EAX_XSAVES},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (!(features & words[i].feature)) {
            cpuid_set_remove(set, words[i].word, words[i].bits);
        }
    }
}

static void remove_compaction(struct cpuid_set *set, unsigned index)
{
    static const struct cpuid_word word = {CPUID_XSAVE, 1, 'a'};
    struct reason why;
    if (live_state_check_xsavec(&why) == STATUS_OK) {
        return;
    }
    if (index == 0 && (cpuid_checked(CPUID_XSAVE, 1).eax & CPUID_D_1_EAX_XSAVEC)) {
        log_line("guests do without XSAVEC: %s", why.text);
    }
    cpuid_set_remove(set, word, CPUID_D_1_EAX_XSAVEC | CPUID_D_1_EAX_XSAVES);
}

static void join_cpuid(unsigned index, const struct vcpu_ops *ops)
{
    struct cpuid_set own;
    struct cpuid_word word;
    uint32_t lost = 0;
    cpuid_set_read(&own, cpuid_checked);
    remove_unsupported(&own, ops->features());
    remove_compaction(&own, index);
    bool narrowed = has_common && cpuid_set_narrow(&common, &own, &word, &lost);
    if (!has_common) {
        common = own;
        has_common = true;
    }
    if (narrowed) {
        log_line("CPU %u has less than others: guests do without, CPUID %#x:E%cX bits %#x first",
                 index, word.leaf, word.reg - 'a' + 'A', lost);
    }
}

struct cpuid_registers virtualization_cpuid(uint32_t leaf, uint32_t subleaf)
{
    return cpuid_set_apply(&common, leaf, subleaf, cpuid(leaf, subleaf));
}

// Whether this CPU runs guests.
static bool join(unsigned index, const struct vcpu_ops *ops, struct reason *why)
{
    uint64_t flags = spinlock_acquire(&joining);
    bool joined = ops->enable_cpu(why) == STATUS_OK;
    if (joined) {
        join_cpuid(index, ops);
    }
    spinlock_release(&joining, flags);
    return joined;
}

void virtualization_start_cpu(struct vmm *vmm)
{
    unsigned index = cpu_this()->index;
    struct reason why = {""};
    vmm->runs_guests[index] = vmm->ops && join(index, vmm->ops, &why);
    if (index == 0) {
        if (vmm->ops && !vmm->runs_guests[0]) {
            vmm->no_guests = why;
            vmm->ops = NULL;
        }
        report(vmm);
    } else if (vmm->ops && !vmm->runs_guests[index]) {
        log_line("CPU %u runs no guests: %s", index, why.text);
    }
}
