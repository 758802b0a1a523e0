// SPDX-License-Identifier: MIT
// The back end of CPUs that are threads, and what guests do there.
#include "tests/host/vm/threaded_backend.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/apic_registers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_backend.h"
#include "tests/host/fake_host.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_nets.h"

_Thread_local uint32_t threaded_seed;

unsigned threaded_random(unsigned end)
{
    threaded_seed ^= threaded_seed << 13;
    threaded_seed ^= threaded_seed >> 17;
    threaded_seed ^= threaded_seed << 5;
    return threaded_seed % end;
}

static struct backend_vcpu *loaded(const struct vcpu_core *vcpu)
{
    assert_true(vcpu->backend->in_cpu);
    assert_int_equal(vcpu->backend->cpu, fake_host.host.this_cpu());
    return vcpu->backend;
}

// These are no atomic accesses: a CPU that touches a vCPU before another CPU has let it go is found
// by ThreadSanitizer.
static void load_vcpu(struct vcpu_core *vcpu)
{
    assert_true(!vcpu->backend->in_cpu || vcpu->backend->cpu == fake_host.host.this_cpu());
    vcpu->backend->in_cpu = true;
    vcpu->backend->cpu = fake_host.host.this_cpu();
}

static void unload_vcpu(struct vcpu_core *vcpu)
{
    assert_true(!vcpu->backend->in_cpu || vcpu->backend->cpu == fake_host.host.this_cpu());
    vcpu->backend->in_cpu = false;
}

static uint64_t get_register(const struct vcpu_core *vcpu, enum guest_register which)
{
    const struct backend_vcpu *backend = loaded(vcpu);
    return which == REG_EVENT_WAITING ? backend->event_waiting : backend->registers[which];
}

static void set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value)
{
    loaded(vcpu)->registers[which] = value;
}

static void get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                        struct segment *segment)
{
    *segment = loaded(vcpu)->segments[which];
}

static void set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                        const struct segment *segment)
{
    loaded(vcpu)->segments[which] = *segment;
}

static bool inject(struct vcpu_core *vcpu, const struct event *event)
{
    return fake_backend_offer(loaded(vcpu), event);
}

static void request_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    loaded(vcpu)->window = wanted;
}

static void request_nmi_window(struct vcpu_core *vcpu)
{
    loaded(vcpu)->nmi_window = true;
}

// ---- Guests ----

static void exit_with(struct vcpu_core *core, struct vm_exit exit)
{
    (void)vcpu_handle_exit(core, &exit);
}

static void send_ipi(struct vcpu_core *core)
{
    static const uint32_t commands[] = {0x4041, 0x4052, 0x4400, 0x4500, 0x4610, 0x4610};
    uint32_t command = commands[threaded_random(ARRAY_SIZE(commands))];
    uint64_t to_all = (uint64_t)APIC_ALL_BUT_SELF << APIC_ICR_SHORTHAND_SHIFT;
    exit_with(core, (struct vm_exit){.kind = EXIT_IPI, .ipi = {.icr = to_all | command}});
}

// Sends a frame to the card of the other VM, and takes one that waits, as the device does.
static void use_card(struct vcpu *vcpu)
{
    static const uint8_t rest[100] = {0};
    struct vm_net *net = &vcpu->vm->nets->nets[0];
    struct net_port *port = &net->port.port;
    struct net_packet packet = {.bytes = NET_ETHERNET_BYTES + sizeof(rest), .rest = rest};
    int64_t budget = MIB;
    memcpy(packet.ethernet, net->mac.bytes, NET_MAC_BYTES);
    memcpy(packet.ethernet + NET_MAC_BYTES, net->mac.bytes, NET_MAC_BYTES);
    packet.ethernet[4] ^= 1 ^ 2; // the first VM has 1 there, the second 2
    lock_take(&vcpu->vm->pc->lock);
    (void)!port->send(port, &packet, &budget);
    struct net_frame *frame = port->next(port);
    if (frame) {
        port->release(port, frame);
    }
    lock_give(&vcpu->vm->pc->lock);
}

static void use_devices(struct vcpu *vcpu)
{
    struct pc *pc = vcpu->vm->pc;
    uint64_t ignored;
    switch (threaded_random(7)) {
    case 0: // redirects the timer's interrupt to one of the vCPUs
        (void)!pc_memory_write(pc, gpa(IOAPIC_DEFAULT_BASE), 4, 0x14);
        (void)!pc_memory_write(pc, gpa(IOAPIC_DEFAULT_BASE + 0x10), 4, 0x31);
        break;
    case 1:
        pc_port_write(pc, 0x43, 1, 0x34);
        pc_port_write(pc, 0x40, 1, 0);
        pc_port_write(pc, 0x40, 1, 1);
        break;
    case 2:
        (void)vcpu_write_lapic(vcpu, LAPIC_SVR, 0x1ff);
        break;
    case 3:
        (void)vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, 0x20040);
        (void)vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, 20000);
        break;
    case 4:
        (void)!vcpu_read_lapic(vcpu, LAPIC_PPR, &ignored);
        break;
    case 5:
        use_card(vcpu);
        break;
    default:
        (void)vcpu_write_lapic(vcpu, LAPIC_TPR, threaded_random(256));
        break;
    }
}

static void live(struct vcpu_core *core)
{
    struct exit_io send = {.port = 0x3f8, .width = 1};
    switch (threaded_random(8)) {
    case 0:
    case 1:
        send_ipi(core);
        break;
    case 2:
        exit_with(core, (struct vm_exit){.kind = EXIT_HLT});
        break;
    case 3:
        exit_with(core, (struct vm_exit){.kind = EXIT_PAUSE});
        break;
    case 4:
        exit_with(core, (struct vm_exit){.kind = EXIT_IO, .io = send});
        break;
    case 5:
        if (threaded_random(200) == 0) { // the IDT is empty: a reset
            core->backend->segments[SEGMENT_IDTR].limit = 0;
            exit_with(core, (struct vm_exit){.kind = EXIT_TRIPLE_FAULT});
        }
        break;
    default:
        use_devices(vcpu_of(core));
        break;
    }
}

static void take_event(struct vcpu_core *core)
{
    struct backend_vcpu *backend = loaded(core);
    bool interrupt = backend->event_waiting && backend->event.type == EVENT_INTERRUPT;
    backend->event_waiting = false;
    backend->registers[REG_RFLAGS] |= RFLAGS_IF;
    if (interrupt) {
        (void)vcpu_write_lapic(vcpu_of(core), LAPIC_EOI, 0);
    }
    if (backend->window || backend->nmi_window) {
        backend->nmi_window = false;
        exit_with(core, (struct vm_exit){.kind = EXIT_INTERRUPT_WINDOW});
    }
}

#define RENEWALS 3 // of a run

static void run(struct vcpu_core *core)
{
    unsigned renewals = 0;
    load_vcpu(core);
    do {
        take_event(core);
        live(core);
        bool late = fake_host.host.now_ns() >= core->deadline_ns;
        if (threaded_take_kick() || (late && (++renewals > RENEWALS || !vcpu_goes_on(core)))) {
            __atomic_or_fetch(&core->work, WORK_HOST, __ATOMIC_RELAXED);
        }
        if (__atomic_load_n(&core->work, __ATOMIC_RELAXED) == WORK_EVENTS) {
            vcpu_handle_events(core);
        }
    } while (__atomic_load_n(&core->work, __ATOMIC_RELAXED) == 0);
}

void threaded_backend_init(void)
{
    struct vcpu_ops *ops = &fake_backend.ops;
    ops->load_vcpu = load_vcpu;
    ops->unload_vcpu = unload_vcpu;
    ops->run = run;
    ops->get_register = get_register;
    ops->set_register = set_register;
    ops->get_segment = get_segment;
    ops->set_segment = set_segment;
    ops->inject = inject;
    ops->request_interrupt_window = request_interrupt_window;
    ops->request_nmi_window = request_nmi_window;
}
