// SPDX-License-Identifier: MIT
// A machine with VMs on it, for tests: fake host, fake back end, everything else real.
#pragma once

#include "tests/host/fake_backend.h"
#include "tests/host/fake_host.h"
#include "vmm/board/pc.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

#define FAKE_VM_BYTES (2 * MIB)

struct fake_machine {
    struct vmm vmm;
    struct scheduler schedulers[FAKE_CPUS_MAX];
    struct vm *vm; // that fake_machine_start made
    struct vcpu *vcpu;
};

extern struct fake_machine fake_machine;

void fake_machine_init(void);
// A VM on CPU 0 with a boot sector to run, as vm_create leaves it.
struct vm *fake_machine_add(const char *name);
// The same with more vCPUs, in turn on the CPUs whose bits are set.
struct vm *fake_machine_add_smp(const char *name, unsigned vcpus, uint64_t cpus);
// Starts or resets a VM and goes on until it runs or has failed; the status of what can fail at
// once.
enum status fake_machine_vm_start(struct vm *vm, struct reason *why);
enum status fake_machine_vm_reset(struct vm *vm, struct reason *why);
// Goes on with a start, on its home CPU, to its end.
void fake_machine_finish(struct vm *vm);
// One VM `web`, started, its vCPU loaded and its memory entered. For tests of single exits.
void fake_machine_start(void);
// The same on a processor that serves local APICs.
void fake_machine_start_served(void);
// The first with the vCPU in 64-bit mode, interrupts off.
void fake_machine_start_long(void);
// One VM `web` with several vCPUs, those with even numbers on CPU 0, the others on CPU 1. Started,
// none of them held or loaded, all but the first waiting for a SIPI.
void fake_machine_start_smp(unsigned vcpus);
// The same with a back end that takes posted interrupts.
void fake_machine_start_posted(unsigned vcpus);
// Sends those their SIPIs. Each CPU takes a step for each of its vCPUs.
void fake_machine_start_processors(void);
// One step of a CPU's scheduler. `wake_ns` may be NULL.
bool fake_machine_step(unsigned cpu, uint64_t *wake_ns);
// Stops and frees all VMs; fails the test if anything leaked.
void fake_machine_free(void);
// cmocka's fixtures for the three.
int fake_machine_set_up(void **state);
int fake_machine_set_up_long(void **state);
int fake_machine_tear_down(void **state);

// One exit of `vcpu`.
enum exit_action fake_machine_exit(struct vm_exit exit);
uint64_t fake_machine_register(enum guest_register which);
void fake_machine_set_register(enum guest_register which, uint64_t value);
// Privilege level: the DPL of SS.
void fake_machine_set_cpl(unsigned cpl);
uint64_t *fake_machine_gpr(void);
// IN and OUT of `width` bytes; in returns the whole RAX.
uint64_t fake_machine_in(uint16_t port, uint8_t width);
void fake_machine_out(uint16_t port, uint8_t width, uint32_t value);
// A write of 32 bits to the I/O APIC of `vm`.
void fake_machine_ioapic_write(unsigned offset, uint32_t value);
// Whether a fault of this vector waits; takes it away.
bool fake_machine_take_fault(uint8_t vector);
// A slice of `vcpu`, 1 ms.
void fake_machine_run(void);
