// SPDX-License-Identifier: MIT
// Takes the mail of a vCPU.
#pragma once

struct vcpu;

// Hands all mail on to the local APIC and the vCPU. To be called on the vCPU's CPU, which holds the
// vCPU.
void vcpu_mail_take(struct vcpu *vcpu);
