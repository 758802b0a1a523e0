// SPDX-License-Identifier: MIT
// The fake back end: does with plain memory what arch/vmx does around vcpu_handle_exit.
#include "tests/host/fake_backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_host.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/string.h"

struct fake_backend fake_backend;

// ---- Life ----

static enum status create_space(struct nested_space **space)
{
    if (fake_host_step_fails()) {
        return STATUS_NO_MEMORY;
    }
    *space = calloc(1, sizeof(**space));
    assert_non_null(*space);
    fake_backend.live_nested++;
    return STATUS_OK;
}

// A piece is the mapping that was made last.
static bool destroy_space(struct nested_space *space)
{
    assert_non_null(space);
    fake_host.operations++;
    if (space->map_count > 0) {
        space->map_count--;
        return false;
    }
    fake_backend.live_nested--;
    free(space);
    return true;
}

static unsigned features(void)
{
    return fake_backend.features;
}

struct vcpu_core **fake_backend_current(void)
{
    return &fake_backend.current[fake_host.cpu];
}

// Checks that the vCPU's state is not still in another CPU, as an active VMCS or FPU registers are.
static void check_cpu(const struct backend_vcpu *backend)
{
    assert_non_null(backend);
    assert_true(!backend->in_cpu || backend->cpu == fake_host.cpu);
}

static void load_vcpu(struct vcpu_core *vcpu)
{
    check_cpu(vcpu->backend);
    vcpu->backend->in_cpu = true;
    vcpu->backend->cpu = fake_host.cpu;
    *fake_backend_current() = vcpu;
}

static void unload_vcpu(struct vcpu_core *vcpu)
{
    check_cpu(vcpu->backend);
    vcpu->backend->in_cpu = false;
    if (*fake_backend_current() == vcpu) {
        *fake_backend_current() = NULL;
    }
}

static enum status create_vcpu(struct vcpu_core *vcpu, struct reason *why)
{
    if (fake_host_step_fails()) {
        return refuse(why, STATUS_NO_MEMORY, "no frame for a vCPU");
    }
    assert_non_null(vcpu->nested);
    assert_int_not_equal(vcpu->host_cr3, 0);
    vcpu->backend = calloc(1, sizeof(*vcpu->backend));
    assert_non_null(vcpu->backend);
    vcpu->backend->registers[REG_DR6] = DR6_FIXED;
    vcpu->backend->registers[REG_DR7] = DR7_FIXED;
    vcpu->backend->registers[REG_XCR0] = XCR0_X87;
    vcpu->backend->apic_access =
        fake_backend.features & FEATURE_APIC ? APIC_ACCESS_MEMORY : APIC_ACCESS_EXITS;
    fake_backend.live_vcpus++;
    load_vcpu(vcpu);
    return STATUS_OK;
}

static void destroy_vcpu(struct vcpu_core *vcpu)
{
    unload_vcpu(vcpu);
    fake_backend.live_vcpus--;
    free(vcpu->backend);
    vcpu->backend = NULL;
}

// ---- Registers ----

// The vCPU, which must be the CPU's current one: real registers can be reached only for that one.
static struct backend_vcpu *loaded(const struct vcpu_core *vcpu)
{
    assert_ptr_equal(vcpu, *fake_backend_current());
    return vcpu->backend;
}

static uint64_t get_register(const struct vcpu_core *vcpu, enum guest_register which)
{
    const struct backend_vcpu *backend = loaded(vcpu);
    assert_in_range(which, 0, REG_COUNT - 1);
    switch (which) {
    case REG_CPL:
        return backend->segments[SEGMENT_SS].attributes >> SEGMENT_DPL_SHIFT & 3;
    case REG_EVENT_WAITING:
        return backend->event_waiting;
    default:
        return backend->registers[which];
    }
}

static void set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value)
{
    if (which == REG_EVENT_WAITING) {
        assert_int_equal(value, 0);
        loaded(vcpu)->event_waiting = false;
        return;
    }
    assert_true(which <= REG_TSC_OFFSET || which >= REG_TRAP);
    loaded(vcpu)->registers[which] = value;
}

static void get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                        struct segment *segment)
{
    assert_in_range(which, 0, SEGMENT_COUNT - 1);
    *segment = loaded(vcpu)->segments[which];
}

static void set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                        const struct segment *segment)
{
    assert_in_range(which, 0, SEGMENT_COUNT - 1);
    loaded(vcpu)->segments[which] = *segment;
}

// ---- Events ----

bool fake_backend_offer(struct backend_vcpu *backend, const struct event *event)
{
    assert_false(event->type == EVENT_INTERRUPT && backend->event_waiting);
    if (backend->event_waiting ||
        (event->type == EVENT_NMI && backend->registers[REG_INTERRUPT_SHADOW])) {
        return false;
    }
    backend->event_waiting = true;
    backend->event = *event;
    return true;
}

static bool inject(struct vcpu_core *vcpu, const struct event *event)
{
    return fake_backend_offer(loaded(vcpu), event);
}

static void request_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    loaded(vcpu)->window = wanted;
    fake_backend.window_requests++;
}

static void request_nmi_window(struct vcpu_core *vcpu)
{
    assert_false(loaded(vcpu)->registers[REG_INTERRUPT_SHADOW] & SHADOW_STI);
    loaded(vcpu)->nmi_window = true;
}

// Delivers the event, and clears IF as the processor does when it calls the handler.
static void deliver(struct backend_vcpu *backend)
{
    uint64_t *flags = &backend->registers[REG_RFLAGS];
    if (backend->event.type == EVENT_INTERRUPT) { // else the entry fails (SDM Vol. 3C 27.3.1.4)
        assert_true(*flags & RFLAGS_IF);
        assert_int_equal(backend->registers[REG_INTERRUPT_SHADOW] & (SHADOW_STI | SHADOW_MOV_SS),
                         0);
        *flags &= ~(uint64_t)RFLAGS_IF;
    } else if (backend->event.type == EVENT_NMI) {
        assert_int_equal(backend->registers[REG_INTERRUPT_SHADOW] & SHADOW_NMI, 0);
        backend->registers[REG_INTERRUPT_SHADOW] |= SHADOW_NMI;
    }
    backend->event_waiting = false;
    fake_backend.events[fake_backend.event_count++ % FAKE_EVENTS_MAX] = backend->event;
}

// ---- A processor that serves the APIC out of its page (SDM Vol. 3C 30.2) ----

static void set_apic_access(struct vcpu_core *vcpu, enum apic_access access)
{
    assert_true(fake_backend.features & FEATURE_APIC);
    assert_true(loaded(vcpu)->apic_access != access); // a call must change it
    loaded(vcpu)->apic_access = access;
}

static void show_apic_page(struct nested_space *space, bool shown)
{
    assert_true(fake_backend.features & FEATURE_APIC);
    assert_true(space->apic_page_hidden == shown); // a call must change it
    space->apic_page_hidden = !shown;
}

static void set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service)
{
    assert_true(loaded(vcpu)->apic_access != APIC_ACCESS_EXITS);
    loaded(vcpu)->requested = requested;
    loaded(vcpu)->in_service = in_service;
}

static void set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4])
{
    assert_true(loaded(vcpu)->apic_access != APIC_ACCESS_EXITS);
    memcpy(loaded(vcpu)->eoi_exits, vectors, sizeof(loaded(vcpu)->eoi_exits));
}

// SDM Vol. 3C 30.6: the processor clears ON before it reads the requests.
void fake_backend_take_posted(struct vcpu_core *vcpu)
{
    struct posted_interrupts *descriptor = vcpu->posted;
    struct lapic_page *page = vcpu->apic_page;
    assert_true(vcpu->backend->apic_access != APIC_ACCESS_EXITS);
    __atomic_and_fetch(&descriptor->flags, ~(uint32_t)POSTED_ON, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = __atomic_fetch_and(
            &descriptor->vectors[i / 2], ~(UINT64_C(0xffffffff) << 32 * (i % 2)), __ATOMIC_SEQ_CST);
        uint32_t bits = (uint32_t)(word >> 32 * (i % 2));

        page->reg[LAPIC_IRR + i].value |= bits;
        if (bits) {
            unsigned highest = 32 * i + 31U - (unsigned)__builtin_clz(bits);
            vcpu->backend->requested = (uint8_t)MAX(vcpu->backend->requested, highest);
        }
    }
}

static bool is_open(const struct backend_vcpu *backend)
{
    return (backend->registers[REG_RFLAGS] & RFLAGS_IF) &&
           !(backend->registers[REG_INTERRUPT_SHADOW] & (SHADOW_STI | SHADOW_MOV_SS));
}

// Takes the requested interrupt if its class is above that in service and the task priority.
static void serve_apic(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = loaded(vcpu);
    struct lapic_page *page = vcpu->apic_page;
    uint8_t vector = backend->requested;
    uint32_t priority = MAX(page->reg[LAPIC_TPR].value, backend->in_service);
    if (vector >> 4 <= priority >> 4 || !is_open(backend) || backend->window) {
        return;
    }
    assert_true(page->reg[LAPIC_IRR + vector / 32].value & 1U << vector % 32);
    page->reg[LAPIC_IRR + vector / 32].value &= ~(1U << vector % 32);
    page->reg[LAPIC_ISR + vector / 32].value |= 1U << vector % 32;
    backend->in_service = vector;
    backend->requested = 0; // the tests request one at a time
    backend->registers[REG_RFLAGS] &= ~(uint64_t)RFLAGS_IF;
    fake_backend.events[fake_backend.event_count++ % FAKE_EVENTS_MAX] =
        (struct event){.type = EVENT_INTERRUPT, .vector = vector};
}

bool fake_backend_enter(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = loaded(vcpu);
    assert_int_equal(fake_host.cr3[fake_host.cpu],
                     vcpu->host_cr3); // else the first exit would change CR3
    if (backend->event_waiting) {
        deliver(backend);
    }
    if (fake_host.posted_kicks[fake_host.cpu] && backend->apic_access != APIC_ACCESS_EXITS) {
        fake_backend_take_posted(vcpu);
    }
    if (backend->apic_access != APIC_ACCESS_EXITS) {
        serve_apic(vcpu);
    }
    if (backend->nmi_window &&
        !(backend->registers[REG_INTERRUPT_SHADOW] & (SHADOW_NMI | SHADOW_MOV_SS))) {
        backend->nmi_window = false;
        return true;
    }
    return backend->window && is_open(backend);
}

const struct event *fake_backend_last_event(void)
{
    const struct vcpu_core *vcpu = *fake_backend_current();
    if (vcpu && vcpu->backend->event_waiting) {
        return &vcpu->backend->event;
    }
    return fake_backend.event_count
               ? &fake_backend.events[(fake_backend.event_count - 1) % FAKE_EVENTS_MAX]
               : NULL;
}

bool fake_backend_fault_waits(const struct vcpu_core *vcpu, uint8_t vector)
{
    const struct backend_vcpu *backend = loaded(vcpu);
    return backend->event_waiting && backend->event.type == EVENT_EXCEPTION &&
           backend->event.vector == vector;
}

// ---- Running ----

static void advance(struct backend_vcpu *backend, unsigned length)
{
    backend->registers[REG_RIP] += length;
    backend->registers[REG_INTERRUPT_SHADOW] &= ~(uint64_t)(SHADOW_STI | SHADOW_MOV_SS);
}

enum exit_action fake_backend_exit(struct vcpu_core *vcpu, struct vm_exit exit)
{
    struct backend_vcpu *backend = loaded(vcpu);
    if (exit.kind == EXIT_HYPERCALL) {
        exit.hypercall.cpl = (uint8_t)get_register(vcpu, REG_CPL);
    }
    vcpu->exits[exit.kind]++;
    fake_backend.last_action = vcpu_handle_exit(vcpu, &exit);
    switch (fake_backend.last_action) {
    case ADVANCE:
        advance(backend, FAKE_INSTRUCTION_BYTES);
        break;
    case ADVANCE_DECODED:
        assert_in_range(exit.length, 1, 15);
        advance(backend, exit.length);
        break;
    case RETRY:
        break;
    case STOP:
        assert_true(vcpu->work & WORK_STOP); // else the guest would be entered again
        break;
    }
    return fake_backend.last_action;
}

void fake_backend_compute(struct vcpu_core *vcpu)
{
    fake_host.now_ns = MAX(fake_host.now_ns, vcpu->deadline_ns);
    vcpu->exits[EXIT_HOST]++;
    bool disturbed = fake_host.host.disturbed();
    if (!disturbed && fake_backend.renewals > 0 && vcpu_goes_on(vcpu)) {
        fake_backend.renewals--;
    } else {
        __atomic_or_fetch(&vcpu->work, WORK_HOST, __ATOMIC_RELAXED);
    }
}

static void play(struct vcpu_core *vcpu)
{
    if (fake_backend.script_at == fake_backend.script_length) {
        fake_backend_compute(vcpu);
        return;
    }
    const struct fake_step *step = &fake_backend.script[fake_backend.script_at++];

    if (step->before) {
        step->before(vcpu);
    }
    fake_host.now_ns += step->takes_ns;
    fake_backend_exit(vcpu, step->exit);
}

static void run(struct vcpu_core *vcpu)
{
    load_vcpu(vcpu);
    fake_backend.runs++;
    do {
        if (fake_backend_enter(vcpu)) {
            fake_backend_exit(vcpu, (struct vm_exit){.kind = EXIT_INTERRUPT_WINDOW});
        } else if (fake_backend.guest) {
            fake_backend.guest(vcpu);
        } else {
            play(vcpu);
        }
        if (__atomic_load_n(&vcpu->work, __ATOMIC_RELAXED) == WORK_EVENTS) {
            vcpu_handle_events(vcpu);
        }
    } while (__atomic_load_n(&vcpu->work, __ATOMIC_RELAXED) == 0);
}

void fake_backend_play(const struct fake_step *script, unsigned length)
{
    fake_backend.guest = NULL;
    fake_backend.script = script;
    fake_backend.script_length = length;
    fake_backend.script_at = 0;
}

// ---- The nested page table ----

static uint64_t map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access)
{
    fake_host.operations++;
    bytes = MIN(bytes, FAKE_MAP_BYTES - gpa.value % FAKE_MAP_BYTES);
    assert_true(bytes > 0 && IS_ALIGNED(bytes, PAGE_SIZE));
    assert_true(IS_ALIGNED(gpa.value, PAGE_SIZE) && IS_ALIGNED(hpa.value, PAGE_SIZE));
    if (fake_host_step_fails()) {
        return 0;
    }
    assert_true(space->map_count < FAKE_MAPS_MAX);
    space->maps[space->map_count++] = (struct fake_map){gpa, hpa, bytes, access};
    return bytes;
}

// Shadows what was mapped before: the newest map counts.
static enum status unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    if (fake_host_step_fails()) {
        return STATUS_NO_MEMORY;
    }
    assert_true(space->map_count < FAKE_MAPS_MAX);
    space->maps[space->map_count++] = (struct fake_map){.gpa = gpa, .bytes = bytes};
    return STATUS_OK;
}

struct fake_map fake_backend_mapping(const struct nested_space *nested, gpa_t gpa)
{
    for (unsigned i = nested->map_count; i-- > 0;) {
        const struct fake_map *found = &nested->maps[i];
        uint64_t offset = gpa.value - found->gpa.value;

        if (offset < found->bytes) {
            return (struct fake_map){gpa, hpa(found->hpa.value + offset), found->bytes - offset,
                                     found->access};
        }
    }
    return (struct fake_map){.gpa = gpa};
}

// One entry, which maps a page of 4 KiB.
static void find(struct nested_space *space, gpa_t gpa, struct nested_way *way)
{
    struct fake_map map = fake_backend_mapping(space, gpa);
    *way = (struct nested_way){.step_count = 1,
                               .steps = {{hpa(0xf000), map.hpa.value | map.access, map.access}},
                               .page_bytes = map.access ? PAGE_SIZE : 0,
                               .hpa = map.hpa,
                               .memory_type = 6};
}

static void intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes)
{
    assert_true(space->msr_count < FAKE_MSRS_MAX);
    space->msrs[space->msr_count++] = (struct fake_intercept){msr, reads, writes};
}

// ---- The rest ----

static void get_vector(struct vcpu_core *vcpu, unsigned number, struct vector *value)
{
    *value = loaded(vcpu)->vectors[number];
}

static void set_vector(struct vcpu_core *vcpu, unsigned number, const struct vector *value)
{
    loaded(vcpu)->vectors[number] = *value;
}

static void dump(const struct vcpu_core *vcpu, void (*line)(const char *text))
{
    (void)loaded(vcpu);
    fake_backend.dumps++;
    line("the whole state");
}

static void explain(const struct vcpu_core *vcpu, struct reason *why)
{
    (void)loaded(vcpu);
    text_copy(why->text, sizeof(why->text), "the manual's words");
}

void fake_backend_init(void)
{
    static const struct space_ops space = {.create = create_space,
                                           .destroy = destroy_space,
                                           .map = map,
                                           .unmap = unmap,
                                           .find = find,
                                           .intercept_msr = intercept_msr};
    static const struct apic_ops apic = {.set_access = set_apic_access,
                                         .show_page = show_apic_page,
                                         .set_interrupt_status = set_interrupt_status,
                                         .set_eoi_exits = set_eoi_exits};
    static const struct vector_ops vectors = {get_vector, set_vector};
    static const struct vcpu_ops ops = {.name = "fake",
                                        .loads_pdptes = true,
                                        .vectors = &vectors,
                                        .space = &space,
                                        .apic = &apic,
                                        .features = features,
                                        .create_vcpu = create_vcpu,
                                        .destroy_vcpu = destroy_vcpu,
                                        .load_vcpu = load_vcpu,
                                        .unload_vcpu = unload_vcpu,
                                        .run = run,
                                        .get_register = get_register,
                                        .set_register = set_register,
                                        .get_segment = get_segment,
                                        .set_segment = set_segment,
                                        .inject = inject,
                                        .request_interrupt_window = request_interrupt_window,
                                        .request_nmi_window = request_nmi_window,
                                        .dump = dump,
                                        .explain = explain};
    fake_backend = (struct fake_backend){.ops = ops, .features = FEATURE_RDTSCP | FEATURE_INVPCID};
}
