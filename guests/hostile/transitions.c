// SPDX-License-Identifier: MIT
// Changes of CR0, CR4 and EFER: each bit and each pair of bits, in every mode of the processor.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/decoder.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/mode_model.h"
#include "guests/hostile/modes.h"
#include "guests/lib/cpu.h"
#include "guests/lib/descriptors.h"

#define CR_BITS 32U
#define EFER_LMSLE BIT(13)         // no CPUID bit says whether it is there
#define VENDOR_ECX_AMD 0x444d4163U // "cAMD"
#define PLAIN_CR0 ((uint32_t)(CR0_ET | CR0_NE))

static bool is_amd(void)
{
    return cpuid(0, 0).ecx == VENDOR_ECX_AMD;
}

static void write_here(void *argument)
{
    const struct mode_trial *t = argument;
    if (t->which == REGISTER_CR0) {
        cr0_write(t->value);
    } else if (t->which == REGISTER_CR4) {
        cr4_write(t->value);
    } else {
        msr_write(IA32_EFER, t->value);
    }
}

// Makes the write in a 32-bit code segment of long mode.
static void write_in_compatibility_mode(void *argument)
{
    static const uint8_t code[][4] = {
        [REGISTER_CR0] = {0x0f, 0x22, 0xc0, 0xcb}, // mov cr0, eax; far return
        [REGISTER_CR4] = {0x0f, 0x22, 0xe0, 0xcb}, // mov cr4, eax
        [REGISTER_EFER] = {0x0f, 0x30, 0xcb},      // wrmsr
    };
    const struct mode_trial *t = argument;
    struct decoder_state state = {.rax = t->value, .rcx = IA32_EFER, .flags = RFLAGS_FIXED};
    decoder_run_legacy((uint32_t)(uintptr_t)code[t->which], SELECTOR_CODE_32, &state);
}

static void try_here(struct mode_trial *t, void (*function)(void *argument))
{
    const enum outcome outcome = attempt_fault(function, t);
    t->vector = outcome == OUTCOME_DONE ? MODES_NO_VECTOR : (uint32_t)outcome;
    t->cr0_after = (uint32_t)cr0_read();
    t->cr4_after = (uint32_t)cr4_read();
    t->efer_after = (uint32_t)msr_read(IA32_EFER);
    cr0_write(t->cr0);
    cr4_write(t->cr4);
    msr_write(IA32_EFER, t->efer);
}

static void try_in_64_bits(struct mode_trial *t)
{
    try_here(t, write_here);
}

static void try_in_compatibility_mode(struct mode_trial *t)
{
    try_here(t, write_in_compatibility_mode);
}

typedef void run_trial(struct mode_trial *trial);

static bool as_foreseen(struct mode_trial trial, run_trial *run)
{
    struct mode_trial wanted = trial;
    const bool legal = mode_model_foresee(&trial, run == try_in_64_bits, &wanted);
    run(&trial);
    if (!legal) {
        return trial.vector == VECTOR_GP && trial.cr0_after == trial.cr0 &&
               trial.cr4_after == trial.cr4;
    }
    return trial.vector == MODES_NO_VECTOR && trial.cr0_after == wanted.cr0_after &&
           trial.cr4_after == wanted.cr4_after && trial.efer_after == wanted.efer_after;
}

static uint32_t current(const struct mode_trial *t)
{
    return t->which == REGISTER_CR4 ? t->cr4 : t->which == REGISTER_EFER ? t->efer : t->cr0;
}

// Whether the write can be tried. A change to a paging mode that the tables do not fit is legal and
// fatal. So is PAE over other tables in a guest of AMD-V, where the processor does not look at the
// tables before it uses them (APM Vol. 2 15.25.10).
static bool is_tried(const struct mode_trial *t, run_trial *run)
{
    if (run == try_in_compatibility_mode && t->which == REGISTER_CR0) {
        return (t->value & CR0_PG) != 0; // without PG it would leave long mode, and this code
    }
    if (run != modes_try && t->which == REGISTER_CR4) {
        return true;
    }
    const uint32_t needed = (uint32_t)((t->cr4 & CR4_PAE) != 0 ? CR4_PAE : CR4_PSE);
    if (t->which == REGISTER_CR4 && (t->cr0 & CR0_PG) != 0) {
        return (t->value & needed) != 0 && !(is_amd() && ((t->value ^ t->cr4) & CR4_PAE) != 0);
    }
    return t->which != REGISTER_EFER || ((t->value ^ t->efer) & EFER_LMSLE) == 0;
}

// Flips each bit of the register, and each pair of bits.
static enum outcome flip_pairs(struct mode_trial trial, run_trial *run)
{
    const uint32_t before = current(&trial);
    for (unsigned first = 0; first < CR_BITS; first++) {
        for (unsigned second = first; second < CR_BITS; second++) {
            trial.value = before ^ (uint32_t)(BIT(first) | BIT(second));
            if (is_tried(&trial, run) && !as_foreseen(trial, run)) {
                return attempt_wrong("CR0, CR4 and bits", (uint64_t)trial.cr0 << 32 |
                                                              trial.cr4 << 16 | first << 8 |
                                                              second);
            }
        }
    }
    return OUTCOME_DONE;
}

struct mode {
    uint32_t cr0;
    uint32_t cr4;
    uint32_t efer;
};

#define PAE ((uint32_t)CR4_PAE)
#define LME ((uint32_t)EFER_LME)
#define PROTECTED (PLAIN_CR0 | (uint32_t)CR0_PE)
#define PAGED (PROTECTED | (uint32_t)CR0_PG)

// PAE, LME and PG in every order that there is.
static const struct mode real_modes[] = {
    {PLAIN_CR0, 0, 0}, {PLAIN_CR0, PAE, 0}, {PLAIN_CR0, 0, LME}, {PLAIN_CR0, PAE, LME}};
static const struct mode protected_modes[] = {
    {PROTECTED, 0, 0}, {PROTECTED, PAE, 0}, {PROTECTED, 0, LME}, {PROTECTED, PAE, LME}};
static const struct mode paged_modes[] = {{PAGED, (uint32_t)CR4_PSE, 0}, {PAGED, PAE, 0}};

static enum outcome flip_in(const struct mode *modes, unsigned count, enum mode_register which)
{
    mode_model_init();
    modes_init();
    for (unsigned i = 0; i < count; i++) {
        // 32-bit tables have large pages.
        const uint32_t cr4 = modes[i].cr4 | (uint32_t)CR4_PSE;
        const struct mode_trial trial = {
            .which = which, .cr0 = modes[i].cr0, .cr4 = cr4, .efer = modes[i].efer};
        if (flip_pairs(trial, modes_try) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

#define FLIPS(name, modes, which)                                                                  \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        return flip_in(modes, ARRAY_SIZE(modes), which);                                           \
    }

FLIPS(cr0_in_real_mode, real_modes, REGISTER_CR0)
FLIPS(cr4_in_real_mode, real_modes, REGISTER_CR4)
FLIPS(efer_in_real_mode, real_modes, REGISTER_EFER)
FLIPS(cr0_in_protected_mode, protected_modes, REGISTER_CR0)
FLIPS(cr4_in_protected_mode, protected_modes, REGISTER_CR4)
FLIPS(efer_in_protected_mode, protected_modes, REGISTER_EFER)
FLIPS(cr0_with_paging, paged_modes, REGISTER_CR0)
FLIPS(cr4_with_paging, paged_modes, REGISTER_CR4)
FLIPS(efer_with_paging, paged_modes, REGISTER_EFER)

static enum outcome flip_here(run_trial *run)
{
    mode_model_init();
    for (unsigned which = REGISTER_CR0; which <= REGISTER_EFER; which++) {
        const struct mode_trial trial = {.which = which,
                                         .cr0 = (uint32_t)cr0_read(),
                                         .cr3 = (uint32_t)cr3_read(),
                                         .cr4 = (uint32_t)cr4_read(),
                                         .efer = (uint32_t)msr_read(IA32_EFER)};
        if (flip_pairs(trial, run) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome flips_in_64_bits(void)
{
    return flip_here(try_in_64_bits);
}

static enum outcome flips_in_compatibility_mode(void)
{
    return flip_here(try_in_compatibility_mode);
}

static void set_xcr0(void *value)
{
    const uint32_t low = *(const uint32_t *)value;
    __asm__ volatile("xsetbv" ::"c"(0), "a"(low), "d"(0) : "memory");
}

// SDM Vol. 1 13.3.
static bool xcr0_legal(uint32_t value, uint32_t allowed)
{
    const uint64_t avx512 = value & XCR0_AVX512;
    return (value & ~allowed) == 0 && (value & XCR0_X87) != 0 &&
           ((value & XCR0_AVX) == 0 || (value & XCR0_SSE) != 0) &&
           (avx512 == 0 || (avx512 == XCR0_AVX512 && (value & XCR0_AVX) != 0));
}

// Tries each pair of bits from x87 alone and from all components.
static enum outcome xcr0_pairs(void)
{
    const uint32_t allowed = cpuid_if_present(0xd, 0).eax;
    const uint32_t starts[] = {(uint32_t)XCR0_X87, allowed};
    if (allowed == 0) {
        return OUTCOME_DONE;
    }
    cr4_write(cr4_read() | CR4_OSXSAVE);
    for (unsigned i = 0; i < ARRAY_SIZE(starts) * CR_BITS * CR_BITS; i++) {
        uint32_t value = starts[i / (CR_BITS * CR_BITS)] ^
                         (uint32_t)(BIT(i / CR_BITS % CR_BITS) | BIT(i % CR_BITS));
        const bool legal = xcr0_legal(value, allowed);
        if (attempt_fault(set_xcr0, &value) != (legal ? OUTCOME_DONE : (enum outcome)VECTOR_GP)) {
            return attempt_wrong("XCR0", value);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome machine_status_words(void)
{
    static const uint32_t starts[] = {PLAIN_CR0,          PROTECTED,          PAGED,
                                      PLAIN_CR0 | CR0_CD, PROTECTED | CR0_CD, PAGED | CR0_CD};
    modes_init();
    for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
        for (uint32_t value = 0; value <= UINT16_MAX;
             value = value < 16 ? value + 1 : value * 2 + 1) {
            const struct mode_trial trial = {
                .which = REGISTER_MSW, .value = value, .cr0 = starts[i], .cr4 = (uint32_t)CR4_PSE};
            if (!as_foreseen(trial, modes_try)) {
                return attempt_wrong("CR0 and value", (uint64_t)starts[i] << 32 | value);
            }
        }
    }
    return OUTCOME_DONE;
}

// All forms in 64-bit mode, with a CR0 that the processor need not have (CD, NW).
static enum outcome status_words_without_caches(void)
{
    const uint64_t before = cr0_read() | CR0_CD | CR0_NW;
    const uint16_t loaded = CR0_TS | CR0_EM;
    uint64_t whole;
    uint64_t half = UINT64_MAX;
    uint16_t stored;
    cr0_write(before);
    __asm__ volatile("lmsw %3\n\tsmsw %0\n\tsmsww %w1\n\tsmsw %2"
                     : "=r"(whole), "+r"(half), "=m"(stored)
                     : "m"(loaded)
                     : "memory");
    const uint64_t wanted = (before & ~CR0_MP) | CR0_TS | CR0_EM;
    if (whole != wanted || stored != (uint16_t)wanted || half != (~0xffffULL | stored)) {
        return attempt_wrong("SMSW", whole);
    }
    __asm__ volatile("clts" ::: "memory");
    if (cr0_read() != (wanted & ~CR0_TS)) {
        return attempt_wrong("CR0 after CLTS", cr0_read());
    }
    __asm__ volatile("lmsw %w0" ::"r"(before) : "memory");
    return cr0_read() == before ? OUTCOME_DONE : attempt_wrong("CR0 after LMSW", cr0_read());
}

static const struct attempt attempts[] = {
    {"each pair of CR0's bits in real mode", cr0_in_real_mode, DONE},
    {"each pair of CR4's bits in real mode", cr4_in_real_mode, DONE},
    {"each pair of EFER's bits in real mode", efer_in_real_mode, DONE},
    {"each pair of CR0's bits in protected mode", cr0_in_protected_mode, DONE},
    {"each pair of CR4's bits in protected mode", cr4_in_protected_mode, DONE},
    {"each pair of EFER's bits in protected mode", efer_in_protected_mode, DONE},
    {"each pair of CR0's bits with paging", cr0_with_paging, DONE},
    {"each pair of CR4's bits with paging", cr4_with_paging, DONE},
    {"each pair of EFER's bits with paging", efer_with_paging, DONE},
    {"LMSW in three modes", machine_status_words, DONE},
    {"each pair of bits in 64-bit mode", flips_in_64_bits, DONE},
    {"each pair of bits in compatibility mode", flips_in_compatibility_mode, DONE},
    {"each pair of XCR0's bits", xcr0_pairs, DONE},
    {"LMSW, SMSW and CLTS with caches off", status_words_without_caches, DONE},
};

const struct attempt_group transitions_group = {attempts, ARRAY_SIZE(attempts)};
