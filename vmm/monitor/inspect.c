// SPDX-License-Identifier: MIT
// Snapshots of a VM's memory and of its exit counts, taken on the VM's home CPU.
#include "vmm/monitor/inspect.h"

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/board/io_bus.h"
#include "vmm/board/pc.h"
#include "vmm/board/pci_bus.h"
#include "vmm/exit.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

#define ROW_BYTES 16
#define ROW_COLUMNS 80 // of a row's line; a longer address makes the closing bar wrap, no character
#define ROWS_MAX (INSPECT_READ_MAX / ROW_BYTES + 1) // the first and the last row may be partial

// ---- Memory ----

struct memory_snapshot {
    uint64_t start;
    uint64_t length;
    uint8_t *bytes;     // of `length`
    bool ram[ROWS_MAX]; // by row
};

// The requested part of row `row`: its offset in the snapshot and its number of bytes. A row begins
// at a multiple of ROW_BYTES in the guest.
static uint64_t row_part(const struct memory_snapshot *snapshot, unsigned row, uint64_t *bytes)
{
    uint64_t skip = snapshot->start % ROW_BYTES;
    uint64_t from = row == 0 ? 0 : (uint64_t)row * ROW_BYTES - skip;
    uint64_t to = (uint64_t)(row + 1) * ROW_BYTES - skip;
    *bytes = MIN(to, snapshot->length) - from;
    return from;
}

static unsigned row_count(const struct memory_snapshot *snapshot)
{
    uint64_t end = snapshot->start % ROW_BYTES + snapshot->length;
    return (unsigned)((end + ROW_BYTES - 1) / ROW_BYTES);
}

static void take_memory(struct vm *vm, void *context)
{
    struct memory_snapshot *snapshot = context;
    // A VM that was stopped meanwhile has no extents: all rows are holes then.
    for (unsigned row = 0; row < row_count(snapshot); row++) {
        uint64_t bytes;
        uint64_t from = row_part(snapshot, row, &bytes);
        const uint8_t *source = guest_memory_at(&vm->memory, gpa(snapshot->start + from), bytes);
        snapshot->ram[row] = source;
        for (uint64_t i = 0; source && i < bytes; i++) {
            snapshot->bytes[from + i] = source[i];
        }
    }
}

// "000000007c00  eb 3c ... |.<...|"; bytes outside the requested range are blank.
static void show_row(const struct memory_snapshot *snapshot, unsigned row, struct line_sink *sink)
{
    char hex[3 * ROW_BYTES + 1];
    char text[ROW_BYTES + 1];
    uint64_t bytes;
    uint64_t from = row_part(snapshot, row, &bytes);
    uint64_t column = (snapshot->start + from) % ROW_BYTES;
    for (uint64_t i = 0; i < ROW_BYTES; i++) {
        bool wanted = i >= column && i < column + bytes;
        uint8_t byte = wanted ? snapshot->bytes[from + i - column] : ' ';
        if (wanted) {
            format_text(hex + 3 * i, 4, "%02x ", byte);
        } else {
            format_text(hex + 3 * i, 4, "   ");
        }
        text[i] = byte >= ' ' && byte <= '~' ? (char)byte : '.';
    }
    text[ROW_BYTES] = '\0';
    if (sink->columns < ROW_COLUMNS) {
        text[0] = '\0';
    }
    line_sink_format(sink, "%012llx  %s|%s|",
                     (unsigned long long)ALIGN_DOWN(snapshot->start + from, ROW_BYTES), hex, text);
}

// Shows one line for a run of rows from `row` on that are not RAM. Returns the row after the run.
static unsigned show_hole(const struct memory_snapshot *snapshot, unsigned row,
                          struct line_sink *sink)
{
    uint64_t bytes;
    uint64_t from = row_part(snapshot, row, &bytes);
    uint64_t to = from;
    for (; row < row_count(snapshot) && !snapshot->ram[row]; row++) {
        to = row_part(snapshot, row, &bytes) + bytes;
    }
    line_sink_format(sink, "%012llx  to %#llx: not RAM of this VM",
                     (unsigned long long)(snapshot->start + from),
                     (unsigned long long)(snapshot->start + to - 1));
    return row;
}

enum status inspect_memory(struct vm *vm, gpa_t address, uint64_t length, uint8_t *buffer,
                           struct line_sink *sink, struct reason *why)
{
    struct memory_snapshot snapshot = {.start = address.value, .length = length, .bytes = buffer};
    if (length == 0 || length > INSPECT_READ_MAX) {
        return refuse(why, STATUS_RANGE, "the length must be 1 to %llu bytes",
                      (unsigned long long)INSPECT_READ_MAX);
    }
    if (address.value > UINT64_MAX - length) {
        return refuse(why, STATUS_RANGE, "the memory would end beyond 64 bits");
    }
    if (vm->state == VM_OFF || vm_is_in_work(vm)) {
        return refuse(why, STATUS_BUSY, "%s is %s: it has no memory", vm->config.name,
                      vm_state_name(vm->state));
    }
    enum status status = vm_call(vm, 0, take_memory, &snapshot, why);
    if (status != STATUS_OK) {
        return status;
    }
    for (unsigned row = 0; row < row_count(&snapshot);) {
        if (snapshot.ram[row]) {
            show_row(&snapshot, row++, sink);
        } else {
            row = show_hole(&snapshot, row, sink);
        }
    }
    return STATUS_OK;
}

// ---- Exits ----

struct exits_snapshot {
    bool valid;
    uint64_t exits[EXIT_KINDS];
    uint64_t ports;
    uint64_t memory;
    uint64_t messages;
    uint64_t msrs;
    uint64_t instructions;
    uint32_t last_port;
    uint64_t last_gpa;
    uint64_t last_message;
    uint32_t last_msr;
    uint64_t last_rip;
};

static void take_exits(struct vm *vm, void *context)
{
    struct exits_snapshot *snapshot = context;
    const struct vcpu_core *core = vm_vcpu_core(vm, 0);
    if (!core) {
        return;
    }
    snapshot->valid = true;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        core = vm_vcpu_core(vm, i);
        for (unsigned kind = 0; kind < EXIT_KINDS; kind++) {
            snapshot->exits[kind] += core->exits[kind];
        }
    }
    snapshot->ports = vm->pc->io.unclaimed;
    snapshot->memory = vm->unclaimed_memory_accesses;
    snapshot->messages = vm->pc->pci.lost_messages;
    snapshot->msrs = vm->unknown_msr_accesses;
    snapshot->instructions = vm->unknown_instructions;
    snapshot->last_port = vm->pc->io.last_unclaimed;
    snapshot->last_gpa = vm->last_unclaimed_gpa;
    snapshot->last_message = vm->pc->pci.last_lost_message;
    snapshot->last_msr = vm->last_unknown_msr;
    snapshot->last_rip = vm->last_unknown_rip;
}

// A VM that is off leaves the snapshot as it is.
static enum status snapshot_exits(struct vm *vm, struct exits_snapshot *snapshot,
                                  struct reason *why)
{
    if (vm->state == VM_OFF) {
        return STATUS_OK;
    }
    return vm_call(vm, 0, take_exits, snapshot, why);
}

static void show_accesses(struct line_sink *sink, const char *what, uint64_t count, uint64_t last)
{
    if (count > 0) {
        line_sink_format(sink, "%-20s %14llu  last %#llx", what, (unsigned long long)count,
                         (unsigned long long)last);
    }
}

enum status inspect_exits(struct vm *vm, struct line_sink *sink, struct reason *why)
{
    struct exits_snapshot snapshot = {0};
    uint64_t total = 0;
    enum status status = snapshot_exits(vm, &snapshot, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (!snapshot.valid) {
        return refuse(why, STATUS_BUSY, "%s is %s: it has no CPU", vm->config.name,
                      vm_state_name(vm->state));
    }
    for (unsigned kind = 0; kind < EXIT_KINDS; kind++) {
        total += snapshot.exits[kind];
        if (snapshot.exits[kind] > 0) {
            line_sink_format(sink, "%-20s %14llu", exit_kind_name((enum exit_kind)kind),
                             (unsigned long long)snapshot.exits[kind]);
        }
    }
    line_sink_format(sink, "%-20s %14llu", "all exits", (unsigned long long)total);
    show_accesses(sink, "unclaimed ports", snapshot.ports, snapshot.last_port);
    show_accesses(sink, "unclaimed memory", snapshot.memory, snapshot.last_gpa);
    show_accesses(sink, "lost messages", snapshot.messages, snapshot.last_message);
    show_accesses(sink, "unknown MSRs", snapshot.msrs, snapshot.last_msr);
    show_accesses(sink, "unknown instructions", snapshot.instructions, snapshot.last_rip);
    return STATUS_OK;
}

enum status inspect_exit_total(struct vm *vm, uint64_t *total)
{
    struct exits_snapshot snapshot = {0};
    enum status status = snapshot_exits(vm, &snapshot, NULL);
    *total = 0;
    for (unsigned kind = 0; kind < EXIT_KINDS; kind++) {
        *total += snapshot.exits[kind];
    }
    return status;
}
