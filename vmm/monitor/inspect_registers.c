// SPDX-License-Identifier: MIT
// All registers of a vCPU, with the bits of the control registers by name.
#include "vmm/monitor/inspect_registers.h"

#include "vmm/backend.h"
#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

#define BITS_TEXT 192

struct register_snapshot {
    unsigned index; // of the vCPU
    bool valid;
    uint64_t gpr[GPR_COUNT];
    uint64_t other[REG_COUNT];
    struct segment segments[SEGMENT_COUNT];
};

static const char *const gpr_names[GPR_COUNT] = {
    [GPR_RAX] = "RAX", [GPR_RCX] = "RCX", [GPR_RDX] = "RDX", [GPR_RBX] = "RBX",
    [GPR_RSP] = "RSP", [GPR_RBP] = "RBP", [GPR_RSI] = "RSI", [GPR_RDI] = "RDI",
    [GPR_R8] = "R8",   [GPR_R9] = "R9",   [GPR_R10] = "R10", [GPR_R11] = "R11",
    [GPR_R12] = "R12", [GPR_R13] = "R13", [GPR_R14] = "R14", [GPR_R15] = "R15",
};

static const char *const segment_names[SEGMENT_COUNT] = {
    [SEGMENT_ES] = "ES",     [SEGMENT_CS] = "CS",     [SEGMENT_SS] = "SS",     [SEGMENT_DS] = "DS",
    [SEGMENT_FS] = "FS",     [SEGMENT_GS] = "GS",     [SEGMENT_LDTR] = "LDTR", [SEGMENT_TR] = "TR",
    [SEGMENT_GDTR] = "GDTR", [SEGMENT_IDTR] = "IDTR",
};

// SDM Vol. 1 3.4.3, Vol. 3A 2.5 and 2.2.1; APM Vol. 2 3.1. An empty name is not shown.
static const char *const rflags_bits[64] = {
    [0] = "CF",      [1] = "",        [2] = "PF",   [4] = "AF",  [6] = "ZF",
    [7] = "SF",      [8] = "TF",      [9] = "IF",   [10] = "DF", [11] = "OF",
    [12] = "IOPL.0", [13] = "IOPL.1", [14] = "NT",  [16] = "RF", [17] = "VM",
    [18] = "AC",     [19] = "VIF",    [20] = "VIP", [21] = "ID",
};

static const char *const cr0_bits[64] = {
    [0] = "PE",  [1] = "MP",  [2] = "EM",  [3] = "TS",  [4] = "ET",  [5] = "NE",
    [16] = "WP", [18] = "AM", [29] = "NW", [30] = "CD", [31] = "PG",
};

static const char *const cr4_bits[64] = {
    [0] = "VME",         [1] = "PVI",    [2] = "TSD",      [3] = "DE",    [4] = "PSE",
    [5] = "PAE",         [6] = "MCE",    [7] = "PGE",      [8] = "PCE",   [9] = "OSFXSR",
    [10] = "OSXMMEXCPT", [11] = "UMIP",  [12] = "LA57",    [13] = "VMXE", [14] = "SMXE",
    [16] = "FSGSBASE",   [17] = "PCIDE", [18] = "OSXSAVE", [19] = "KL",   [20] = "SMEP",
    [21] = "SMAP",       [22] = "PKE",   [23] = "CET",     [24] = "PKS",  [25] = "UINTR",
};

static const char *const efer_bits[64] = {
    [0] = "SCE",   [8] = "LME",    [10] = "LMA",   [11] = "NXE",
    [12] = "SVME", [13] = "LMSLE", [14] = "FFXSR", [15] = "TCE",
};

static const char *const xcr0_bits[64] = {
    [0] = "x87",    [1] = "SSE",      [2] = "AVX",       [3] = "BNDREGS",
    [4] = "BNDCSR", [5] = "opmask",   [6] = "ZMM_Hi256", [7] = "Hi16_ZMM",
    [9] = "PKRU",   [17] = "TILECFG", [18] = "TILEDATA",
};

static const char *const shadow_bits[64] = {
    [0] = "after STI",
    [1] = "after MOV SS",
    [3] = "NMI blocked",
};

static_assert(SHADOW_STI == BIT(0) && SHADOW_MOV_SS == BIT(1) && SHADOW_NMI == BIT(3),
              "shadow_bits names them");

// Writes the names of the set bits, each after a space. Set bits without a name follow as a number.
static void name_bits(uint64_t value, const char *const names[64], char text[BITS_TEXT])
{
    uint64_t unnamed = 0;
    size_t at = 0;
    text[0] = '\0';
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((value & BIT(bit)) == 0) {
            continue;
        }
        if (!names[bit]) {
            unnamed |= BIT(bit);
        } else if (names[bit][0] != '\0' && at < BITS_TEXT) {
            at += format_text(text + at, BITS_TEXT - at, " %s", names[bit]);
        }
    }
    if (unnamed != 0 && at < BITS_TEXT) {
        format_text(text + at, BITS_TEXT - at, " and %#llx", (unsigned long long)unnamed);
    }
}

static void take_registers(struct vm *vm, void *context)
{
    struct register_snapshot *snapshot = context;
    const struct vcpu_core *core = vm_vcpu_core(vm, snapshot->index);
    const struct vcpu_ops *ops = vm->vmm->ops;
    if (!core || !ops) {
        return;
    }
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        snapshot->gpr[i] = core->registers.gpr[i];
    }
    for (unsigned i = 0; i < REG_COUNT; i++) {
        snapshot->other[i] = ops->get_register(core, (enum guest_register)i);
    }
    for (unsigned i = 0; i < SEGMENT_COUNT; i++) {
        ops->get_segment(core, (enum guest_segment)i, &snapshot->segments[i]);
    }
    snapshot->gpr[GPR_RSP] = snapshot->other[REG_RSP];
    snapshot->valid = true;
}

static void show_bits(struct line_sink *sink, const char *name, uint64_t value,
                      const char *const names[64])
{
    char text[BITS_TEXT];
    name_bits(value, names, text);
    line_sink_format(sink, "%-6s %016llx%s", name, (unsigned long long)value, text);
}

static void show_pair(struct line_sink *sink, const char *name, uint64_t value, const char *second,
                      uint64_t second_value)
{
    line_sink_format(sink, "%-6s %016llx  %-4s %016llx", name, (unsigned long long)value, second,
                     (unsigned long long)second_value);
}

static void show_gprs(const struct register_snapshot *snapshot, struct line_sink *sink)
{
    for (unsigned i = 0; i < GPR_COUNT; i += 2) {
        show_pair(sink, gpr_names[i], snapshot->gpr[i], gpr_names[i + 1], snapshot->gpr[i + 1]);
    }
}

static void show_control(const struct register_snapshot *snapshot, struct line_sink *sink)
{
    const uint64_t *other = snapshot->other;
    line_sink_format(sink, "%-6s %016llx", "RIP", (unsigned long long)other[REG_RIP]);
    show_bits(sink, "RFLAGS", other[REG_RFLAGS], rflags_bits);
    show_bits(sink, "CR0", other[REG_CR0], cr0_bits);
    show_pair(sink, "CR2", other[REG_CR2], "CR3", other[REG_CR3]);
    show_bits(sink, "CR4", other[REG_CR4], cr4_bits);
    show_bits(sink, "EFER", other[REG_EFER], efer_bits);
    show_bits(sink, "XCR0", other[REG_XCR0], xcr0_bits);
    show_pair(sink, "DR6", other[REG_DR6], "DR7", other[REG_DR7]);
    line_sink_format(sink, "%-6s %016llx", "PAT", (unsigned long long)other[REG_PAT]);
    line_sink_format(sink, "SYSENTER CS %04llx  ESP %016llx  EIP %016llx",
                     (unsigned long long)other[REG_SYSENTER_CS],
                     (unsigned long long)other[REG_SYSENTER_ESP],
                     (unsigned long long)other[REG_SYSENTER_EIP]);
    show_bits(sink, "shadow", other[REG_INTERRUPT_SHADOW], shadow_bits);
}

// The kind of a segment by its type bits (SDM Vol. 3A 3.4.5.1).
static const char *segment_kind(const struct segment *segment)
{
    if ((segment->attributes & SEGMENT_PRESENT) == 0) {
        return "not usable";
    }
    if ((segment->attributes & SEGMENT_S) == 0) {
        return "system";
    }
    if ((segment->attributes & BIT(3)) == 0) {
        return "data";
    }
    if ((segment->attributes & SEGMENT_L) != 0) {
        return "64-bit code";
    }
    return (segment->attributes & SEGMENT_DB) != 0 ? "32-bit code" : "16-bit code";
}

static void show_segment(struct line_sink *sink, unsigned index, const struct segment *segment)
{
    const char *name = segment_names[index];
    unsigned long long base = segment->base;
    if (index == SEGMENT_GDTR || index == SEGMENT_IDTR) {
        line_sink_format(sink, "%-4s       base %016llx limit %08x", name, base, segment->limit);
        return;
    }
    line_sink_format(sink, "%-4s %04x  base %016llx limit %08x attributes %04x %s ring %u", name,
                     segment->selector, base, segment->limit, segment->attributes,
                     segment_kind(segment), (segment->attributes >> SEGMENT_DPL_SHIFT) & 3U);
}

enum status inspect_registers(struct vm *vm, unsigned index, struct line_sink *sink,
                              struct reason *why)
{
    struct register_snapshot snapshot = {.index = index};
    if (index >= vm->config.vcpus) {
        return refuse(why, STATUS_RANGE, "%s has vCPUs 0 to %u", vm->config.name,
                      vm->config.vcpus - 1);
    }
    if (vm->state != VM_OFF) {
        enum status status = vm_call(vm, index, take_registers, &snapshot, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!snapshot.valid) {
        return refuse(why, STATUS_BUSY, "%s is %s: it has no CPU", vm->config.name,
                      vm_state_name(vm->state));
    }
    show_gprs(&snapshot, sink);
    show_control(&snapshot, sink);
    for (unsigned i = 0; i < SEGMENT_COUNT; i++) {
        show_segment(sink, i, &snapshot.segments[i]);
    }
    return STATUS_OK;
}
