// SPDX-License-Identifier: MIT
// Stops VMs for GDB and lets them run. At one time either all VMs that GDB has attached to stand,
// or GDB waits for a stop (GDB manual, "All-Stop Mode").
#include "vmm/debug/gdb/gdb_run.h"

#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/gdb/gdb_threads.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/util/types.h"

// GDB's numbers of signals.
#define SIGNAL_HANG_UP 1 // the guest asks for its reset
#define SIGNAL_INTERRUPT 2
#define SIGNAL_TRAP 5
#define SIGNAL_ABORT 6 // the VM ends by an error
#define SIGNAL_KILL 9
#define SIGNAL_TERMINATE 15 // it ends by its own wish

#define FOR_EACH_VM(vm, left, set)                                                                 \
    for (uint64_t left = (set), vm = 0; left != 0 && (vm = (uint64_t)__builtin_ctzll(left), true); \
         left &= left - 1)

// ---- Stopping ----

// The reply comes when all VMs stand (gdb_run_poll).
static void stop_all(struct gdb_server *server, uint8_t signal)
{
    server->waits = true;
    server->stopping = true;
    server->signal = signal;
    server->silent = true;
}

// Its ends are no longer the debugger's business.
static void forget(struct gdb_server *server, unsigned vm)
{
    server->attached &= ~BIT(vm);
    server->resumed &= ~BIT(vm);
    server->ending &= ~BIT(vm);
    server->left = server->attached == 0;
    server->target->set_caught(server->target, vm, false);
}

static void attach(struct gdb_server *server, unsigned vm)
{
    server->thread = (struct gdb_thread){.vm = vm};
    server->target->set_caught(server->target, vm, true);
    if (gdb_vm(server, vm).state == GDB_VM_ENDED) {
        server->ending |= BIT(vm);
    }
    server->attached |= BIT(vm);
    server->resumed |= BIT(vm);
    server->stood &= ~BIT(vm);
    server->left = false;
    if (gdb_vm(server, vm).state == GDB_VM_STANDS) {
        server->stood |= BIT(vm);
    }
}

// GDB does not wait long for an answer, and a start may take long.
static bool can_attach(enum gdb_vm_state state)
{
    return state != GDB_VM_OFF && state != GDB_VM_BEGINS;
}

// Without `target extended-remote` there is no command to choose a VM: GDB gets the first that
// there is something to see of, best one that runs.
static bool attach_to_any(struct gdb_server *server)
{
    unsigned best = GDB_ANY;
    for (unsigned i = 0; i < server->target->vm_count(server->target); i++) {
        enum gdb_vm_state state = gdb_vm(server, i).state;
        if (state == GDB_VM_RUNS) {
            best = i;
            break;
        }
        best = can_attach(state) && best == GDB_ANY ? i : best;
    }
    if (best == GDB_ANY) {
        return false;
    }
    attach(server, best);
    return true;
}

void gdb_packet_why(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    if (server->attached == 0 && (server->extended || !attach_to_any(server))) {
        gdb_write_text(&server->reply, "W00");
        return;
    }
    server->resumed = server->attached; // GDB may have come anew, while VMs run
    stop_all(server, SIGNAL_TRAP);
}

void gdb_packet_attach(struct gdb_server *server, struct gdb_reader *packet)
{
    unsigned vm;
    if (!gdb_read_process(packet, server, &vm) || gdb_is_attached(server, vm) ||
        !can_attach(gdb_vm(server, vm).state)) {
        gdb_reply_error(server);
        return;
    }
    attach(server, vm);
    stop_all(server, SIGNAL_TRAP);
}

void gdb_run_interrupt(struct gdb_server *server)
{
    if (server->waits && !server->stopping) {
        stop_all(server, SIGNAL_INTERRUPT);
    }
}

// ---- Letting go ----

static bool resume(struct gdb_server *server, unsigned vm)
{
    enum gdb_vm_state state = gdb_vm(server, vm).state;
    server->resumed |= BIT(vm);
    if (state == GDB_VM_RESETS && (server->ending & BIT(vm))) {
        server->target->set_caught(server->target, vm, false);
    }
    return state != GDB_VM_STANDS || server->target->resume(server->target, vm);
}

static void detach(struct gdb_server *server, unsigned vm)
{
    if (!(server->stood & BIT(vm))) {
        (void)resume(server, vm);
    }
    forget(server, vm);
}

void gdb_server_detach_all(struct gdb_server *server)
{
    FOR_EACH_VM(vm, left, server->attached)
    {
        detach(server, (unsigned)vm);
    }
    server->waits = false;
    server->stopping = false;
}

void gdb_packet_detach(struct gdb_server *server, struct gdb_reader *packet)
{
    unsigned vm;
    if (gdb_left(packet) == 0) {
        gdb_server_detach_all(server);
        gdb_reply_ok(server);
    } else if (gdb_read_text(packet, ";") && gdb_read_process(packet, server, &vm) &&
               gdb_is_attached(server, vm)) {
        detach(server, vm);
        gdb_reply_ok(server);
    } else {
        gdb_reply_error(server);
    }
}

static bool end(struct gdb_server *server, unsigned vm)
{
    if (gdb_vm(server, vm).state != GDB_VM_OFF && !server->target->kill(server->target, vm)) {
        return false;
    }
    forget(server, vm);
    return true;
}

void gdb_packet_kill(struct gdb_server *server, struct gdb_reader *packet)
{
    unsigned vm;
    if (gdb_read_process(packet, server, &vm) && gdb_is_attached(server, vm) && end(server, vm)) {
        gdb_reply_ok(server);
    } else {
        gdb_reply_error(server);
    }
}

void gdb_packet_kill_all(struct gdb_server *server, struct gdb_reader *packet)
{
    (void)packet;
    server->silent = true;
    FOR_EACH_VM(vm, left, server->attached)
    {
        (void)end(server, (unsigned)vm);
    }
}

// ---- vCont ----

// One action of vCont. Adds the VMs that it lets run to `set`.
static bool read_action(struct gdb_server *server, struct gdb_reader *packet, uint64_t *set)
{
    struct gdb_thread thread = {.vm = GDB_ANY, .vcpu = GDB_ANY};
    uint64_t signal; // a guest has none
    if (!gdb_read_text(packet, "c") &&
        !(gdb_read_text(packet, "C") && gdb_read_number(packet, &signal))) {
        return false;
    }
    if (gdb_read_text(packet, ":") && !gdb_read_thread(packet, server, &thread)) {
        return false;
    }
    if (thread.vm == GDB_ANY) {
        *set |= server->attached;
        return true;
    }
    if (!gdb_is_attached(server, thread.vm)) {
        return false;
    }
    *set |= BIT(thread.vm);
    return true;
}

void gdb_packet_continue(struct gdb_server *server, struct gdb_reader *packet)
{
    uint64_t set = 0;
    while (gdb_read_text(packet, ";")) {
        if (!read_action(server, packet, &set)) {
            gdb_reply_error(server);
            return;
        }
    }
    if (set == 0 || gdb_left(packet) > 0) {
        gdb_reply_error(server);
        return;
    }
    FOR_EACH_VM(vm, left, set)
    {
        if (!resume(server, (unsigned)vm)) { // it tells so by standing still
            server->resumed &= ~BIT(vm);
        }
    }
    server->waits = true;
    server->silent = true;
}

// ---- Stops ----

// The VM is at its end. GDB is told before anything of it is lost.
static void catch_end(struct gdb_server *server, unsigned vm, uint8_t signal)
{
    server->ending |= BIT(vm);
    server->thread = (struct gdb_thread){.vm = vm};
    stop_all(server, signal);
}

// Looks at a VM that runs for GDB. True: there is something to tell.
static bool look_for_end(struct gdb_server *server, unsigned vm)
{
    struct gdb_vm is = gdb_vm(server, vm);
    bool known = server->ending & BIT(vm);
    if (is.state == GDB_VM_OFF || (is.state == GDB_VM_ENDED && known)) {
        server->gone = BIT(vm);
        stop_all(server, SIGNAL_TRAP);
        return true;
    }
    if (is.state == GDB_VM_ENDED || (is.state == GDB_VM_RESETS && !known)) {
        uint8_t end = is.failed ? SIGNAL_ABORT : SIGNAL_TERMINATE;
        catch_end(server, vm, is.state == GDB_VM_RESETS ? SIGNAL_HANG_UP : end);
        return true;
    }
    if (known && is.state == GDB_VM_BEGINS) { // the reset has begun
        server->ending &= ~BIT(vm);
        server->target->set_caught(server->target, vm, true);
    }
    return false;
}

static void look_for_ends(struct gdb_server *server)
{
    FOR_EACH_VM(vm, left, server->resumed)
    {
        if (look_for_end(server, (unsigned)vm)) {
            return;
        }
    }
}

// Whether no VM runs for GDB any more.
static bool all_stand(struct gdb_server *server)
{
    bool stand = true;
    FOR_EACH_VM(vm, left, server->resumed)
    {
        enum gdb_vm_state state = gdb_vm(server, (unsigned)vm).state;
        if (state == GDB_VM_RUNS) {
            stand = server->target->stop(server->target, (unsigned)vm) && stand;
        }
        stand = stand && state != GDB_VM_BEGINS;
    }
    return stand;
}

static void tell_end(struct gdb_server *server)
{
    unsigned vm = (unsigned)__builtin_ctzll(server->gone);
    struct gdb_vm is = gdb_vm(server, vm);
    if (is.state == GDB_VM_ENDED && !is.failed) {
        gdb_write_format(&server->reply, "W%02x", is.status);
    } else {
        gdb_write_format(&server->reply, "X%02x",
                         is.state == GDB_VM_ENDED ? SIGNAL_ABORT : SIGNAL_KILL);
    }
    gdb_write_format(&server->reply, ";process:%x", vm + 1);
    server->gone = 0;
    forget(server, vm);
}

static void tell_stop(struct gdb_server *server)
{
    gdb_write_format(&server->reply, "T%02xthread:", server->signal);
    gdb_write_thread(server, server->thread);
    gdb_write_text(&server->reply, ";");
}

void gdb_run_poll(struct gdb_server *server)
{
    if (!server->waits) {
        return;
    }
    if (!server->stopping) {
        look_for_ends(server);
    }
    if (!server->stopping || !all_stand(server) || !rsp_is_idle(&server->rsp)) {
        return;
    }
    gdb_writer_init(&server->reply, server->reply_text, sizeof(server->reply_text), 0);
    server->waits = false;
    server->stopping = false;
    if (!(server->resumed & BIT(server->thread.vm)) && server->resumed != 0) {
        server->thread = (struct gdb_thread){.vm = (unsigned)__builtin_ctzll(server->resumed)};
    }
    server->resumed = 0;
    if (server->gone) {
        tell_end(server);
    } else {
        tell_stop(server);
    }
    rsp_send(&server->rsp, server->reply.text, server->reply.length);
}
