// SPDX-License-Identifier: MIT
// Guest state that stays in the CPU across exits. It is swapped only when the CPU changes vCPU.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vector;

// Neither VM exits nor #VMEXIT touch this state. The hypervisor uses none of it: it is built
// without FPU instructions, it needs no SYSCALL, and its own DR7 is clear.
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

// Finds out the state components that guests may have: x87, SSE, AVX, AVX-512 and PKRU, as far as
// all CPUs have them. Call it once, on CPU 0, before the other CPUs start.
void live_state_init_machine(void);
// Sets CR4.OSFXSR and OSXSAVE on this CPU. Takes the components that this CPU lacks from all CPUs.
// Call it on one CPU at a time, before there is a VM. Fails if CPU 0 has RDTSCP and this CPU does
// not.
enum status live_state_init_cpu(struct reason *why);
uint64_t live_state_xcr0_mask(void); // 0: no XSAVE
// Whether guests may have XSAVEC (and XSAVES) on this CPU. If not, it fails with the reason. Call
// it after live_state_init_cpu, before there is a VM.
enum status live_state_check_xsavec(struct reason *why);

// Sets the state after power-up (SDM Vol. 3A table 10-1).
enum status live_state_create(struct live_state *state);
void live_state_destroy(struct live_state *state);

// Moves the state from the CPU into the structure, and back. live_state_save wants the structure
// that was loaded last.
void live_state_save(struct live_state *state);
void live_state_load(const struct live_state *state);
// The same for the part that both vendors leave to software: FPU, DR0 to DR3, TSC_AUX. On AMD the
// VMCB has the rest.
void live_state_save_common(struct live_state *state);
void live_state_load_common(const struct live_state *state);

// A vector register of the vCPU whose state is in the CPU (struct vector_ops). The structure must
// be the one that was loaded last; its area is where the registers pass through.
void live_state_get_vector(struct live_state *state, unsigned number, struct vector *value);
void live_state_set_vector(struct live_state *state, unsigned number, const struct vector *value);

// DR0 to DR3 of the vCPU whose state is in the CPU.
uint64_t live_state_get_breakpoint(unsigned number);

// XCR0 of the vCPU whose state is in the CPU.
uint64_t live_state_get_xcr0(void);
void live_state_set_xcr0(uint64_t value);
