// SPDX-License-Identifier: MIT
// Takes a vCPU's mail.
#pragma once

struct vcpu;

// On the vCPU's CPU, with its VM held: hands everything on to the local APIC and the vCPU.
void vcpu_mail_take(struct vcpu *vcpu);
