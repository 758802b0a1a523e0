// SPDX-License-Identifier: MIT
// Names of VMs and vCPUs in packets.
#include "vmm/debug/gdb/gdb_threads.h"

#include "vmm/debug/gdb/gdb_reader.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_writer.h"

// A number from 1 on, as an index from 0 on. 0 is any, and -1 is all.
static bool read_index(struct gdb_reader *reader, unsigned *index)
{
    uint64_t number = 0;
    if (!gdb_read_text(reader, "-1") && !gdb_read_number(reader, &number)) {
        return false;
    }
    *index = number == 0 ? GDB_ANY : (unsigned)MIN(number - 1, GDB_ANY);
    return number == 0 || *index != GDB_ANY;
}

bool gdb_read_thread(struct gdb_reader *reader, const struct gdb_server *server,
                     struct gdb_thread *thread)
{
    *thread = (struct gdb_thread){.vm = server->thread.vm, .vcpu = GDB_ANY};
    if (!gdb_read_text(reader, "p")) {
        bool read = read_index(reader, &thread->vcpu);
        thread->vm = thread->vcpu == GDB_ANY ? GDB_ANY : thread->vm;
        return read;
    }
    return read_index(reader, &thread->vm) &&
           (!gdb_read_text(reader, ".") || read_index(reader, &thread->vcpu));
}

bool gdb_read_process(struct gdb_reader *reader, const struct gdb_server *server, unsigned *vm)
{
    return read_index(reader, vm) && gdb_left(reader) == 0 &&
           *vm < server->target->vm_count(server->target);
}

void gdb_write_thread(struct gdb_server *server, struct gdb_thread thread)
{
    gdb_write_format(&server->reply, "p%x.%x", thread.vm + 1, thread.vcpu + 1);
}

struct gdb_vm gdb_vm(const struct gdb_server *server, unsigned vm)
{
    struct gdb_vm is = {.name = "", .state = GDB_VM_OFF};
    if (vm < server->target->vm_count(server->target)) {
        server->target->look(server->target, vm, &is);
    }
    return is;
}

bool gdb_is_attached(const struct gdb_server *server, unsigned vm)
{
    return vm < GDB_VMS_MAX && (server->attached & BIT(vm));
}

bool gdb_thread_exists(const struct gdb_server *server, struct gdb_thread thread)
{
    return gdb_is_attached(server, thread.vm) && thread.vcpu < gdb_vm(server, thread.vm).vcpus;
}

void gdb_reply_ok(struct gdb_server *server)
{
    gdb_write_text(&server->reply, "OK");
}

void gdb_reply_error(struct gdb_server *server)
{
    gdb_write_text(&server->reply, "E01");
}
