// SPDX-License-Identifier: MIT
// Fills vmm's view of the host with the functions of arch/x86.
#include "boot/host_table.h"

#include "arch/x86/cpu.h"
#include "arch/x86/host_hole.h"
#include "arch/x86/host_space.h"
#include "arch/x86/host_store.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/ipi.h"
#include "arch/x86/live_state.h"
#include "arch/x86/log.h"
#include "arch/x86/random.h"
#include "arch/x86/time.h"
#include "boot/virtualization.h"

static unsigned this_cpu(void)
{
    return cpu_this()->index;
}

static void log_text(const char *line)
{
    log_line("%s", line);
}

const struct host host_table = {
    .now_ns = time_now_ns,
    .set_deadline = time_set_deadline,
    .kick = ipi_kick,
    .kick_posted = ipi_post,
    .disturbed = interrupts_disturbed,
    .cpu_count = cpu_count,
    .this_cpu = this_cpu,
    .call = ipi_call,
    .answers = ipi_answers,
    .allocate = host_allocate,
    .release = host_release,
    .space_reserve = host_space_reserve,
    .space_ram = host_space_ram,
    .space_zero = host_space_zero,
    .space_make_hole = host_hole_make,
    .space_fill_hole = host_hole_fill,
    .space_empty = host_space_empty,
    .space_destroy = host_space_destroy,
    .space_grow_store = host_store_grow,
    .space_map_module = host_space_map_module,
    .space_enter = host_space_enter,
    .memory_use = host_memory_use,
    .cpuid = virtualization_cpuid,
    .xcr0_mask = live_state_xcr0_mask,
    .tsc = rdtsc,
    .tsc_hz = time_tsc_hz,
    .ns_at_tsc = time_ns_at_tsc,
    .log = log_text,
    .wall_clock_s = time_wall_clock_s,
    .random = random_fill,
};
