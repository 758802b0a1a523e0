// SPDX-License-Identifier: MIT
// Enters a guest and stays with it, exit after exit.
#pragma once

struct vcpu_core;

void vmx_run(struct vcpu_core *vcpu);
