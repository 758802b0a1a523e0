// SPDX-License-Identifier: MIT
// The run of a vCPU.
#pragma once

struct vcpu_core;

void svm_run(struct vcpu_core *vcpu);
