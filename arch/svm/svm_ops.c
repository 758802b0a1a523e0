// SPDX-License-Identifier: MIT
// AMD-V as a back end.
#include "arch/svm/svm_ops.h"

#include "arch/svm/svm.h"

const struct vcpu_ops svm_ops = {
    .name = "AMD-V",
    .enable_cpu = svm_enable_cpu,
    .disable_cpu = svm_disable_cpu,
    .summarize = svm_summarize,
    .features = svm_features,
    .create_space = npt_create,
    .destroy_space = npt_destroy,
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
    .set_apic_access = svm_set_apic_access,
    .show_apic_page = svm_show_apic_page,
    .set_interrupt_status = svm_set_interrupt_status,
    .set_eoi_exits = svm_set_eoi_exits,
    .map = npt_map,
    .unmap = npt_unmap,
    .intercept_msr = svm_intercept_msr,
    .dump = svm_dump,
    .explain = svm_explain,
};
