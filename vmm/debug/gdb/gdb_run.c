// SPDX-License-Identifier: MIT
// Stops VMs for GDB and lets them run. At one time either all VMs that GDB has attached to stand,
// or GDB waits for a stop (GDB manual, "All-Stop Mode").
#include "vmm/debug/gdb/gdb_run.h"

#include "vmm/debug/gdb/gdb_continue.h"
#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_registers.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/gdb/gdb_threads.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/util/types.h"

// ---- Stopping ----

void gdb_stop_all(struct gdb_server *server, uint8_t signal)
{
    server->waits = true;
    server->steps = false;
    server->stepped = false;
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
    gdb_stop_all(server, SIGNAL_TRAP);
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
    gdb_stop_all(server, SIGNAL_TRAP);
}

void gdb_run_interrupt(struct gdb_server *server)
{
    if (server->waits && !server->stopping) {
        gdb_stop_all(server, SIGNAL_INTERRUPT);
    }
}

// ---- Letting go ----

bool gdb_resume(struct gdb_server *server, unsigned vm)
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
        (void)gdb_resume(server, vm);
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
    server->steps = false;
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

// ---- Ends ----

// The VM is at its end. GDB is told before anything of it is lost.
static void catch_end(struct gdb_server *server, unsigned vm, uint8_t signal)
{
    server->ending |= BIT(vm);
    server->thread = (struct gdb_thread){.vm = vm};
    gdb_stop_all(server, signal);
}

// Looks at a VM that runs for GDB. True: there is something to tell.
static bool look_for_end(struct gdb_server *server, unsigned vm)
{
    struct gdb_vm is = gdb_vm(server, vm);
    bool known = server->ending & BIT(vm);
    if (is.state == GDB_VM_OFF || (is.state == GDB_VM_ENDED && known)) {
        server->gone = BIT(vm);
        gdb_stop_all(server, SIGNAL_TRAP);
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

void gdb_look_for_ends(struct gdb_server *server)
{
    FOR_EACH_VM(vm, left, server->resumed)
    {
        if (look_for_end(server, (unsigned)vm)) {
            return;
        }
    }
}

// ---- Stops ----

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

// After a step GDB wants these registers. With them in the reply it need not ask.
static void tell_registers(struct gdb_server *server)
{
    static const uint8_t wanted[] = {GDB_RBP, GDB_RSP, GDB_RIP};
    struct gdb_registers registers;
    if (!server->target->get_registers(server->target, server->thread, &registers)) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
        gdb_write_format(&server->reply, "%02x:", wanted[i]);
        gdb_write_hex(&server->reply, &registers.general[wanted[i]], sizeof(uint64_t));
        gdb_write_text(&server->reply, ";");
    }
}

static void tell_stop(struct gdb_server *server)
{
    gdb_write_format(&server->reply, "T%02xthread:", server->signal);
    gdb_write_thread(server, server->thread);
    gdb_write_text(&server->reply, ";");
    if (server->stepped) {
        tell_registers(server);
    }
}

void gdb_run_poll(struct gdb_server *server)
{
    if (!server->waits) {
        return;
    }
    if (server->steps) {
        gdb_step_poll(server);
    } else if (!server->stopping) {
        gdb_look_for_ends(server);
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
