// SPDX-License-Identifier: MIT
// APIC virtualization: the CPU serves a guest's local APIC (SDM Vol. 3C chapter 30).
#pragma once

#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_space;
struct vm_exit;

// A VM's part. vmx_apic_destroy follows even if vmx_apic_create fails.
enum status vmx_apic_create(struct nested_space *space);
void vmx_apic_destroy(struct nested_space *space);
void vmx_show_apic_page(struct nested_space *space, bool shown);
// A vCPU's part. The vCPU is the CPU's current one.
void vmx_apic_start(struct vcpu_core *vcpu); // what a new VMCS needs besides the controls
void vmx_set_apic_access(struct vcpu_core *vcpu, enum apic_access access);
void vmx_set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service);
void vmx_set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4]);
// An APIC-access exit in neutral terms.
void vmx_decode_apic_access(struct vm_exit *exit);
