// SPDX-License-Identifier: MIT
// Counts the pages in a VM's balloon. A unit of which all pages are in it leaves the VM; it comes
// back when the guest wants one of them, or touches it. The map changes only while no vCPU runs.
#include "vmm/vm/vm_balloon.h"

#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/board/pc.h"
#include "vmm/emulate/emulate_cache.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/lock.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

#define ZERO_BYTES (256 * KIB) // between two looks at the clock
#define UNIT_PAGES (HOST_UNIT_BYTES / VIRTIO_BALLOON_PAGE_BYTES)

// A unit: the number of its pages in the balloon, and what is to become of it.
enum {
    UNIT_COUNT = 0x3ff,
    UNIT_FULL = BIT(12),    // all pages are in the balloon, and none was touched since
    UNIT_WANTED = BIT(13),  // the guest wants it back
    UNIT_TOUCHED = BIT(14), // without asking: a vCPU waits for it
    UNIT_GIVEN = BIT(15),   // it is a hole
};

static struct vm_balloon *balloon_of(struct balloon_owner *owner)
{
    return container_of(owner, struct vm_balloon, owner);
}

// NULL: not all of the unit is RAM, so that it stays.
static uint16_t *unit_at(const struct vm_balloon *balloon, uint64_t number)
{
    return number < balloon->unit_count &&
                   guest_memory_at(&balloon->vm->memory, gpa(number * HOST_UNIT_BYTES),
                                   HOST_UNIT_BYTES)
               ? &balloon->units[number]
               : NULL;
}

// ---- From the device ----

static void want(struct vm_balloon *balloon, uint16_t *unit, unsigned how)
{
    *unit |= (uint16_t)how;
    vm_request_resize(balloon->vm);
}

static bool move(struct balloon_owner *owner, uint32_t page, bool away)
{
    struct vm_balloon *balloon = balloon_of(owner);
    uint16_t *unit = unit_at(balloon, page / UNIT_PAGES);
    if (!unit) {
        return true;
    }
    unsigned count = *unit & UNIT_COUNT;
    if (away) {
        *unit += count < UNIT_PAGES;
        if (count == UNIT_PAGES - 1) {
            want(balloon, unit, UNIT_FULL);
        }
    } else if (*unit & UNIT_GIVEN) {
        want(balloon, unit, UNIT_WANTED);
        return false;
    } else {
        *unit = (uint16_t)(count - (count > 0));
    }
    return true;
}

static void reset(struct balloon_owner *owner)
{
    struct vm_balloon *balloon = balloon_of(owner);
    for (uint64_t i = 0; i < balloon->unit_count; i++) {
        uint16_t *unit = &balloon->units[i];
        *unit &= UNIT_GIVEN;
        if (*unit) {
            want(balloon, unit, UNIT_WANTED);
        }
    }
}

static bool has(struct pc_balloon *part, uint64_t gpa, uint64_t bytes)
{
    const struct vm_balloon *balloon = container_of(part, struct vm_balloon, device);
    uint64_t last = bytes > 0 ? gpa + bytes - 1 : gpa;
    for (uint64_t i = gpa / HOST_UNIT_BYTES; i <= last / HOST_UNIT_BYTES; i++) {
        if (balloon->units[i] & UNIT_GIVEN) {
            return false;
        }
    }
    return true;
}

bool vm_touch(struct vm *vm, gpa_t address)
{
    struct vm_balloon *balloon = vm->balloon;
    bool given = false;
    if (balloon && vm->space.holes > 0) {
        lock_take(&vm->pc->lock);
        uint16_t *unit = unit_at(balloon, address.value / HOST_UNIT_BYTES);
        given = unit && *unit & UNIT_GIVEN;
        if (given) {
            want(balloon, unit, UNIT_WANTED | UNIT_TOUCHED);
        }
        lock_give(&vm->pc->lock);
    }
    return given;
}

// ---- While the VM is seized ----

static gpa_t next_gpa(const struct vm_balloon *balloon)
{
    return gpa(balloon->next * HOST_UNIT_BYTES);
}

// Without frames for tables the unit stays.
static void give(struct vm_balloon *balloon, uint16_t *unit)
{
    struct vm *vm = balloon->vm;
    if (vm->vmm->ops->space->unmap(vm->nested, next_gpa(balloon), HOST_UNIT_BYTES) == STATUS_OK) {
        vm->vmm->host->space_make_hole(&vm->space, next_gpa(balloon));
        *unit |= UNIT_GIVEN;
    }
}

// The guest's map has the unit before it is zeroed, but no vCPU runs until it is.
static bool fill(struct vm *vm, gpa_t at)
{
    struct host_run run;
    return vm->vmm->host->space_fill_hole(&vm->space, at) &&
           vm->vmm->host->space_ram(&vm->space, at, &run) == STATUS_OK &&
           vm->vmm->ops->space->map(vm->nested, at, run.hpa, run.bytes, ACCESS_ALL) == run.bytes;
}

// Takes a step to bring the unit back. If that fails, the guest waits for it, or is lost.
static void bring_back(struct vm_balloon *balloon, uint16_t *unit)
{
    struct vm *vm = balloon->vm;
    gpa_t at = next_gpa(balloon);
    if (balloon->zeroed == 0 && !fill(vm, at)) {
        balloon->lacks = true;
        balloon->lost |= *unit & UNIT_TOUCHED;
        balloon->next++;
        return;
    }
    vm->vmm->host->space_zero(&vm->space, gpa(at.value + balloon->zeroed), ZERO_BYTES);
    balloon->zeroed += ZERO_BYTES;
    if (balloon->zeroed == HOST_UNIT_BYTES) {
        *unit &= UNIT_COUNT;
        balloon->zeroed = 0;
        balloon->next++;
    }
}

static void step(struct vm_balloon *balloon)
{
    uint16_t *unit = &balloon->units[balloon->next];
    if ((*unit & (UNIT_WANTED | UNIT_GIVEN)) == (UNIT_WANTED | UNIT_GIVEN)) {
        bring_back(balloon, unit);
        return;
    }
    if ((*unit & (UNIT_FULL | UNIT_GIVEN)) == UNIT_FULL) {
        give(balloon, unit);
    }
    balloon->next++;
}

// What vCPUs remember of their instructions does not know of holes, and the device waits.
static void finish(struct vm_balloon *balloon)
{
    struct vm *vm = balloon->vm;
    balloon->next = 0;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        emulator_forget(&vm->vcpus[i]->emulator_cache);
    }
    if (balloon->lacks) {
        host_log(vm->vmm->host, "[%s] waits for memory that it gave away", vm->config.name);
        return;
    }
    lock_take(&vm->pc->lock);
    virtio_balloon_look(&balloon->device.balloon);
    pc_virtio_wake(&balloon->device.part);
    lock_give(&vm->pc->lock);
}

bool vm_balloon_continue(struct vm *vm, uint64_t end_ns)
{
    struct vm_balloon *balloon = vm->balloon;
    const struct host *host = vm->vmm->host;
    host->space_enter(&vm->space);
    do {
        step(balloon);
    } while (balloon->next < balloon->unit_count && host->now_ns() < end_ns);
    bool done = balloon->next == balloon->unit_count;
    if (done) {
        finish(balloon);
    }
    host->space_enter(NULL);
    return done;
}

// ---- Life ----

bool vm_balloon_create(struct vm *vm)
{
    vm->balloon = vm->vmm->host->allocate(sizeof(*vm->balloon));
    if (vm->balloon) {
        *vm->balloon =
            (struct vm_balloon){.vm = vm, .owner = {move, reset}, .device = {.has = has}};
    }
    return vm->balloon;
}

bool vm_balloon_build(struct vm *vm)
{
    struct vm_balloon *balloon = vm->balloon;
    const struct guest_extent *last = &vm->memory.extents[vm->memory.extent_count - 1];
    balloon->unit_count =
        ALIGN_UP(last->gpa.value + last->bytes, HOST_UNIT_BYTES) / HOST_UNIT_BYTES;
    balloon->units = vm->vmm->host->allocate(balloon->unit_count * sizeof(*balloon->units));
    balloon->next = 0;
    balloon->zeroed = 0;
    balloon->lost = false;
    return balloon->units;
}

void vm_balloon_attach(struct vm *vm)
{
    (void)!pc_balloon_attach(vm->pc, &vm->balloon->device, &vm->balloon->owner);
}

void vm_balloon_clear(struct vm *vm)
{
    struct vm_balloon *balloon = vm->balloon;
    if (balloon && balloon->units) {
        vm->vmm->host->release(balloon->units, balloon->unit_count * sizeof(*balloon->units));
        balloon->units = NULL;
    }
}

// ---- For the monitor ----

void vm_balloon_tell(struct vm *vm, void *bytes)
{
    if (!vm->pc) {
        return;
    }
    struct virtio_balloon *balloon = &vm->balloon->device.balloon;
    lock_take(&vm->pc->lock);
    virtio_balloon_ask(balloon);
    pc_virtio_wake(&vm->balloon->device.part);
    if (bytes) {
        virtio_balloon_set(balloon, (uint32_t)(*(uint64_t *)bytes / VIRTIO_BALLOON_PAGE_BYTES));
        vm_request_resize(vm); // if it waits for memory, the machine may have some now
    }
    lock_give(&vm->pc->lock);
}
