// SPDX-License-Identifier: MIT
// The names of VMs and vCPUs in packets: "p1.2" is the second vCPU of the first VM (GDB manual,
// appendix E, "Packets", thread-id).
#pragma once

#include "vmm/debug/gdb/gdb_target.h"
#include "vmm/util/types.h"

struct gdb_reader;
struct gdb_server;

#define GDB_ANY UINT32_MAX // for either number of a thread: any or all

// Reads a thread-id. A number that no VM or vCPU can have is refused.
bool gdb_read_thread(struct gdb_reader *reader, const struct gdb_server *server,
                     struct gdb_thread *thread);
// Reads the number of a process. False: there is no such VM.
bool gdb_read_process(struct gdb_reader *reader, const struct gdb_server *server, unsigned *vm);
void gdb_write_thread(struct gdb_server *server, struct gdb_thread thread);

// What the VM is now. One that does not exist is off and has no vCPUs.
struct gdb_vm gdb_vm(const struct gdb_server *server, unsigned vm);
// Whether GDB has attached to the VM, and it has that vCPU.
bool gdb_thread_exists(const struct gdb_server *server, struct gdb_thread thread);
// Whether GDB has attached to the VM.
bool gdb_is_attached(const struct gdb_server *server, unsigned vm);

// Answers.
void gdb_reply_ok(struct gdb_server *server);
void gdb_reply_error(struct gdb_server *server);
