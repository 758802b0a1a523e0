// SPDX-License-Identifier: MIT
// Makes a vCPU and gives it back.
#pragma once

#include "vmm/util/status.h"

struct vcpu;
struct vm;

enum status vcpu_create(struct vm *vm, unsigned index, struct vcpu **vcpu, struct reason *why);
void vcpu_destroy(struct vcpu *vcpu);
