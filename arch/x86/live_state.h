// SPDX-License-Identifier: MIT
// Guest state that stays in the CPU across exits and is swapped only when the CPU changes vCPU.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

// Neither VM exits nor #VMEXIT touch any of this, and the hypervisor uses none of it: it is built
// without FPU instructions, needs no SYSCALL, and its own DR7 is clear.
struct live_state {
    uint8_t *fpu; // XSAVE area (SDM Vol. 1 13.4), or an FXSAVE image on a CPU without XSAVE
    uint64_t xcr0;
    uint64_t cr2;
    uint64_t dr[4];
    uint64_t dr6;
    uint64_t star;
    uint64_t lstar;
    uint64_t cstar;
    uint64_t fmask;
    uint64_t kernel_gs_base;
    uint64_t tsc_aux;
};

// The state components that guests may have: what all CPUs have of x87, SSE, AVX, AVX-512, PKRU.
// Call once, on CPU 0, before the others.
void live_state_init_machine(void);
// Sets CR4.OSFXSR and OSXSAVE on this CPU, and leaves out for all what it does not have. Before
// there is a VM. Fails where it has no RDTSCP and CPU 0 has.
enum status live_state_init_cpu(struct reason *why);
uint64_t live_state_xcr0_mask(void); // 0: no XSAVE
// Whether guests may have XSAVEC, and XSAVES with it, on this CPU. After live_state_init_cpu,
// before there is a VM. Fails with why not.
enum status live_state_check_xsavec(struct reason *why);

// State after power-up (SDM Vol. 3A table 10-1).
enum status live_state_create(struct live_state *state);
void live_state_reset(struct live_state *state);
void live_state_destroy(struct live_state *state);

// From the CPU into the structure, and back. `state` is what was loaded last.
void live_state_save(struct live_state *state);
void live_state_load(const struct live_state *state);
// Of it only what both vendors leave to software: FPU, DR0 to DR3, TSC_AUX. On AMD the VMCB has the
// rest.
void live_state_save_common(struct live_state *state);
void live_state_load_common(const struct live_state *state);

// Of the vCPU that is loaded.
uint64_t live_state_get_xcr0(void);
void live_state_set_xcr0(uint64_t value);
