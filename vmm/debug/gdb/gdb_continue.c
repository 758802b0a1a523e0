// SPDX-License-Identifier: MIT
// Carries out vCont: lets VMs run, or one vCPU make a step.
#include "vmm/debug/gdb/gdb_continue.h"

#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_run.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/debug/gdb/gdb_threads.h"
#include "vmm/util/types.h"

// ---- Steps ----

static void look_after_step(struct gdb_server *server, enum gdb_step step)
{
    server->steps = step == GDB_STEP_WAITS;
    gdb_look_for_ends(server);
    if (!server->steps && !server->stopping) {
        server->thread = server->step;
        gdb_stop_all(server, SIGNAL_TRAP);
        server->stepped = true;
    }
}

void gdb_step_poll(struct gdb_server *server)
{
    look_after_step(server, server->target->step(server->target, server->step));
}

// All else stands: no other vCPU runs between two steps of one.
static void begin_step(struct gdb_server *server, struct gdb_thread thread)
{
    enum gdb_step step = gdb_thread_exists(server, thread)
                             ? server->target->step(server->target, thread)
                             : GDB_STEP_IMPOSSIBLE;
    if (step == GDB_STEP_IMPOSSIBLE) {
        gdb_reply_error(server);
        return;
    }
    server->step = thread;
    server->resumed |= BIT(thread.vm);
    server->waits = true;
    server->silent = true;
    look_after_step(server, step);
}

// ---- vCont ----

struct actions {
    uint64_t resumed; // the VMs that are to run
    bool steps;       // or one vCPU is to make a step
    struct gdb_thread step;
};

// The action of a VM or vCPU. Among several steps the first counts.
static void add_action(struct gdb_server *server, struct actions *actions, bool steps,
                       struct gdb_thread thread)
{
    bool any_vm = thread.vm == GDB_ANY;
    if (!steps) {
        actions->resumed |= any_vm ? server->attached : BIT(thread.vm);
    } else if (!actions->steps) {
        bool chosen = any_vm || (thread.vm == server->thread.vm && thread.vcpu == GDB_ANY);
        actions->steps = true;
        actions->step = chosen ? server->thread : thread;
        actions->step.vcpu = actions->step.vcpu == GDB_ANY ? 0 : actions->step.vcpu;
    }
}

// One action of vCont.
static bool read_action(struct gdb_server *server, struct gdb_reader *packet,
                        struct actions *actions)
{
    struct gdb_thread thread = {.vm = GDB_ANY, .vcpu = GDB_ANY};
    uint64_t signal; // a guest has none
    bool steps = gdb_read_text(packet, "s");
    if (!steps && !gdb_read_text(packet, "c")) {
        steps = gdb_read_text(packet, "S");
        if (!(steps || gdb_read_text(packet, "C")) || !gdb_read_number(packet, &signal)) {
            return false;
        }
    }
    if (gdb_read_text(packet, ":") && !gdb_read_thread(packet, server, &thread)) {
        return false;
    }
    if (thread.vm != GDB_ANY && !gdb_is_attached(server, thread.vm)) {
        return false;
    }
    add_action(server, actions, steps, thread);
    return true;
}

static void let_run(struct gdb_server *server, uint64_t set)
{
    FOR_EACH_VM(vm, left, set)
    {
        if (!gdb_resume(server, (unsigned)vm)) { // it tells so by standing still
            server->resumed &= ~BIT(vm);
        }
    }
    server->waits = true;
    server->silent = true;
}

void gdb_packet_continue(struct gdb_server *server, struct gdb_reader *packet)
{
    struct actions actions = {0};
    while (gdb_read_text(packet, ";")) {
        if (!read_action(server, packet, &actions)) {
            gdb_reply_error(server);
            return;
        }
    }
    bool any = actions.steps ? gdb_is_attached(server, actions.step.vm) : actions.resumed != 0;
    if (gdb_left(packet) > 0 || !any) {
        gdb_reply_error(server);
    } else if (actions.steps && gdb_vm(server, actions.step.vm).state == GDB_VM_STANDS) {
        begin_step(server, actions.step);
    } else if (actions.steps) { // at its end nothing is left to step over
        let_run(server, BIT(actions.step.vm));
    } else {
        let_run(server, actions.resumed);
    }
}
