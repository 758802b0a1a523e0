// SPDX-License-Identifier: MIT
// What the host wants while a guest runs.
#pragma once

#include "vmm/util/types.h"

struct backend_vcpu;
struct vcpu_core;

// Sets the timer that ends the run: after `hold_ns`, whatever else there is to do, or for 0 at
// vcpu->deadline_ns.
void svm_timer_set(struct vcpu_core *vcpu, uint64_t hold_ns);

// What VMLOAD loads is the guest's from here on, TR too. An NMI of the host would take its stack
// from that TR. So GIF keeps all interrupts away until svm_load_host (APM Vol. 2 15.17).
void svm_load_guest(struct backend_vcpu *backend);
// Takes the interrupts and NMIs that have waited. IF is clear afterwards.
void svm_load_host(struct backend_vcpu *backend);

// The exits of the host's own. Where vcpu->work is 0 afterwards, the guest goes on:
// A physical interrupt.
void svm_host_interrupt(struct vcpu_core *vcpu);
// Anything else. The guest's event that the exit cut short comes again.
void svm_host_event(struct vcpu_core *vcpu);
