// SPDX-License-Identifier: MIT
// The manual's words for what went wrong, and the dump of a VMCS.
#pragma once

struct reason;
struct vcpu_core;

// Why the last exit was not understood, or why the last entry failed.
void vmx_explain(const struct vcpu_core *vcpu, struct reason *why);
void vmx_dump(const struct vcpu_core *vcpu, void (*line)(const char *text));
