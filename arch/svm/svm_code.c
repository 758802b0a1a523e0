// SPDX-License-Identifier: MIT
// Reads the instruction that exited from the guest's memory, and remembers where its pages are.
//
// If the guest has changed its page tables and has not told the CPU, the bytes may differ from
// those that the CPU executed. Then the length that the instruction usually has is taken.
#include "arch/svm/svm_code.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_decode.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// The usual encodings, without prefixes. If an exit has several, its opcode here matches nothing.
static const uint32_t masks[EXIT_KINDS] = {
    [EXIT_CPUID] = 0xffff,     [EXIT_HYPERCALL] = 0xffffff, [EXIT_READ_MSR] = 0xffff,
    [EXIT_WRITE_MSR] = 0xffff, [EXIT_XSETBV] = 0xffffff,    [EXIT_HLT] = 0xff,
};
static const uint32_t opcodes[EXIT_KINDS] = {
    // in the order of bytes in memory
    [EXIT_CPUID] = 0xa20f,
    [EXIT_HYPERCALL] = 0xd9010f,
    [EXIT_READ_MSR] = 0x320f,
    [EXIT_WRITE_MSR] = 0x300f,
    [EXIT_XSETBV] = 0xd1010f,
    [EXIT_HLT] = 0xf4,
    [EXIT_CONTROL_REGISTER] = UINT32_MAX,
    [EXIT_NOTHING] = UINT32_MAX,
};
static const uint8_t lengths[EXIT_KINDS] = {
    [EXIT_CPUID] = 2,  [EXIT_HYPERCALL] = 3, [EXIT_READ_MSR] = 2, [EXIT_WRITE_MSR] = 2,
    [EXIT_XSETBV] = 3, [EXIT_HLT] = 1,       [EXIT_NOTHING] = 2,  [EXIT_CONTROL_REGISTER] = 3,
};

// No RIP is near it.
#define NOWHERE (1ULL << 63)

static bool in_64bit_mode(const struct vmcb_save *save)
{
    return (save->efer & EFER_LMA) && (save->cs.attributes & VMCB_ATTRIBUTE_L);
}

static struct code_page *page_of(struct backend_vcpu *backend, uint64_t rip)
{
    return &backend->code[rip / PAGE_SIZE % CODE_PAGES];
}

// Whether the page-table entries on the way to the page have not changed.
static inline bool is_same(const struct code_page *page, const struct vmcb_save *save)
{
    static_assert(GUEST_CODE_STEPS == 4, "all steps are looked at");
    const struct guest_code_step *steps = page->steps;
    return page->cr3 == save->cr3 &&
           ((*steps[0].at ^ steps[0].entry) | (*steps[1].at ^ steps[1].entry) |
            (*steps[2].at ^ steps[2].entry) | (*steps[3].at ^ steps[3].entry)) == 0;
}

static void remember(struct code_page *page, const struct vmcb_save *save, uint64_t address,
                     const struct guest_code *code)
{
    *page = (struct code_page){.start = ALIGN_DOWN(address, PAGE_SIZE),
                               .cr3 = save->cr3,
                               .bytes = code->bytes - address % PAGE_SIZE};
    memcpy(page->steps, code->steps, sizeof(page->steps));
}

// The bytes at `address`, up to the end of its page; NULL: they cannot be read.
static const uint8_t *find(struct vcpu_core *vcpu, uint64_t address)
{
    const struct vmcb_save *save = &vcpu->backend->vmcb.save;
    struct code_page *page = page_of(vcpu->backend, address);
    bool may_remember = in_64bit_mode(save);
    struct guest_code code;
    if (may_remember && address - page->start < PAGE_SIZE && is_same(page, save)) {
        return page->bytes + address % PAGE_SIZE;
    }
    if (!vcpu_find_code(vcpu, gva(address), &code)) {
        return NULL;
    }
    if (may_remember && code.lasting) {
        remember(page, save, address, &code);
    }
    return code.bytes;
}

// Appends up to `most` bytes from the page of `address`; returns how many.
static unsigned read_from_page(struct vcpu_core *vcpu, uint64_t address, uint8_t *bytes,
                               unsigned most)
{
    const uint8_t *from = find(vcpu, address);
    if (!from) {
        return 0;
    }
    unsigned count = (unsigned)MIN(most, PAGE_SIZE - address % PAGE_SIZE);
    memcpy(bytes, from, count);
    return count;
}

bool svm_code_decode(struct vcpu_core *vcpu, struct svm_instruction *instruction)
{
    const struct vmcb_save *save = &vcpu->backend->vmcb.save;
    bool is_64bit = in_64bit_mode(save);
    uint8_t bytes[SVM_INSTRUCTION_BYTES_MAX];
    uint64_t address = is_64bit ? save->rip : (uint32_t)(save->cs.base + save->rip);
    unsigned count = read_from_page(vcpu, address, bytes, sizeof(bytes));
    if (svm_decode_instruction(bytes, count, is_64bit, instruction)) {
        return true;
    }
    if (count == 0 || count == sizeof(bytes)) {
        return false;
    }
    address += count; // the start of the next page
    count += read_from_page(vcpu, is_64bit ? address : (uint32_t)address, bytes + count,
                            (unsigned)sizeof(bytes) - count);
    return svm_decode_instruction(bytes, count, is_64bit, instruction);
}

// Outside of 64-bit mode RIP wraps at 4 GiB.
static NOT_INLINE uint64_t decoded_next_rip(struct vcpu_core *vcpu, enum exit_kind kind)
{
    const struct vmcb_save *save = &vcpu->backend->vmcb.save;
    struct svm_instruction instruction;
    unsigned length = svm_code_decode(vcpu, &instruction) ? instruction.length : lengths[kind];
    return in_64bit_mode(save) ? save->rip + length : (uint32_t)(save->rip + length);
}

uint64_t svm_code_next_rip(struct vcpu_core *vcpu, enum exit_kind kind)
{
    const struct vmcb_save *save = &vcpu->backend->vmcb.save;
    const struct code_page *page = page_of(vcpu->backend, save->rip);
    uint64_t offset = save->rip - page->start;
    uint32_t bytes;
    if (kind == EXIT_IO) { // every CPU gives the next RIP of IN and OUT (APM Vol. 2 15.10.2)
        return vcpu->backend->vmcb.control.exitinfo2;
    }
    if (offset <= PAGE_SIZE - sizeof(bytes) && (save->cs.attributes & VMCB_ATTRIBUTE_L) &&
        is_same(page, save)) {
        __builtin_memcpy(&bytes, page->bytes + offset, sizeof(bytes));
        if ((bytes & masks[kind]) == opcodes[kind]) {
            return save->rip + lengths[kind];
        }
    }
    return decoded_next_rip(vcpu, kind);
}

void svm_code_forget(struct vcpu_core *vcpu)
{
    for (unsigned i = 0; i < CODE_PAGES; i++) {
        vcpu->backend->code[i].start = NOWHERE;
    }
}
