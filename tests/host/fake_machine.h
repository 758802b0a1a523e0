// SPDX-License-Identifier: MIT
// A machine with VMs on it, for tests. Host and back end are fakes, everything else is real.
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
    struct vm *vm; // the one that fake_machine_start made
    struct vcpu *vcpu;
};

extern struct fake_machine fake_machine;

void fake_machine_init(void);
// Makes a VM on CPU 0 with a boot sector to run. It is VM_OFF.
struct vm *fake_machine_add(const char *name);
// The same with several vCPUs, which take turns on the CPUs whose bits are set.
struct vm *fake_machine_add_smp(const char *name, unsigned vcpus, uint64_t cpus);
// One that a line of words describes, which are right. NULL: it cannot be made, and `why` says why.
struct vm *fake_machine_add_line(const char *line, struct reason *why);
// Starts, resets or stops a VM, and goes on until it runs, has failed or is off. Returns the status
// of vm_start, vm_reset or vm_stop.
enum status fake_machine_vm_start(struct vm *vm, struct reason *why);
enum status fake_machine_vm_reset(struct vm *vm, struct reason *why);
enum status fake_machine_vm_stop(struct vm *vm, struct reason *why);
// The guest stops the timer that the firmware left running, as most systems do.
void fake_machine_stop_timer(const struct vm *vm);
// Goes on with a start or a stop to its end, on the VM's home CPU. A VM that runs then has stopped
// its timer.
void fake_machine_finish(struct vm *vm);
// Starts one VM `web`, loads its vCPU and enters its memory. For tests of single exits.
void fake_machine_start(void);
// fake_machine_start on a processor that serves local APICs.
void fake_machine_start_served(void);
// fake_machine_start with the vCPU in 64-bit mode, interrupts off.
void fake_machine_start_long(void);
// Starts one VM `web` with several vCPUs: even numbers are on CPU 0, odd ones on CPU 1. None of
// them is held or loaded, and all but the first wait for a SIPI.
void fake_machine_start_smp(unsigned vcpus);
// fake_machine_start_smp with a back end that takes posted interrupts.
void fake_machine_start_posted(unsigned vcpus);
// Sends the other vCPUs their SIPIs. Each CPU takes a step for each of its vCPUs.
void fake_machine_start_processors(void);
// One step of a CPU's scheduler. `wake_ns` may be NULL.
bool fake_machine_step(unsigned cpu, uint64_t *wake_ns);
// Makes `vcpu` the one that runs on that CPU now. NULL: the CPU chooses or is idle.
void fake_machine_set_current(unsigned cpu, const struct vcpu *vcpu);
// Puts a vCPU to sleep on its idle CPU until something of that urgency comes.
void fake_machine_sleep(struct vm *vm, unsigned index, unsigned urgency);
// Whether something has woken that vCPU since then.
bool fake_machine_woken(const struct vm *vm, unsigned index);
// Stops and frees all VMs; fails the test if anything leaked.
void fake_machine_free(void);
// Fixtures for cmocka.
int fake_machine_set_up(void **state);
int fake_machine_set_up_long(void **state);
int fake_machine_tear_down(void **state);

// One exit of `vcpu`.
enum exit_action fake_machine_exit(struct vm_exit exit);
uint64_t fake_machine_register(enum guest_register which);
void fake_machine_set_register(enum guest_register which, uint64_t value);
// Sets the privilege level, which is the DPL of SS.
void fake_machine_set_cpl(unsigned cpl);
uint64_t *fake_machine_gpr(void);
// IN and OUT of `width` bytes. fake_machine_in returns the whole RAX.
uint64_t fake_machine_in(uint16_t port, uint8_t width);
void fake_machine_out(uint16_t port, uint8_t width, uint32_t value);
// Gives the 8259s their vectors, from 0x20 and 0x28 on, and masks nothing.
void fake_machine_program_pics(void);
// A write of 32 bits to the I/O APIC of `vm`.
void fake_machine_ioapic_write(unsigned offset, uint32_t value);
// Whether a fault of this vector waits. If so, it is taken away.
bool fake_machine_take_fault(uint8_t vector);
// The host time of the first event of a vCPU's timers.
uint64_t fake_machine_next_event_ns(const struct vcpu *vcpu);
// Runs `vcpu` for a slice of 1 ms.
void fake_machine_run(void);
