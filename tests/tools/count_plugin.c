// SPDX-License-Identifier: MIT
// A QEMU plugin that counts instructions, those of the host apart, and says them at two addresses.
//
// Arguments: start=ADDRESS,end=ADDRESS,host=FIRST-LAST, all linear and hexadecimal. When START is
// executed for the first time, and when END is, a line "count: NAME ALL HOST" goes to stderr.
// Instructions in FIRST to LAST are the host's. An idle CPU executes none; a REP instruction counts
// once an iteration, as the clock of -icount does.

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// ---- QEMU's interface for plugins, version 1: no package of Debian 12 has the header ----
typedef uint64_t plugin_id;
typedef void (*translated_call)(plugin_id id, void *block);
typedef void (*executed_call)(unsigned cpu, void *data);

enum { PLUGIN_VERSION = 1, NO_REGISTERS = 0, ADD_U64 = 0 };

size_t qemu_plugin_tb_n_insns(const void *block);
void *qemu_plugin_tb_get_insn(const void *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const void *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated_call call);
void qemu_plugin_register_vcpu_insn_exec_inline(void *instruction, int operation, void *counter,
                                                uint64_t amount);
void qemu_plugin_register_vcpu_insn_exec_cb(void *instruction, executed_call call, int registers,
                                            void *data);
__attribute__((visibility("default"))) extern const int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info,
                                                               int count, char **words);

const int qemu_plugin_version = PLUGIN_VERSION;

// ---- The counts ----
struct mark {
    const char *name;
    uint64_t address;
    bool reached;
};

static struct mark start = {.name = "start"}, end = {.name = "end"};
static uint64_t host_first, host_last;
static uint64_t host_count, other_count;

static void reach(unsigned cpu, void *data)
{
    struct mark *mark = data;
    (void)cpu;
    if (mark->reached) {
        return;
    }
    mark->reached = true;
    fprintf(stderr, "count: %s %" PRIu64 " %" PRIu64 "\n", mark->name, host_count + other_count,
            host_count);
}

static void translated(plugin_id id, void *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        void *instruction = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        bool host = address >= host_first && address <= host_last;
        qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64,
                                                   host ? &host_count : &other_count, 1);
        if (address == start.address || address == end.address) {
            struct mark *mark = address == start.address ? &start : &end;
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, reach, NO_REGISTERS, mark);
        }
    }
}

int qemu_plugin_install(plugin_id id, const void *info, int count, char **words)
{
    (void)info;
    for (int i = 0; i < count; i++) {
        if (sscanf(words[i], "start=%" SCNx64, &start.address) != 1 &&
            sscanf(words[i], "end=%" SCNx64, &end.address) != 1 &&
            sscanf(words[i], "host=%" SCNx64 "-%" SCNx64, &host_first, &host_last) != 2) {
            fprintf(stderr, "count: unknown word %s\n", words[i]);
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
