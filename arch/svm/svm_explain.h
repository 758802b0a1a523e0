// SPDX-License-Identifier: MIT
// What went wrong, in the manual's words, and the VMCB for a person to read.
#pragma once

struct reason;
struct vcpu_core;

void svm_explain(const struct vcpu_core *vcpu, struct reason *why);
void svm_dump(const struct vcpu_core *vcpu, void (*line)(const char *text));
