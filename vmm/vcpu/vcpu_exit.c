// SPDX-License-Identifier: MIT
// What happens at each kind of VM exit: one line a case.
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/board/pc.h"
#include "vmm/debug/flight_text.h"
#include "vmm/exit.h"
#include "vmm/host.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/control_registers.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/hypercall.h"
#include "vmm/vcpu/memory_exit.h"
#include "vmm/vcpu/msr.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_breakpoints.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vm/vm.h"

static enum exit_action answer_cpuid(uint64_t *gpr, const struct cpuid_registers *answer)
{
    gpr[GPR_RAX] = answer->eax;
    gpr[GPR_RBX] = answer->ebx;
    gpr[GPR_RCX] = answer->ecx;
    gpr[GPR_RDX] = answer->edx;
    return ADVANCE;
}

// Leaf 0DH depends on XCR0, and on some machines a guest can write XCR0 without an exit.
static NOT_INLINE enum exit_action search_cpuid(struct vcpu *vcpu)
{
    uint64_t *gpr = vcpu->core.registers.gpr;
    if ((uint32_t)gpr[GPR_RAX] == 0xd) {
        cpuid_table_set_xcr0(&vcpu->cpuid, vcpu_register(vcpu, REG_XCR0));
    }
    struct cpuid_registers answer =
        cpuid_table_find(&vcpu->cpuid, (uint32_t)gpr[GPR_RAX], (uint32_t)gpr[GPR_RCX]);
    return answer_cpuid(gpr, &answer);
}

static NOT_INLINE enum exit_action handle_cpuid(struct vcpu *vcpu)
{
    uint64_t *gpr = vcpu->core.registers.gpr;
    const struct cpuid_registers *plain = cpuid_table_plain(&vcpu->cpuid, (uint32_t)gpr[GPR_RAX]);
    return plain ? answer_cpuid(gpr, plain) : search_cpuid(vcpu);
}

static inline __attribute__((always_inline)) void io_in(struct vcpu *vcpu, const struct exit_io *io)
{
    uint64_t *rax = &vcpu->core.registers.gpr[GPR_RAX];
    uint32_t value = pc_port_read(vcpu->vm->pc, io->port, io->width);
    switch (io->width) {
    case 1:
        __builtin_memcpy(rax, &value, 1);
        break;
    case 2:
        __builtin_memcpy(rax, &value, 2);
        break;
    default:
        *rax = value; // a 32-bit result clears the upper half
        break;
    }
}

static inline __attribute__((always_inline)) enum exit_action move_data(struct vcpu *vcpu,
                                                                        const struct exit_io *io)
{
    if (io->in) {
        io_in(vcpu, io);
    } else {
        pc_port_write(vcpu->vm->pc, io->port, io->width,
                      (uint32_t)vcpu->core.registers.gpr[GPR_RAX]);
    }
    return ADVANCE;
}

// String I/O, or the guest may have a breakpoint at the port.
static NOT_INLINE enum exit_action handle_rare_io(struct vcpu *vcpu, struct vm_exit *exit)
{
    if (exit->io.string) {
        return vcpu_string_io_exit(vcpu, exit);
    }
    vcpu_breakpoints_at_port(vcpu, &exit->io);
    return move_data(vcpu, &exit->io);
}

static NOT_INLINE enum exit_action handle_io(struct vcpu *vcpu, struct vm_exit *exit)
{
    if (__builtin_expect(exit->io.string | vcpu->uses_breakpoints, false)) {
        return handle_rare_io(vcpu, exit);
    }
    return move_data(vcpu, &exit->io);
}

static NOT_INLINE enum exit_action handle_interrupt_window(struct vcpu *vcpu)
{
    vcpu_post_work(vcpu, WORK_EVENTS);
    return RETRY;
}

// The vCPU that this one waits for may need this CPU, so the next one in turn gets it.
static NOT_INLINE enum exit_action handle_pause(struct vcpu *vcpu)
{
    vcpu->gives_way = true;
    vcpu_post_work(vcpu, WORK_YIELD);
    return ADVANCE;
}

// A PC resets at a triple fault. With an empty IDT the guest wants that: GRUB and Linux reboot so.
// With any other IDT it is a mistake of the guest, and stopping the VM tells more about it.
static NOT_INLINE enum exit_action handle_triple_fault(struct vcpu *vcpu)
{
    struct segment idt;
    vcpu->ops->get_segment(&vcpu->core, SEGMENT_IDTR, &idt);
    if (idt.limit == 0) {
        vm_request_reset(vcpu->vm);
        return STOP;
    }
    vm_fail(vcpu->vm, "triple fault at RIP 0x%llx",
            (unsigned long long)vcpu_register(vcpu, REG_RIP));
    return STOP;
}

static NOT_INLINE enum exit_action handle_machine_check(struct vcpu *vcpu)
{
    vm_fail(vcpu->vm, "machine check at RIP 0x%llx: the machine's memory or processor failed",
            (unsigned long long)vcpu_register(vcpu, REG_RIP));
    return STOP;
}

// #DB and #AC exit only so that their delivery cannot loop inside the CPU. They are handed on to
// the guest. On hardware, an #AC during the delivery of another event is itself delivered (SDM Vol.
// 3A table 6-5), which may go on for ever. Here it becomes a double fault. During the delivery of a
// double fault it becomes a triple fault, as a fault of a contributory class does. So the loop
// ends.
static enum exit_action handle_nested_ac(struct vcpu *vcpu, enum exit_delivery delivery)
{
    return delivery == DELIVERY_DOUBLE_FAULT ? handle_triple_fault(vcpu)
                                             : vcpu_fault_code(vcpu, VECTOR_DF, 0);
}

static NOT_INLINE enum exit_action handle_exception(struct vcpu *vcpu,
                                                    const struct exit_exception *exception)
{
    if (exception->vector == VECTOR_AC && exception->delivery != DELIVERY_NONE) {
        return handle_nested_ac(vcpu, exception->delivery);
    }
    if (exception->vector == VECTOR_DB) {
        return vcpu_debug_exception(vcpu, exception->payload);
    }
    struct event event = {.type = EVENT_EXCEPTION,
                          .vector = exception->vector,
                          .has_error_code = exception->has_error_code,
                          .error_code = exception->error_code};
    return vcpu_inject(vcpu, &event);
}

static NOT_INLINE enum exit_action end_with_dump(struct vcpu *vcpu)
{
    struct reason why = {""};
    vcpu->ops->explain(&vcpu->core, &why);
    vm_fail(vcpu->vm, "%s, RIP 0x%llx", why.text, (unsigned long long)vcpu_register(vcpu, REG_RIP));
    vcpu->ops->dump(&vcpu->core, vcpu->host->log);
    flight_log(&vcpu->core, vcpu->ops, vcpu->host, vcpu->host->log);
    return STOP;
}

// Each handler is called last, by a jump, so that this function needs no stack frame.
// NOLINTNEXTLINE(readability-function-size): a case for each kind
enum exit_action vcpu_handle_exit(struct vcpu_core *core, struct vm_exit *exit)
{
    struct vcpu *vcpu = vcpu_of(core);
    switch (exit->kind) {
    case EXIT_CPUID:
        return handle_cpuid(vcpu);
    case EXIT_HYPERCALL:
        return vcpu_hypercall_exit(vcpu, &exit->hypercall);
    case EXIT_IO:
        return handle_io(vcpu, exit);
    case EXIT_READ_MSR:
        return msr_read_exit(vcpu);
    case EXIT_WRITE_MSR:
        return msr_write_exit(vcpu);
    case EXIT_CONTROL_REGISTER:
        return vcpu_control_register_exit(vcpu, &exit->cr);
    case EXIT_STATUS_WORD:
        return vcpu_status_word_exit(vcpu, exit);
    case EXIT_XSETBV:
        return vcpu_xsetbv_exit(vcpu);
    case EXIT_HLT:
        return vcpu_halt_exit(vcpu);
    case EXIT_MEMORY:
        return vcpu_memory_exit(vcpu, exit);
    case EXIT_EXCEPTION:
        return handle_exception(vcpu, &exit->exception);
    case EXIT_APIC_WRITE:
        return vcpu_apic_write_exit(vcpu, &exit->apic_write);
    case EXIT_EOI:
        return vcpu_eoi_exit(vcpu, &exit->eoi);
    case EXIT_IPI:
        return vcpu_ipi_exit(vcpu, &exit->ipi);
    case EXIT_PAUSE:
        return handle_pause(vcpu);
    case EXIT_INTERRUPT_WINDOW:
        return handle_interrupt_window(vcpu);
    case EXIT_DEBUG_REGISTER:
        return vcpu_debug_register_exit(vcpu);
    case EXIT_HOST:
        return RETRY;
    case EXIT_UNDEFINED:
        return vcpu_fault(vcpu, VECTOR_UD);
    case EXIT_FORBIDDEN:
        return vcpu_fault_code(vcpu, VECTOR_GP, 0);
    case EXIT_NOTHING:
        return ADVANCE;
    case EXIT_TRIPLE_FAULT:
        return handle_triple_fault(vcpu);
    case EXIT_MACHINE_CHECK:
        return handle_machine_check(vcpu);
    case EXIT_ENTRY_FAILED:
    case EXIT_UNKNOWN:
    case EXIT_KINDS:
        return end_with_dump(vcpu);
    }
    return end_with_dump(vcpu);
}

const char *exit_kind_name(enum exit_kind kind)
{
    static const char *const names[] = {
        [EXIT_CPUID] = "CPUID",
        [EXIT_HYPERCALL] = "hypercall",
        [EXIT_IO] = "I/O port",
        [EXIT_READ_MSR] = "RDMSR",
        [EXIT_WRITE_MSR] = "WRMSR",
        [EXIT_CONTROL_REGISTER] = "control register",
        [EXIT_STATUS_WORD] = "LMSW, SMSW, CLTS",
        [EXIT_XSETBV] = "XSETBV",
        [EXIT_HLT] = "HLT",
        [EXIT_MEMORY] = "nested page fault",
        [EXIT_EXCEPTION] = "exception",
        [EXIT_APIC_WRITE] = "APIC write",
        [EXIT_EOI] = "end of interrupt",
        [EXIT_IPI] = "IPI",
        [EXIT_PAUSE] = "PAUSE loop",
        [EXIT_INTERRUPT_WINDOW] = "interrupt window",
        [EXIT_DEBUG_REGISTER] = "debug register",
        [EXIT_HOST] = "host interrupt or timer",
        [EXIT_UNDEFINED] = "undefined instruction",
        [EXIT_FORBIDDEN] = "forbidden instruction",
        [EXIT_NOTHING] = "cache instruction",
        [EXIT_TRIPLE_FAULT] = "triple fault",
        [EXIT_MACHINE_CHECK] = "machine check",
        [EXIT_ENTRY_FAILED] = "entry failed",
        [EXIT_UNKNOWN] = "unknown",
    };
    static_assert(ARRAY_SIZE(names) == EXIT_KINDS, "a name for each kind");
    return kind < EXIT_KINDS ? names[kind] : "none";
}
