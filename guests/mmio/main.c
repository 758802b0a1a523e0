// SPDX-License-Identifier: MIT
// Uses instructions of compilers and C libraries on a device's registers, and checks that they do
// what they do on memory. The device is the HPET: its counter stands still and keeps 8 bytes. It
// takes writes of 4 and 8 bytes.
#include "guests/mmio/vectors.h"

#include "arch/x86/cpuid_bits.h"
#include "arch/x86/registers.h"
#include "guests/lib/cpu.h"
#include "guests/lib/hpet.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"

#define PATTERN 0x1122334455667788ULL

// Runs an instruction on `at` in the device's registers. The constraint leaves RAX to RDX free.
#define ON(text, at, ...) __asm__ volatile(text ::"S"(hpet_at(at)), ##__VA_ARGS__ : "memory", "cc")

static struct vectors before;
static struct vectors expected;
static struct vectors after;
static bool ymm; // XCR0 and CR4 allow AVX

static bool counter_is(uint64_t value)
{
    return *hpet_at(HPET_COUNTER) == value;
}

static void set_counter(uint64_t value)
{
    *hpet_at(HPET_COUNTER) = value;
}

// ---- General registers

static bool exchanges_of_16_bytes(void)
{
    uint64_t old = 1;
    uint64_t high = 0;
    if (!(cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_CX16)) {
        return true;
    }
    __asm__ volatile("lock cmpxchg16b (%%rsi)"
                     : "+a"(old), "+d"(high)
                     : "S"(hpet_at(HPET_COUNTER)), "b"(7ULL), "c"(8ULL)
                     : "memory", "cc");
    return old == PATTERN + 1 && high == 0 && counter_is(PATTERN + 1);
}

static bool exchanges(void)
{
    uint64_t old = 1;
    uint64_t high = 0;
    set_counter(PATTERN);
    ON("lock xaddq %%rax, (%%rsi)", HPET_COUNTER, "a"(1ULL));
    if (!counter_is(PATTERN + 1)) {
        return false;
    }
    __asm__ volatile("lock cmpxchg8b (%%rsi)"
                     : "+a"(old), "+d"(high)
                     : "S"(hpet_at(HPET_COUNTER)), "b"(7), "c"(8)
                     : "memory", "cc");
    if (old != (uint32_t)(PATTERN + 1) || high != PATTERN >> 32 || !counter_is(PATTERN + 1)) {
        return false;
    }
    return exchanges_of_16_bytes();
}

static bool bits(void)
{
    uint64_t position = 0;
    set_counter(0);
    ON("btsq %%rax, (%%rsi)", HPET_CAPABILITIES, "a"(8ULL * HPET_COUNTER + 40));
    ON("shlq $3, (%%rsi)", HPET_COUNTER);
    ON("rorl %%cl, 4(%%rsi)", HPET_COUNTER, "c"(4));
    __asm__ volatile("bsfq (%1), %0" : "=r"(position) : "r"(hpet_at(HPET_COUNTER)) : "cc");
    return position == 39 && counter_is(BIT(39));
}

static bool arithmetic(void)
{
    uint64_t product = 3;
    uint64_t conditional = 0;
    set_counter(PATTERN);
    __asm__ volatile("imulq (%1), %0" : "+r"(product) : "r"(hpet_at(HPET_COUNTER)) : "cc");
    __asm__ volatile("testl %%eax, %%eax\n\tcmovzq (%1), %0"
                     : "=r"(conditional)
                     : "r"(hpet_at(HPET_COUNTER)), "a"(0)
                     : "cc");
    return product == 3 * PATTERN && conditional == PATTERN;
}

static bool push_and_pop(void)
{
    set_counter(PATTERN);
    ON("pushq (%%rsi)\n\tnegq (%%rsp)\n\tpopq (%%rsi)", HPET_COUNTER);
    return counter_is(-PATTERN);
}

// ---- Vector registers

static void fill(void)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        for (unsigned word = 0; word < VECTOR_WORDS; word++) {
            before.words[i][word] = PATTERN * (i * VECTOR_WORDS + word + 1);
        }
    }
    expected = before;
    after = before;
    vectors_load(&before, ymm);
}

// Whether the registers are as expected.
static bool registers_fit(void)
{
    vectors_save(&after, ymm);
    for (unsigned i = 0; i < VECTORS; i++) {
        for (unsigned word = 0; word < VECTOR_WORDS; word++) {
            if (after.words[i][word] != expected.words[i][word]) {
                print("mmio: register %u, word %u: %lx, not %lx\n", i, word, after.words[i][word],
                      expected.words[i][word]);
                return false;
            }
        }
    }
    return true;
}

static void expect(unsigned number, uint64_t low, uint64_t high)
{
    expected.words[number][0] = low;
    expected.words[number][1] = high;
}

static void expect_high_zero(unsigned number)
{
    expected.words[number][2] = 0;
    expected.words[number][3] = 0;
}

static bool sse_loads(void)
{
    fill();
    set_counter(PATTERN);
    ON("movdqu (%%rsi), %%xmm0", HPET_COUNTER);
    ON("movaps (%%rsi), %%xmm1", HPET_COUNTER);
    ON("movq (%%rsi), %%xmm2", HPET_COUNTER);
    ON("movhps (%%rsi), %%xmm3", HPET_COUNTER);
    ON("movss (%%rsi), %%xmm15", HPET_COUNTER);
    ON("pxor (%%rsi), %%xmm14", HPET_COUNTER);
    expect(0, PATTERN, 0);
    expect(1, PATTERN, 0);
    expect(2, PATTERN, 0);
    expect(3, before.words[3][0], PATTERN);
    expect(15, (uint32_t)PATTERN, 0);
    expect(14, before.words[14][0] ^ PATTERN, before.words[14][1]);
    return registers_fit();
}

static bool sse_stores(void)
{
    fill();
    ON("movups %%xmm4, (%%rsi)", HPET_COUNTER);
    if (!counter_is(before.words[4][0])) {
        return false;
    }
    ON("movntdq %%xmm5, (%%rsi)", HPET_COUNTER);
    if (!counter_is(before.words[5][0])) {
        return false;
    }
    ON("movhpd %%xmm6, (%%rsi)", HPET_COUNTER);
    if (!counter_is(before.words[6][1])) {
        return false;
    }
    ON("movd %%xmm7, 4(%%rsi)", HPET_COUNTER);
    return counter_is((uint32_t)before.words[6][1] | before.words[7][0] << 32) && registers_fit();
}

static void store_unaligned(void *argument)
{
    (void)argument;
    ON("movaps %%xmm4, (%%rsi)", HPET_COUNTER + 8);
}

static bool sse_faults(void)
{
    struct trap trap;
    fill();
    return trap_catch(store_unaligned, NULL, &trap) && trap.frame.vector == VECTOR_GP &&
           registers_fit();
}

static void save_all(void *argument)
{
    (void)argument;
    ON("fxsave (%%rsi)", HPET_CAPABILITIES);
}

// On a real machine it works.
static bool unknown(void)
{
    struct trap trap;
    fill();
    return trap_catch(save_all, NULL, &trap) && trap.frame.vector == VECTOR_UD && registers_fit();
}

static bool avx(void)
{
    fill();
    set_counter(PATTERN);
    ON("vmovdqu (%%rsi), %%ymm0", HPET_COUNTER - 16);
    ON("vmovups (%%rsi), %%xmm1", HPET_COUNTER);
    ON("vbroadcastsd (%%rsi), %%ymm15", HPET_COUNTER);
    ON("vmovntps %%ymm5, (%%rsi)", HPET_COUNTER - 16);
    expect(0, 0, 0);
    expected.words[0][2] = PATTERN;
    expected.words[0][3] = 0;
    expect(1, PATTERN, 0);
    expect_high_zero(1);
    expect(15, PATTERN, PATTERN);
    expected.words[15][2] = PATTERN;
    expected.words[15][3] = PATTERN;
    return counter_is(before.words[5][2]) && registers_fit();
}

static bool avx512(void)
{
    uint64_t loaded[8] = {0};
    set_counter(PATTERN);
    __asm__ volatile("kmovq %2, %%k1\n\t"
                     "vmovdqu64 (%0), %%zmm17\n\t"
                     "vmovdqu64 %%zmm17, (%1)\n\t"
                     "movq $0, (%0)\n\t"
                     "vmovdqu32 %%zmm17, (%0)%{%%k1%}" ::"r"(hpet_at(HPET_COUNTER)),
                     "r"(loaded), "r"(2ULL)
                     : "memory");
    return loaded[0] == PATTERN && loaded[1] == 0 && counter_is(PATTERN & ~(uint64_t)UINT32_MAX);
}

static bool mmx(void)
{
    fill();
    set_counter(PATTERN);
    for (unsigned i = 0; i < 8; i++) {
        before.mmx[i] = PATTERN + i;
    }
    vectors_load_mmx(&before);
    ON("movq (%%rsi), %%mm3", HPET_COUNTER);
    ON("paddd %%mm3, %%mm3\n\tmovq %%mm3, (%%rsi)", HPET_COUNTER);
    vectors_save_mmx(&after);
    for (unsigned i = 0; i < 8; i++) {
        if (i != 3 && after.mmx[i] != before.mmx[i]) {
            return false;
        }
    }
    return after.mmx[3] == 2 * PATTERN && counter_is(2 * PATTERN) && registers_fit();
}

// ---- What the processor has

static void xcr0_write(uint32_t value)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"(value), "d"(0));
}

static uint32_t components(void)
{
    return (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_XSAVE) != 0 ? cpuid(CPUID_XSAVE, 0).eax : 0;
}

static bool always(void)
{
    return true;
}

// With CR4.OSXSAVE clear or XCR0 at its initial value, SSE needs only CR4.OSFXSR.
static bool with_fxsave(void)
{
    cr0_write((cr0_read() | CR0_MP) & ~(uint64_t)(CR0_EM | CR0_TS));
    cr4_write((cr4_read() | CR4_OSFXSR) & ~(uint64_t)CR4_OSXSAVE);
    return true;
}

static bool with_avx(void)
{
    uint32_t needed = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    if ((components() & needed) != needed) {
        return false;
    }
    cr4_write(cr4_read() | CR4_OSXSAVE);
    xcr0_write(needed);
    ymm = true;
    return true;
}

static bool with_avx512(void)
{
    uint32_t needed = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512;
    if (!ymm || (components() & needed) != needed) {
        return false;
    }
    xcr0_write(needed);
    return true;
}

struct check {
    const char *name;
    bool (*prepare)(void); // false: the processor does not have it
    bool (*run)(void);
};

static const struct check checks[] = {
    {"exchanges", always, exchanges},
    {"bits", always, bits},
    {"arithmetic", always, arithmetic},
    {"push and pop", always, push_and_pop},
    {"SSE: loads", with_fxsave, sse_loads},
    {"SSE: stores", with_fxsave, sse_stores},
    {"SSE: faults", with_fxsave, sse_faults},
    {"SSE: what Husk does not know", with_fxsave, unknown},
    {"MMX", with_fxsave, mmx},
    {"AVX", with_avx, avx},
    {"SSE with AVX on: loads", with_avx, sse_loads},
    {"SSE with AVX on: stores", with_avx, sse_stores},
    {"MMX with AVX on", with_avx, mmx},
    {"AVX-512", with_avx512, avx512},
};

uint8_t guest_main(const struct guest *guest)
{
    unsigned failed = 0;
    (void)guest;
    hpet_quiet();
    for (unsigned i = 0; i < ARRAY_SIZE(checks); i++) {
        if (!checks[i].prepare()) {
            print("mmio: %s: not here\n", checks[i].name);
        } else if (checks[i].run()) {
            print("mmio: %s: ok\n", checks[i].name);
        } else {
            print("mmio: %s: failed\n", checks[i].name);
            failed++;
        }
    }
    return (uint8_t)failed;
}
