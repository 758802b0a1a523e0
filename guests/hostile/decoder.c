// SPDX-License-Identifier: MIT
// Instructions aimed at the decoder: what they do to a device must be what they do to RAM.
#include "guests/hostile/decoder.h"

#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/hpet.h"

#define TPR (APIC_DEFAULT_ADDRESS + APIC_TPR)
#define TPR_BITS 0xffU
#define FLAGS_COMPARED 0x8c5ULL // OF, SF, ZF, PF, CF
#define START_FLAGS 0x2ULL
#define START_VALUE 0x35U
#define START_RAX 0x12U
#define RETURN_NEAR 0xc3
#define RETURN_FAR 0xcb
#define OPERAND_SIZE 0x66
#define ADDRESS_SIZE 0x67
#define DS_OVERRIDE 0x3e
#define CS_OVERRIDE 0x2e
#define LONGEST 15U
#define CODE_16 0x000f9b000000ffffULL // limit 1 MiB, D clear

struct code {
    unsigned length;
    uint8_t bytes[32];
};

struct target {
    uint64_t device;
    uint64_t initial; // what the register holds at first
    uint32_t kept;    // the bits that it keeps of a written value
};

typedef void run_function(const uint8_t *at, struct decoder_state *state);

static uint8_t code_pages[2 * PAGE_SIZE] __attribute__((aligned(8192)));
static uint64_t memory[2];

static void append(struct code *code, uint8_t byte)
{
    code->bytes[code->length++] = byte;
}

static struct code code_of(const struct form *form)
{
    struct code code = {0};
    for (unsigned i = 0; i < form->length; i++) {
        append(&code, form->bytes[i]);
    }
    return code;
}

// Maps the two pages of the code into the window. In memory the second one lies in front of the
// first, so a decoder that reads on over the border without a page walk reads the wrong bytes.
static uint8_t *map_swapped(void)
{
    uint64_t *table = probe_spare_table();
    const uint64_t pages = (uint64_t)(uintptr_t)code_pages;
    table[0] = (pages + PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITABLE;
    table[1] = pages | PAGE_PRESENT | PAGE_WRITABLE;
    table[2] = APIC_DEFAULT_ADDRESS | PAGE_PRESENT | PAGE_WRITABLE;
    probe_directory()[0] = (uint64_t)(uintptr_t)table | PAGE_PRESENT | PAGE_WRITABLE;
    cr3_write(cr3_read());
    return (uint8_t *)(uintptr_t)PROBE_WINDOW;
}

static void run_64(const uint8_t *at, struct decoder_state *state)
{
    decoder_run(at, state);
}

static void run_32(const uint8_t *at, struct decoder_state *state)
{
    decoder_run_legacy((uint32_t)(uintptr_t)at, SELECTOR_CODE_32, state);
}

static void run_16(const uint8_t *at, struct decoder_state *state)
{
    const uint64_t base = (uint64_t)(uintptr_t)code_pages;
    descriptors_gdt()[SELECTOR_SPARE / 8] =
        CODE_16 | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    decoder_run_legacy((uint32_t)(at - code_pages), SELECTOR_SPARE, state);
}

static struct decoder_state run_at(run_function *run, const uint8_t *at, uint64_t address)
{
    struct decoder_state state = {
        .rax = START_RAX, .rcx = 1, .rsi = address, .rdi = address, .flags = START_FLAGS};
    run(at, &state);
    state.rsi -= address;
    state.rdi -= address;
    return state;
}

static bool same(const struct decoder_state *a, const struct decoder_state *b)
{
    return a->rax == b->rax && a->rcx == b->rcx && a->rdx == b->rdx && a->rbx == b->rbx &&
           a->rsi == b->rsi && a->rdi == b->rdi && ((a->flags ^ b->flags) & FLAGS_COMPARED) == 0;
}

// Runs the code on RAM and on the device: the results must be alike. `before` bytes of the code lie
// in front of the page border.
static bool alike(run_function *run, uint8_t *pages, const struct code *code, unsigned before,
                  const struct target *target)
{
    uint8_t *at = pages + PAGE_SIZE - before;
    for (unsigned i = 0; i < code->length; i++) {
        at[i] = code->bytes[i];
    }
    memory[0] = target->initial;
    const struct decoder_state by_ram = run_at(run, at, (uint64_t)(uintptr_t)memory);
    if (target->kept != 0) {
        *(volatile uint32_t *)(uintptr_t)target->device = (uint32_t)target->initial;
    }
    const struct decoder_state by_device = run_at(run, at, target->device);
    const uint32_t held = *(const volatile uint32_t *)(uintptr_t)target->device;
    const bool kept = target->kept == 0 || held == ((uint32_t)memory[0] & target->kept);
    return kept && same(&by_ram, &by_device);
}

static const struct target priority = {TPR, START_VALUE, TPR_BITS};

static enum outcome at_all_places(run_function *run, uint8_t *pages, unsigned number,
                                  const struct code *code, const struct target *target)
{
    for (unsigned before = 0; before <= code->length; before++) {
        if (!alike(run, pages, code, before, target)) {
            return attempt_wrong("form and bytes before the border", number << 8 | before);
        }
    }
    return OUTCOME_DONE;
}

static enum outcome forms_in_64_bits(const struct target *target)
{
    uint8_t *pages = map_swapped();
    for (unsigned i = 0; i < decoder_form_count; i++) {
        struct code code = code_of(&decoder_forms[i]);
        append(&code, RETURN_NEAR);
        if (at_all_places(run_64, pages, i, &code, target) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome apic_forms(void)
{
    return forms_in_64_bits(&priority);
}

// The first register of the HPET is 64 bits wide and does not change.
static enum outcome hpet_forms(void)
{
    const struct target capabilities = {HPET_ADDRESS, *hpet_at(HPET_CAPABILITIES), 0};
    return forms_in_64_bits(&capabilities);
}

static enum outcome forms_in_32_bits(void)
{
    for (unsigned i = 0; i < decoder_form_count; i++) {
        struct code code = code_of(&decoder_forms[i]);
        append(&code, RETURN_FAR);
        if (decoder_forms[i].kind != ONLY_64 &&
            at_all_places(run_32, code_pages, i, &code, &priority) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

// The form for 16-bit code, with prefixes for 32-bit operands and addresses. A prefix that asks for
// 16-bit operands in 32-bit code is left out.
static struct code code_16_of(const struct form *form)
{
    const bool narrow = form->bytes[0] == OPERAND_SIZE;
    struct code code = {0};
    append(&code, ADDRESS_SIZE);
    if (!narrow && form->kind != ONE_SIZE) {
        append(&code, OPERAND_SIZE);
    }
    for (unsigned i = narrow ? 1 : 0; i < form->length; i++) {
        append(&code, form->bytes[i]);
    }
    append(&code, OPERAND_SIZE);
    append(&code, RETURN_FAR);
    return code;
}

// The base of CS is not 0 here.
static enum outcome forms_in_16_bits(void)
{
    for (unsigned i = 0; i < decoder_form_count; i++) {
        const struct form *form = &decoder_forms[i];
        const struct code code = code_16_of(form);
        if ((form->kind == ANY || form->kind == ONE_SIZE) && form->bytes[0] != CS_OVERRIDE &&
            at_all_places(run_16, code_pages, i, &code, &priority) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

// The form, padded to `length` bytes by prefixes that change nothing in 64-bit mode.
static struct code padded(const struct form *form, unsigned length)
{
    struct code code = {0};
    while (code.length + form->length < length) {
        append(&code, DS_OVERRIDE);
    }
    for (unsigned i = 0; i < form->length; i++) {
        append(&code, form->bytes[i]);
    }
    append(&code, RETURN_NEAR);
    return code;
}

static enum outcome longest_forms(void)
{
    uint8_t *pages = map_swapped();
    for (unsigned i = 0; i < decoder_form_count; i++) {
        const struct code code = padded(&decoder_forms[i], LONGEST);
        if (decoder_forms[i].kind != PAIR &&
            at_all_places(run_64, pages, i, &code, &priority) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

static void run_padded(void *argument)
{
    run_at(run_64, argument, TPR);
}

// One byte more than 15 must raise #GP and have no effect.
static enum outcome too_long_forms(void)
{
    uint8_t *pages = map_swapped();
    for (unsigned i = 0; i < decoder_form_count; i++) {
        const struct code code = padded(&decoder_forms[i], LONGEST + 1);
        uint8_t *at = pages + PAGE_SIZE - i % code.length;
        for (unsigned byte = 0; byte < code.length; byte++) {
            at[byte] = code.bytes[byte];
        }
        xapic_write(APIC_TPR, START_VALUE);
        if (decoder_forms[i].kind != PAIR &&
            (attempt_fault(run_padded, at) != (enum outcome)VECTOR_GP ||
             xapic_read(APIC_TPR) != START_VALUE)) {
            return attempt_wrong("form", i);
        }
    }
    return (enum outcome)VECTOR_GP;
}

// The address counts from the end of the instruction, behind its immediate.
static enum outcome rip_relative(void)
{
    static const struct {
        uint8_t length;
        uint8_t displacement_at;
        uint8_t bytes[10];
        uint32_t becomes;
    } list[] = {
        {6, 2, {0x8b, 0x05}, 0x35},                             // mov eax, [rip + d]
        {6, 2, {0x89, 0x05}, 0x12},                             // mov [rip + d], eax
        {7, 2, {0x83, 0x0d, 0, 0, 0, 0, 0x40}, 0x75},           // or dword, imm8
        {10, 2, {0xc7, 0x05, 0, 0, 0, 0, 0x21, 0, 0, 0}, 0x21}, // mov dword, imm32
    };
    uint8_t *pages = map_swapped();
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
        for (unsigned before = 0; before <= list[i].length; before++) {
            uint8_t *at = pages + PAGE_SIZE - before;
            const uint32_t displacement =
                (uint32_t)((uint64_t)(pages + 2 * PAGE_SIZE + APIC_TPR - at) - list[i].length);
            __builtin_memcpy(at, list[i].bytes, list[i].length);
            __builtin_memcpy(at + list[i].displacement_at, &displacement, sizeof(displacement));
            at[list[i].length] = RETURN_NEAR;
            xapic_write(APIC_TPR, START_VALUE);
            const struct decoder_state state = run_at(run_64, at, 0);
            if (xapic_read(APIC_TPR) != list[i].becomes || (i == 0 && state.rax != START_VALUE)) {
                return attempt_wrong("form and bytes before the border", i << 8 | before);
            }
        }
    }
    return OUTCOME_DONE;
}

// FS and GS have bases of their own in 64-bit mode. The sum of base and offset may wrap.
static enum outcome segment_bases(void)
{
    static const uint64_t bases[] = {0x1000, 0x7fffffff0000ULL, 0xffff800000000000ULL,
                                     0xfffffffffffff000ULL};
    const uint64_t address = APIC_DEFAULT_ADDRESS + APIC_VERSION;
    const uint32_t version = xapic_read(APIC_VERSION);
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        uint32_t by_fs;
        uint32_t by_gs;
        msr_write(IA32_FS_BASE, bases[i]);
        msr_write(IA32_GS_BASE, bases[i]);
        __asm__ volatile("movl %%fs:(%1), %0" : "=r"(by_fs) : "r"(address - bases[i]) : "memory");
        __asm__ volatile("movl %%gs:(%1), %0" : "=r"(by_gs) : "r"(address - bases[i]) : "memory");
        msr_write(IA32_FS_BASE, 0);
        msr_write(IA32_GS_BASE, 0);
        if (by_fs != version || by_gs != version) {
            return attempt_wrong("base number", i);
        }
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"every form on the APIC across two pages", apic_forms, DONE},
    {"every form on the HPET across two pages", hpet_forms, DONE},
    {"every form in 32-bit code", forms_in_32_bits, DONE},
    {"every form in 16-bit code", forms_in_16_bits, DONE},
    {"every form with prefixes up to 15 bytes", longest_forms, DONE},
    {"every form with prefixes up to 16 bytes", too_long_forms, FAULT(GP)},
    {"addresses that count from RIP", rip_relative, DONE},
    {"addresses in FS and GS", segment_bases, DONE},
};

const struct attempt_group decoder_group = {attempts, ARRAY_SIZE(attempts)};
