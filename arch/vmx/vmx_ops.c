// SPDX-License-Identifier: MIT
// VT-x as a back end.
#include "arch/vmx/vmx_ops.h"

#include "arch/vmx/ept.h"
#include "arch/vmx/vmx_apic.h"
#include "arch/vmx/vmx_bitmaps.h"
#include "arch/vmx/vmx_cpu.h"
#include "arch/vmx/vmx_explain.h"
#include "arch/vmx/vmx_features.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/vmx/vmx_run.h"
#include "arch/vmx/vmx_space.h"
#include "arch/vmx/vmx_state.h"
#include "arch/vmx/vmx_vcpu.h"
#include "vmm/util/types.h"

static const struct space_ops space_ops = {
    .create = vmx_create_space,
    .destroy = vmx_destroy_space,
    .map = ept_map,
    .unmap = ept_unmap,
    .find = ept_find,
    .intercept_msr = vmx_intercept_msr,
};

static const struct apic_ops apic_ops = {
    .set_access = vmx_set_apic_access,
    .show_page = vmx_show_apic_page,
    .set_interrupt_status = vmx_set_interrupt_status,
    .set_eoi_exits = vmx_set_eoi_exits,
};

static const struct vector_ops vector_ops = {
    .get = vmx_get_vector,
    .set = vmx_set_vector,
};

const struct vcpu_ops vmx_ops = {
    .name = "VT-x",
    .loads_pdptes = true,
    .space = &space_ops,
    .apic = &apic_ops,
    .vectors = &vector_ops,
    .enable_cpu = vmx_enable_cpu,
    .disable_cpu = vmx_disable_cpu,
    .summarize = vmx_summarize,
    .features = vmx_features,
    .create_vcpu = vmx_create_vcpu,
    .destroy_vcpu = vmx_destroy_vcpu,
    .load_vcpu = vmx_load_vcpu,
    .unload_vcpu = vmx_unload_vcpu,
    .run = vmx_run,
    .get_register = vmx_get_register,
    .set_register = vmx_set_register,
    .get_segment = vmx_get_segment,
    .set_segment = vmx_set_segment,
    .inject = vmx_inject,
    .request_interrupt_window = vmx_request_interrupt_window,
    .request_nmi_window = vmx_request_nmi_window,
    .dump = vmx_dump,
    .explain = vmx_explain,
};
