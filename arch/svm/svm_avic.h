// SPDX-License-Identifier: MIT
// AVIC: the CPU serves a guest's local APIC (APM Vol. 2 15.29).
#pragma once

#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;
struct vm_exit;
struct vmcb_control;

// A VM's part: its tables.
enum status svm_avic_create(struct nested_space *space);
void svm_avic_destroy(struct nested_space *space);
void svm_show_apic_page(struct nested_space *space, bool shown);

// A vCPU's part. The vCPU is the CPU's current one.
void svm_avic_create_vcpu(struct vcpu_core *vcpu);
void svm_avic_destroy_vcpu(struct vcpu_core *vcpu);
void svm_set_apic_access(struct vcpu_core *vcpu, enum apic_access access);
void svm_set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service);
void svm_set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4]);
// From now on the vCPU runs on the CPU with the APIC ID `id`, or runs no longer.
void svm_avic_enter(struct vcpu_core *vcpu, uint32_t id);
void svm_avic_leave(struct vcpu_core *vcpu);

// AVIC's two exits, in neutral terms.
void svm_decode_incomplete_ipi(const struct vmcb_control *control, struct vm_exit *exit);
void svm_decode_apic_access(struct vcpu_core *vcpu, struct vm_exit *exit);
