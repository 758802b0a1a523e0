// SPDX-License-Identifier: MIT
// The random guest: it sets registers and memory as a guest could, then exits.
#include "tests/host/vm/random_guest.h"

#include <string.h>

#include "arch/x86/kvm_interface.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_backend.h"
#include "tests/host/vm/random_apic.h"
#include "vmm/devices/ioapic.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

#define TABLES 0x1000ULL // a PML4, a PDPT and two page directories
#define CODE 0x8000ULL
#define DATA 0x9000ULL
#define COM1 0x3f8

static uint64_t get(const struct vcpu_core *core, enum guest_register which)
{
    return core->backend->registers[which];
}

static void set(struct vcpu_core *core, enum guest_register which, uint64_t value)
{
    core->backend->registers[which] = value;
}

static uint8_t *ram(const struct vcpu_core *core, uint64_t address, uint64_t bytes)
{
    const struct vcpu *vcpu = (const struct vcpu *)(const void *)core;
    return guest_memory_at(&vcpu->vm->memory, gpa(address), bytes);
}

// ---- Without an exit ----

static void write_entry(const struct vcpu_core *core, unsigned table, unsigned index,
                        uint64_t value)
{
    memcpy(ram(core, TABLES + table * PAGE_SIZE + index * 8ULL, 8), &value, sizeof(value));
}

// Maps RAM and the pages of the APICs and the HPET one to one, with 2 MiB pages.
static void write_page_tables(const struct vcpu_core *core)
{
    write_entry(core, 0, 0, (TABLES + PAGE_SIZE) | 7);
    write_entry(core, 1, 0, (TABLES + 2 * PAGE_SIZE) | 7);
    write_entry(core, 1, 3, (TABLES + 3 * PAGE_SIZE) | 7);
    write_entry(core, 2, 0, 0x87);
    write_entry(core, 2, 1, 0x200087);
    write_entry(core, 3, 0x1f6, 0xfec00087);
    write_entry(core, 3, 0x1f7, 0xfee00087);
}

static void set_mode(struct vcpu_core *core, unsigned mode)
{
    static const struct segment code[] = {
        {0, 0x9b, UINT16_MAX, 0}, {8, 0xc09b, UINT32_MAX, 0}, {8, 0xa09b, UINT32_MAX, 0}};
    static const struct segment data[] = {
        {0, 0x93, UINT16_MAX, 0}, {16, 0xc093, UINT32_MAX, 0}, {16, 0xc093, UINT32_MAX, 0}};
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        core->backend->segments[i] = i == SEGMENT_CS ? code[mode] : data[mode];
    }
    bool paging = mode == 2;
    if (paging) {
        write_page_tables(core);
    }
    set(core, REG_CR0, CR0_ET | (mode ? CR0_PE : 0) | (paging ? CR0_PG : 0));
    set(core, REG_CR3, TABLES);
    set(core, REG_CR4, paging ? CR4_PAE : 0);
    set(core, REG_EFER, paging ? EFER_LME | EFER_LMA : 0);
}

void random_guest_change(struct vcpu_core *core, struct random_input *input)
{
    static const uint64_t shadows[] = {0, SHADOW_STI, SHADOW_MOV_SS};
    unsigned what = random_byte(input);
    switch (what % 8) {
    case 0:
        set_mode(core, what / 8 % 3);
        break;
    case 1:
        set(core, REG_RFLAGS, RFLAGS_FIXED | (random_number(input, 3) & 0x240fd5));
        break;
    case 2: // IRET
        set(core, REG_INTERRUPT_SHADOW, shadows[what / 8 % 3]);
        break;
    case 3:
        set(core, REG_INTERRUPT_SHADOW,
            (get(core, REG_INTERRUPT_SHADOW) & SHADOW_NMI) | shadows[what / 8 % 3]);
        break;
    case 4:
        core->backend->segments[SEGMENT_SS].attributes ^= 3U << SEGMENT_DPL_SHIFT;
        break;
    case 5:
        core->backend->segments[SEGMENT_IDTR].limit = what & 8 ? 0 : 0x3ff;
        break;
    default:
        set(core, REG_RFLAGS, RFLAGS_FIXED | (what & 8 ? RFLAGS_IF : 0));
        break;
    }
}

// ---- What exits are made of ----

static uint16_t random_port(const struct random_guest *guest, struct random_input *input)
{
    static const uint16_t ports[] = {0x20,  0x21,  0xa0,  0xa1,  0x40,  0x41,  0x42,   0x43,  0x60,
                                     0x61,  0x64,  0x70,  0x71,  0x80,  0x92,  0xcf8,  0xcf9, 0xcfc,
                                     0x3c0, 0x3c4, 0x3d4, 0x3d5, 0x3f8, 0x3f9, 0x3fa,  0x3fb, 0x3fc,
                                     0x3fd, 0xf4,  0x402, 0x600, 0x604, 0x608, 0xc000, 0xcfe};
    uint8_t choice = random_byte(input);
    uint16_t port =
        choice < 0xc0 ? ports[choice % ARRAY_SIZE(ports)] : (uint16_t)random_number(input, 2);
    bool serial = port >= COM1 - 16 && port < COM1 + 8;
    return guest->speaks && serial ? 0x80 : port;
}

static uint32_t random_msr(struct random_input *input)
{
    static const uint32_t msrs[] = {IA32_TSC,
                                    IA32_APIC_BASE,
                                    IA32_TSC_ADJUST,
                                    IA32_MISC_ENABLE,
                                    IA32_PAT,
                                    IA32_MTRR_DEF_TYPE,
                                    IA32_MTRR_PHYSBASE0,
                                    IA32_EFER,
                                    IA32_STAR,
                                    IA32_XSS,
                                    IA32_TSC_DEADLINE,
                                    IA32_X2APIC_FIRST + 8,
                                    0x80b,
                                    0x80f,
                                    0x830,
                                    0x832,
                                    0x838,
                                    0x83e,
                                    0x83f,
                                    0x835,
                                    MSR_KVM_WALL_CLOCK,
                                    MSR_KVM_SYSTEM_TIME};
    uint8_t choice = random_byte(input);
    if (choice < 0xd0) {
        return msrs[choice % ARRAY_SIZE(msrs)];
    }
    return choice & 1 ? IA32_X2APIC_FIRST + random_below(input, 0x40)
                      : (uint32_t)random_number(input, 4);
}

static uint64_t random_address(struct random_input *input)
{
    static const uint64_t pages[] = {BACKEND_APIC_GPA, BACKEND_APIC_GPA, IOAPIC_DEFAULT_BASE,
                                     IOAPIC_DEFAULT_BASE, 0xfed00000, 0xa0000, 0x200000, 0xf0000000,
                                     0x100000000,
                                     // The configuration of slot 1, and two of its base addresses.
                                     0xfeb08000, 0xc0000000, 0xc0001000};
    uint64_t page = pages[random_below(input, ARRAY_SIZE(pages))];
    uint8_t offset = random_byte(input);
    return page + (offset & 1 ? random_number(input, 2) & 0xfff : offset * 8ULL);
}

static const struct {
    uint8_t length;
    uint8_t bytes[8];
} instructions[] = {
    {2, {0x89, 0x03}},                               // mov [rbx], eax
    {2, {0x8b, 0x03}},                               // mov eax, [rbx]
    {2, {0x88, 0x03}},                               // mov [rbx], al
    {2, {0x8a, 0x03}},                               // mov al, [rbx]
    {3, {0x66, 0x89, 0x03}},                         // mov [rbx], ax
    {3, {0x48, 0x8b, 0x03}},                         // mov rax, [rbx]
    {3, {0x48, 0x89, 0x03}},                         // mov [rbx], rax
    {3, {0x0f, 0xb6, 0x03}},                         // movzx eax, byte [rbx]
    {6, {0xc7, 0x03, 0xff, 0x01, 0x00, 0x00}},       // mov dword [rbx], 0x1ff
    {2, {0x09, 0x03}},                               // or [rbx], eax
    {3, {0x0f, 0xb1, 0x0b}},                         // cmpxchg [rbx], ecx
    {3, {0x0f, 0xc1, 0x03}},                         // xadd [rbx], eax
    {2, {0x87, 0x03}},                               // xchg [rbx], eax
    {2, {0xf3, 0xa4}},                               // rep movsb
    {2, {0xf3, 0xa5}},                               // rep movsd
    {2, {0xf3, 0xab}},                               // rep stosd
    {2, {0xf3, 0xad}},                               // rep lodsd
    {2, {0xf3, 0xa6}},                               // rep cmpsb
    {3, {0x0f, 0xab, 0x0b}},                         // bts [rbx], ecx
    {2, {0xff, 0x03}},                               // inc dword [rbx]
    {2, {0x85, 0x03}},                               // test [rbx], eax
    {7, {0x48, 0xc7, 0x03, 0x00, 0x00, 0x01, 0x00}}, // mov qword [rbx], 0x10000
};

static void place_code(struct vcpu_core *core, const uint8_t *bytes, size_t length)
{
    memcpy(ram(core, CODE, length), bytes, length);
    core->backend->segments[SEGMENT_CS].base = 0;
    set(core, REG_RIP, CODE);
}

static void place_random_code(struct vcpu_core *core, struct random_input *input)
{
    uint8_t choice = random_byte(input);
    if (choice < 0xe0) {
        choice %= ARRAY_SIZE(instructions);
        place_code(core, instructions[choice].bytes, instructions[choice].length);
        return;
    }
    uint8_t bytes[15];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = random_byte(input);
    }
    place_code(core, bytes, sizeof(bytes));
}

static struct exit_code code_of(const struct vcpu_core *core)
{
    return (struct exit_code){.rip = get(core, REG_RIP),
                              .cr0 = get(core, REG_CR0),
                              .cr3 = get(core, REG_CR3),
                              .cs_attributes = core->backend->segments[SEGMENT_CS].attributes};
}

// ---- Exits with contents ----

static struct vm_exit memory_exit(struct vcpu_core *core, struct random_input *input)
{
    uint64_t *gpr = core->registers.gpr;
    uint64_t address = random_address(input);
    uint8_t flags = random_byte(input);
    gpr[GPR_RBX] = address;
    gpr[GPR_RSI] = flags & 1 ? address : DATA;
    gpr[GPR_RDI] = flags & 2 ? DATA : address;
    gpr[GPR_RCX] = random_byte(input);
    gpr[GPR_RAX] = random_value(input);
    place_random_code(core, input);
    struct exit_memory memory = {.gpa = gpa(address),
                                 .gva = gva(address),
                                 .gva_valid = flags & 0x0c,
                                 .access = flags & 0x10 ? ACCESS_WRITE : ACCESS_READ,
                                 .page_walk = (flags & 0xe0) == 0x20,
                                 .delivery = (flags & 0xf0) == 0x40,
                                 .code = code_of(core)};
    if ((flags & 0xfc) == 0x80) {
        memory.access = ACCESS_EXECUTE;
    }
    return (struct vm_exit){.kind = EXIT_MEMORY, .memory = memory};
}

static struct vm_exit io_exit(struct vcpu_core *core, const struct random_guest *guest,
                              struct random_input *input)
{
    static const uint8_t opcodes[] = {0x6e, 0x6f, 0x6f, 0x6c, 0x6d, 0x6d};
    uint8_t flags = random_byte(input);
    unsigned size = flags % 3; // 1, 2 or 4 bytes
    struct exit_io io = {.port = random_port(guest, input),
                         .width = (uint8_t)(1 << size),
                         .in = flags & 0x40,
                         .string = flags & 0x80};
    uint64_t *gpr = core->registers.gpr;
    gpr[GPR_RAX] = random_value(input);
    gpr[GPR_RDX] = io.port;
    if (io.string) {
        bool protected_mode = get(core, REG_CR0) & CR0_PE;
        uint8_t code[3] = {0x90, 0x90, 0x90};
        unsigned at = 0;
        if (flags & 0x20) {
            code[at++] = 0xf3;
        }
        if (size != 0 && (size == 1) == protected_mode) {
            code[at++] = 0x66;
        }
        code[at] = opcodes[size + (io.in ? 3 : 0)];
        place_code(core, code, sizeof(code));
        gpr[GPR_RSI] = gpr[GPR_RDI] = flags & 0x10 ? random_address(input) : DATA;
        gpr[GPR_RCX] = random_byte(input);
    }
    return (struct vm_exit){.kind = EXIT_IO, .io = io};
}

static struct vm_exit cr_exit(struct vcpu_core *core, struct random_input *input)
{
    static const uint8_t numbers[] = {0, 4, 8, 0};
    uint8_t flags = random_byte(input);
    uint64_t value = random_value(input);
    core->registers.gpr[GPR_RAX] = value;
    return (struct vm_exit){.kind = EXIT_CONTROL_REGISTER,
                            .cr = {.number = numbers[flags % 4],
                                   .write = flags & 0x10,
                                   .gpr = flags >> 5,
                                   .immediate = (flags & 0x1f) == 0x1c,
                                   .value = value}};
}

static struct vm_exit exception_exit(struct random_input *input)
{
    uint8_t flags = random_byte(input);
    struct exit_exception exception = {.vector = flags & 1 ? VECTOR_DB : VECTOR_AC,
                                       .has_error_code = !(flags & 1),
                                       .payload = random_byte(input) & 0xf,
                                       .delivery = flags & 2};
    return (struct vm_exit){.kind = EXIT_EXCEPTION, .exception = exception};
}

static struct vm_exit msr_exit(struct vcpu_core *core, struct random_input *input, bool write)
{
    uint64_t *gpr = core->registers.gpr;
    gpr[GPR_RCX] = random_msr(input);
    if (write) {
        uint64_t value = random_value(input);
        gpr[GPR_RAX] = (uint32_t)value;
        gpr[GPR_RDX] = value >> 32;
    }
    return (struct vm_exit){.kind = write ? EXIT_WRITE_MSR : EXIT_READ_MSR};
}

struct vm_exit random_guest_store(struct vcpu_core *core, uint64_t address, uint32_t value)
{
    core->registers.gpr[GPR_RAX] = value;
    core->registers.gpr[GPR_RBX] = address;
    place_code(core, instructions[0].bytes, instructions[0].length);
    return (struct vm_exit){.kind = EXIT_MEMORY,
                            .memory = {.gpa = gpa(address),
                                       .gva = gva(address),
                                       .gva_valid = true,
                                       .access = ACCESS_WRITE,
                                       .code = code_of(core)}};
}

// ---- All of them ----

static struct vm_exit plain_exit(struct vcpu_core *core, struct random_input *input)
{
    static const enum exit_kind kinds[] = {
        EXIT_CPUID,     EXIT_HLT,       EXIT_HLT,          EXIT_PAUSE,
        EXIT_HYPERCALL, EXIT_UNDEFINED, EXIT_FORBIDDEN,    EXIT_HOST,
        EXIT_XSETBV,    EXIT_NOTHING,   EXIT_TRIPLE_FAULT, EXIT_CPUID,
        EXIT_XSETBV,    EXIT_HYPERCALL, EXIT_ENTRY_FAILED, EXIT_UNKNOWN};
    uint64_t *gpr = core->registers.gpr;
    enum exit_kind kind = kinds[random_below(input, ARRAY_SIZE(kinds))];
    if (kind == EXIT_HYPERCALL && random_byte(input) < 0xc0) {
        gpr[GPR_RAX] = random_byte(input) & 1 ? KVM_HC_KICK_CPU : KVM_HC_SEND_IPI;
        gpr[GPR_RBX] = random_value(input);
        gpr[GPR_RCX] = random_byte(input) % 4;
        gpr[GPR_RDX] = random_byte(input) % 4;
        gpr[GPR_RSI] = random_byte(input) | (random_byte(input) & 7) << 8;
    } else if (kind == EXIT_CPUID || kind == EXIT_XSETBV || kind == EXIT_HYPERCALL) {
        gpr[GPR_RAX] = random_value(input);
        gpr[GPR_RCX] = random_byte(input) % 16;
        gpr[GPR_RDX] = 0;
    }
    return (struct vm_exit){.kind = kind};
}

static struct vm_exit choose(struct vcpu_core *core, const struct random_guest *guest,
                             struct random_input *input)
{
    switch (random_byte(input) % 12) {
    case 0:
    case 1:
        return memory_exit(core, input);
    case 2:
    case 3:
        return io_exit(core, guest, input);
    case 4:
        return cr_exit(core, input);
    case 5:
        return exception_exit(input);
    case 6:
        return msr_exit(core, input, random_bit(input));
    case 7:
    case 8:
        return random_apic_exit(core, input);
    case 9:
        return random_eoi_exit(core, input);
    case 10:
        return random_sent_ipi_exit(core, input);
    default:
        return plain_exit(core, input);
    }
}

void random_guest_exit(struct vcpu_core *core, const struct random_guest *guest,
                       struct random_input *input)
{
    fake_backend_exit(core, choose(core, guest, input));
}
