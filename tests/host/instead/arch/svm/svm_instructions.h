// SPDX-License-Identifier: MIT
// The SVM instructions for host tests: the test has them.
#pragma once

#include "vmm/util/types.h"

void svm_vmload(uint64_t vmcb);
void svm_vmsave(uint64_t vmcb);
void svm_stgi(void);
void svm_clgi(void);
