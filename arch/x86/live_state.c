// SPDX-License-Identifier: MIT
// Swaps the FPU, debug and SYSCALL state of guests.
#include "arch/x86/live_state.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/errata.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/frames.h"
#include "arch/x86/instructions.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "arch/x86/xsave_area.h"
#include "vmm/util/string.h"

#define FXSAVE_FCW 0
#define FXSAVE_MXCSR 24
#define XSAVE_BV 512 // the header's XSTATE_BV (SDM Vol. 1 13.4.2)
#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80

static uint64_t xcr0_mask; // common to all CPUs that run guests; 0: no XSAVE
static uint64_t area_pages = 1;
static struct xsave_layout layout;
static bool has_rdtscp;

static inline void xcr0_write(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

uint64_t live_state_get_xcr0(void)
{
    uint32_t low, high;
    if (!xcr0_mask) {
        return XCR0_X87;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low | (uint64_t)high << 32;
}

void live_state_set_xcr0(uint64_t value)
{
    if (xcr0_mask) {
        xcr0_write(value);
    }
}

// AVX-512 is one feature in three components. Guests get all of them or none (SDM Vol. 1 13.3).
static uint64_t components_for_guests(uint64_t supported)
{
    uint64_t mask = supported & (XCR0_VECTORS | XCR0_PKRU);
    if ((mask & XCR0_AVX512) != XCR0_AVX512 || !(mask & XCR0_AVX)) {
        mask &= ~(uint64_t)XCR0_AVX512;
    }
    return mask;
}

static uint64_t components_here(void)
{
    if (!(cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE) || feature_is_off(OPTIONAL_XSAVE)) {
        return 0;
    }
    struct cpuid_registers components = cpuid(CPUID_XSAVE, 0);
    uint64_t off = (feature_is_off(OPTIONAL_AVX) ? XCR0_AVX : 0) |
                   (feature_is_off(OPTIONAL_AVX512) ? XCR0_AVX512 : 0) |
                   (feature_is_off(OPTIONAL_PKU) ? XCR0_PKRU : 0);
    return components_for_guests((components.eax | (uint64_t)components.edx << 32) & ~off);
}

void live_state_init_machine(void)
{
    has_rdtscp = cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_RDTSCP;
    xcr0_mask = components_here();
    xsave_area_find(&layout, xcr0_mask, cpuid);
    area_pages = ALIGN_UP(xsave_area_standard(xcr0_mask, cpuid), PAGE_SIZE) / PAGE_SIZE;
}

enum status live_state_init_cpu(struct reason *why)
{
    bool rdtscp = cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_RDTSCP;
    if (has_rdtscp && !rdtscp) {
        return refuse(why, STATUS_UNSUPPORTED, "it has no RDTSCP, CPU 0 has");
    }
    xcr0_mask &= components_here();
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (xcr0_mask ? CR4_OSXSAVE : 0));
    if (xcr0_mask) {
        xcr0_write(xcr0_mask);
    }
    return STATUS_OK;
}

uint64_t live_state_xcr0_mask(void)
{
    return xcr0_mask;
}

enum status live_state_check_xsavec(struct reason *why)
{
    if (!xcr0_mask) {
        return refuse(why, STATUS_UNSUPPORTED, "guests have no XSAVE");
    }
    if (feature_is_off(OPTIONAL_XSAVEC)) {
        return refuse(why, STATUS_UNSUPPORTED, "off by no=");
    }
    return xsave_area_check_compacted(live_state_get_xcr0(), cpuid_checked, why);
}

static void reset(struct live_state *state)
{
    uint8_t *fpu = state->fpu;
    *state = (struct live_state){.fpu = fpu, .xcr0 = xcr0_mask ? XCR0_X87 : 0, .dr6 = DR6_FIXED};
    memset(fpu, 0, area_pages * PAGE_SIZE);
    *(uint16_t *)(void *)(fpu + FXSAVE_FCW) = FCW_DEFAULT;
    *(uint32_t *)(void *)(fpu + FXSAVE_MXCSR) = MXCSR_DEFAULT;
}

enum status live_state_create(struct live_state *state)
{
    state->fpu = frames_allocate(area_pages);
    if (!state->fpu) {
        return STATUS_NO_MEMORY;
    }
    reset(state);
    return STATUS_OK;
}

void live_state_destroy(struct live_state *state)
{
    frames_release(state->fpu, area_pages);
    state->fpu = NULL;
}

// A component that is off in XCR0 keeps its contents. So all components are switched on for saving
// and loading.
static void fpu_save(struct live_state *state)
{
    if (!xcr0_mask) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(state->fpu) : "memory");
        return;
    }
    state->xcr0 = live_state_get_xcr0();
    xcr0_write(xcr0_mask);
    __asm__ volatile("xsave64 (%0)"
                     :
                     : "r"(state->fpu), "a"((uint32_t)xcr0_mask), "d"((uint32_t)(xcr0_mask >> 32))
                     : "memory");
}

// Where the area has no pending x87 exception, these CPUs leave FIP, FDP and FOP to the next vCPU
// (APM Vol. 5 FXRSTOR, XRSTOR). FNINIT clears them (APM Vol. 5 FINIT).
static void forget_error_pointers(void)
{
    if (erratum_in_force(ERRATUM_FP_POINTERS)) {
        __asm__ volatile("fninit");
    }
}

static void fpu_load(const struct live_state *state)
{
    forget_error_pointers();
    if (!xcr0_mask) {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(state->fpu) : "memory");
        return;
    }
    xcr0_write(xcr0_mask);
    __asm__ volatile("xrstor64 (%0)"
                     :
                     : "r"(state->fpu), "a"((uint32_t)xcr0_mask), "d"((uint32_t)(xcr0_mask >> 32))
                     : "memory");
    xcr0_write(state->xcr0);
}

// Saves the vector registers, and returns which components the area then has. What XCR0 does not
// enable cannot have changed since the vCPU was loaded, but for SSE: CR4.OSFXSR enables it too, and
// FXSAVE asks only for that. XSAVE writes a component also where it is in its initial state.
static uint64_t vectors_save(struct live_state *state)
{
    uint64_t components = live_state_get_xcr0() & XCR0_VECTORS;
    if (!(components & XCR0_SSE)) {
        __asm__ volatile("fxsave64 (%0)" : : "r"(state->fpu) : "memory");
        return XCR0_X87 | XCR0_SSE;
    }
    __asm__ volatile("xsave64 (%0)"
                     :
                     : "r"(state->fpu), "a"((uint32_t)components), "d"(0)
                     : "memory");
    return components;
}

void live_state_get_vector(struct live_state *state, unsigned number, struct vector *value)
{
    xsave_area_get(state->fpu, &layout, vectors_save(state), number, value);
}

void live_state_set_vector(struct live_state *state, unsigned number, const struct vector *value)
{
    uint64_t components = vectors_save(state);
    xsave_area_set(state->fpu, &layout, components, number, value);
    if (!(live_state_get_xcr0() & XCR0_SSE)) {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(state->fpu) : "memory");
        return;
    }
    // None of them is in its initial state any more, and the others must not be named: XRSTOR
    // faults for a component that XCR0 does not enable.
    *(uint64_t *)(void *)(state->fpu + XSAVE_BV) = components;
    __asm__ volatile("xrstor64 (%0)"
                     :
                     : "r"(state->fpu), "a"((uint32_t)components), "d"(0)
                     : "memory");
}

static void breakpoints_save(struct live_state *state)
{
    __asm__ volatile("mov %%dr0, %0" : "=r"(state->dr[0]));
    __asm__ volatile("mov %%dr1, %0" : "=r"(state->dr[1]));
    __asm__ volatile("mov %%dr2, %0" : "=r"(state->dr[2]));
    __asm__ volatile("mov %%dr3, %0" : "=r"(state->dr[3]));
}

static void breakpoints_load(const struct live_state *state)
{
    __asm__ volatile("mov %0, %%dr0" : : "r"(state->dr[0]));
    __asm__ volatile("mov %0, %%dr1" : : "r"(state->dr[1]));
    __asm__ volatile("mov %0, %%dr2" : : "r"(state->dr[2]));
    __asm__ volatile("mov %0, %%dr3" : : "r"(state->dr[3]));
}

uint64_t live_state_get_breakpoint(unsigned number)
{
    struct live_state state;
    breakpoints_save(&state);
    return state.dr[number];
}

void live_state_save_common(struct live_state *state)
{
    fpu_save(state);
    breakpoints_save(state);
    if (has_rdtscp) {
        state->tsc_aux = rdmsr(IA32_TSC_AUX);
    }
}

void live_state_load_common(const struct live_state *state)
{
    fpu_load(state);
    breakpoints_load(state);
    if (has_rdtscp) {
        wrmsr(IA32_TSC_AUX, state->tsc_aux);
    }
}

void live_state_save(struct live_state *state)
{
    live_state_save_common(state);
    __asm__ volatile("mov %%dr6, %0" : "=r"(state->dr6));
    __asm__ volatile("mov %%cr2, %0" : "=r"(state->cr2));
    state->star = rdmsr(IA32_STAR);
    state->lstar = rdmsr(IA32_LSTAR);
    state->cstar = rdmsr(IA32_CSTAR);
    state->fmask = rdmsr(IA32_FMASK);
    state->kernel_gs_base = rdmsr(IA32_KERNEL_GS_BASE);
}

void live_state_load(const struct live_state *state)
{
    live_state_load_common(state);
    __asm__ volatile("mov %0, %%dr6" : : "r"(state->dr6));
    __asm__ volatile("mov %0, %%cr2" : : "r"(state->cr2));
    wrmsr(IA32_STAR, state->star);
    wrmsr(IA32_LSTAR, state->lstar);
    wrmsr(IA32_CSTAR, state->cstar);
    wrmsr(IA32_FMASK, state->fmask);
    wrmsr(IA32_KERNEL_GS_BASE, state->kernel_gs_base);
}
