// SPDX-License-Identifier: MIT
// AMD-V as a back end.
#include "arch/svm/svm_ops.h"

#include "arch/svm/npt.h"
#include "arch/svm/npt_space.h"
#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_cpu.h"
#include "arch/svm/svm_explain.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_run.h"
#include "arch/svm/svm_segment.h"
#include "arch/svm/svm_state.h"
#include "arch/svm/svm_vcpu.h"
#include "vmm/backend.h"

static const struct space_ops space_ops = {
    .create = npt_create,
    .destroy = npt_destroy,
    .map = npt_map,
    .unmap = npt_unmap,
    .find = npt_find,
    .intercept_msr = svm_intercept_msr,
};

static const struct apic_ops apic_ops = {
    .set_access = svm_set_apic_access,
    .show_page = svm_show_apic_page,
    .set_interrupt_status = svm_set_interrupt_status,
    .set_eoi_exits = svm_set_eoi_exits,
};

static const struct vector_ops vector_ops = {
    .get = svm_get_vector,
    .set = svm_set_vector,
};

const struct vcpu_ops svm_ops = {
    .name = "AMD-V",
    .space = &space_ops,
    .apic = &apic_ops,
    .vectors = &vector_ops,
    .enable_cpu = svm_enable_cpu,
    .disable_cpu = svm_disable_cpu,
    .summarize = svm_summarize,
    .features = svm_features,
    .create_vcpu = svm_create_vcpu,
    .destroy_vcpu = svm_destroy_vcpu,
    .load_vcpu = svm_load_vcpu,
    .unload_vcpu = svm_unload_vcpu,
    .run = svm_run,
    .get_register = svm_get_register,
    .set_register = svm_set_register,
    .get_segment = svm_get_segment,
    .set_segment = svm_set_segment,
    .inject = svm_inject,
    .request_interrupt_window = svm_request_interrupt_window,
    .request_nmi_window = svm_request_nmi_window,
    .dump = svm_dump,
    .explain = svm_explain,
};
