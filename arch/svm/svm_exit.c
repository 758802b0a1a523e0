// SPDX-License-Identifier: MIT
// A #VMEXIT: decoded into neutral terms, handled by vmm/, and on to the next VMRUN.
#include "arch/svm/svm_exit.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_avic.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_code.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_decode.h"
#include "arch/svm/svm_host_event.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_probe.h"
#include "arch/svm/svm_state.h"
#include "arch/svm/svm_step.h"
#include "arch/svm/svm_tlb.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/flight_note.h"
#include "arch/x86/machine_check.h"
#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"

// ---- What the exit information says (APM Vol. 2 chapter 15) ----

static inline void decode_io(struct vcpu_core *vcpu, const struct vmcb_control *control,
                             struct vm_exit *exit)
{
    uint64_t info = control->exitinfo1;
    exit->kind = EXIT_IO;
    exit->io.width = info >> IO_INFO_WIDTH_SHIFT & IO_INFO_WIDTH_MASK;
    exit->io.in = info & IO_INFO_IN;
    exit->io.string = info & IO_INFO_STRING;
    exit->io.port = (uint16_t)(info >> IO_INFO_PORT_SHIFT);
    flight_note_detail(vcpu, info >> IO_INFO_PORT_SHIFT);
}

// LMA is LME and PG (APM Vol. 2 14.6.1). Bochs clears LMA before a write exits that would clear PG,
// and the guest's code could not be found.
static void repair_lma(struct vmcb_save *save)
{
    if ((save->cr0 & CR0_PG) && (save->efer & EFER_LME)) {
        save->efer |= EFER_LMA;
    }
}

// With decode assists exitinfo1 has the general register. Without them it is in the instruction.
static NOT_INLINE void decode_cr_access(struct vcpu_core *vcpu, uint32_t exitcode,
                                        struct vm_exit *exit)
{
    bool assisted = svm_capability()->features & SVM_DECODE_ASSISTS;
    uint64_t info = assisted ? vcpu->backend->vmcb.control.exitinfo1 : 0;
    struct svm_instruction instruction = {.moves_cr = info & CR_INFO_MOV,
                                          .gpr = info & CR_INFO_GPR_MASK};
    repair_lma(&vcpu->backend->vmcb.save);
    if (!instruction.moves_cr) {
        (void)svm_code_decode(vcpu, &instruction);
    }
    exit->kind = EXIT_CONTROL_REGISTER;
    exit->cr = (struct exit_control_register){
        .number = exitcode == VMEXIT_CR0_SEL_WRITE ? 0 : exitcode & 0xf,
        .write = exitcode >= VMEXIT_CR0_WRITE,
        .gpr = instruction.gpr};
    flight_note_detail(vcpu, exit->cr.number);
    if (!instruction.moves_cr) {
        exit->kind = exit->cr.number == 0 ? EXIT_STATUS_WORD : EXIT_UNKNOWN;
    }
}

static unsigned memory_access(uint64_t exitinfo1)
{
    if (exitinfo1 & NPF_FETCH) {
        return ACCESS_EXECUTE;
    }
    return exitinfo1 & NPF_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

static void describe_code(const struct vmcb_save *save, struct exit_code *code)
{
    code->rip = save->rip;
    code->cr0 = save->cr0;
    code->cr3 = save->cr3;
    code->cs_attributes = save->cs.attributes;
}

// Sets each member by itself: with an initialiser the compiler would write all of it twice.
static void describe_memory(const struct vmcb *vmcb, struct exit_memory *memory)
{
    const struct vmcb_control *control = &vmcb->control;
    memory->gpa.value = control->exitinfo2;
    memory->gva.value = 0;
    describe_code(&vmcb->save, &memory->code);
    memory->access = (uint8_t)memory_access(control->exitinfo1);
    memory->gva_valid = false;
    memory->page_walk = control->exitinfo1 & NPF_PAGE_WALK;
}

static NOT_INLINE void decode_apic_access(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    svm_decode_apic_access(vcpu, exit);
    if (exit->kind == EXIT_MEMORY) {
        flight_note_detail(vcpu, exit->memory.gpa.value);
        describe_code(&vcpu->backend->vmcb.save, &exit->memory.code);
        exit->memory.delivery = svm_requeue_event(vcpu);
    }
}

// False: a probe was started, and the guest's next page fault tells the linear address.
static NOT_INLINE bool decode_memory(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    const struct vmcb_control *control = &vcpu->backend->vmcb.control;
    svm_probe_end(vcpu);
    exit->kind = EXIT_MEMORY;
    describe_memory(&vcpu->backend->vmcb, &exit->memory);
    exit->memory.delivery = svm_requeue_event(vcpu);
    if (exit->memory.page_walk && !exit->memory.delivery && !(control->exitinfo1 & NPF_PRESENT) &&
        svm_probe_start(vcpu, exit->memory.gpa)) {
        flight_skip(vcpu);
        return false;
    }
    flight_note_detail(vcpu, exit->memory.gpa.value);
    return true;
}

// A page fault that is the guest's own.
static void decode_own_page_fault(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    const struct vmcb_control *control = &vcpu->backend->vmcb.control;
    svm_set_register(vcpu, REG_CR2, control->exitinfo2);
    exit->kind = EXIT_EXCEPTION;
    exit->exception = (struct exit_exception){.vector = VECTOR_PF,
                                              .has_error_code = true,
                                              .error_code = (uint32_t)control->exitinfo1,
                                              .delivery = svm_delivery(control)};
}

// A page fault of the guest during a probe: a page of ones stands for a page table outside RAM. If
// the fault is not for reserved bits, it did not come from that page: another vCPU has changed the
// tables meanwhile.
// Without a probe it came from an instruction that is stepped over.
static NOT_INLINE bool decode_page_fault(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    struct backend_vcpu *backend = vcpu->backend;
    const struct vmcb_control *control = &backend->vmcb.control;
    if (!backend->probe_pages || !(control->exitinfo1 & PAGE_FAULT_RESERVED)) {
        decode_own_page_fault(vcpu, exit);
        svm_probe_end(vcpu);
        return true;
    }
    exit->kind = EXIT_MEMORY;
    // A page fault's error code has the same low bits as exitinfo1 of a nested page fault.
    describe_memory(&backend->vmcb, &exit->memory);
    exit->memory.gpa = backend->probed;
    flight_note_detail(vcpu, exit->memory.gpa.value);
    exit->memory.gva.value = control->exitinfo2;
    exit->memory.gva_valid = true;
    exit->memory.page_walk = true;
    exit->memory.delivery = svm_requeue_event(vcpu);
    svm_probe_end(vcpu);
    return true;
}

// QEMU also refuses the guest at a MOV to CR3 with reserved bits. A CPU raises #GP there.
static NOT_INLINE void decode_refusal(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    struct svm_instruction instruction;
    bool at_mov_cr = svm_code_decode(vcpu, &instruction) && instruction.moves_cr;
    exit->kind = at_mov_cr ? EXIT_FORBIDDEN : EXIT_ENTRY_FAILED;
}

#define EXCEPTIONS_WITH_ERROR_CODE                                                                 \
    (BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |          \
     BIT(VECTOR_PF) | BIT(VECTOR_AC))

// A machine check that exits does not stay pending. False: the guest can go on.
static bool decode_machine_check(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    exit->kind = EXIT_MACHINE_CHECK;
    if (!machine_check_in_guest()) {
        return true;
    }
    svm_host_event(vcpu);
    return false;
}

// False: the exception concerned the host.
static NOT_INLINE bool decode_exception(struct vcpu_core *vcpu, uint8_t vector,
                                        struct vm_exit *exit)
{
    const struct vmcb_control *control = &vcpu->backend->vmcb.control;
    flight_note_detail(vcpu, vector);
    if (vector == VECTOR_MC) {
        return decode_machine_check(vcpu, exit);
    }
    if (vector == VECTOR_PF) {
        return decode_page_fault(vcpu, exit);
    }
    if (vector == VECTOR_DB && svm_step_trapped(vcpu)) {
        flight_note(vcpu, EXIT_INTERRUPT_WINDOW);
        flight_note_rip(vcpu, vcpu->backend->vmcb.save.rip);
        return false;
    }
    exit->kind = EXIT_EXCEPTION;
    exit->exception.vector = vector;
    exit->exception.has_error_code = EXCEPTIONS_WITH_ERROR_CODE & BIT(vector);
    exit->exception.error_code = (uint32_t)control->exitinfo1;
    exit->exception.payload = vcpu->backend->vmcb.save.dr6 & DR6_CAUSES; // set already (15.12.2)
    exit->exception.delivery = svm_delivery(control);
    return true;
}

// Always false: the guest goes on at the IRET.
static NOT_INLINE bool decode_iret(struct vcpu_core *vcpu)
{
    flight_note(vcpu, EXIT_INTERRUPT_WINDOW);
    flight_note_rip(vcpu, vcpu->backend->vmcb.save.rip);
    svm_nmi_at_iret(vcpu);
    return false;
}

// What the switch of decode_rare does without, so that it is quicker for the others.
static NOT_INLINE bool decode_rest(struct vcpu_core *vcpu)
{
    struct vm_exit *exit = &vcpu->backend->exit;
    uint32_t exitcode = (uint32_t)vcpu->backend->vmcb.control.exitcode;
    exit->kind = EXIT_UNKNOWN;
    if (exitcode == VMEXIT_DR5_WRITE || exitcode == VMEXIT_DR7_WRITE) {
        svm_intercepts_set(vcpu, CAUSE_DEBUG_REGISTER, false);
        exit->kind = EXIT_DEBUG_REGISTER;
    }
    return true;
}

// NOLINTNEXTLINE(readability-function-size): a case for each exit code
static NOT_INLINE bool decode_rare(struct vcpu_core *vcpu)
{
    struct vm_exit *exit = &vcpu->backend->exit;
    uint32_t exitcode = (uint32_t)vcpu->backend->vmcb.control.exitcode;
    switch (exitcode) {
    case VMEXIT_NPF:
        return decode_memory(vcpu, exit);
    case VMEXIT_AVIC_INCOMPLETE_IPI:
        svm_decode_incomplete_ipi(&vcpu->backend->vmcb.control, exit);
        return true;
    case VMEXIT_AVIC_NOACCEL:
        decode_apic_access(vcpu, exit);
        return true;
    case VMEXIT_PAUSE:
        exit->kind = EXIT_PAUSE;
        return true;
    case VMEXIT_VINTR:
        exit->kind = EXIT_INTERRUPT_WINDOW;
        return true;
    case VMEXIT_CR0_READ:
    case VMEXIT_CR4_READ:
    case VMEXIT_CR8_READ:
    case VMEXIT_CR0_WRITE:
    case VMEXIT_CR4_WRITE:
    case VMEXIT_CR8_WRITE:
    case VMEXIT_CR0_SEL_WRITE:
        decode_cr_access(vcpu, exitcode, exit);
        return true;
    case VMEXIT_XSETBV:
        exit->kind = EXIT_XSETBV;
        return true;
    case VMEXIT_NMI:
    case VMEXIT_INIT:
        svm_host_event(vcpu);
        return false;
    case VMEXIT_EXCEPTION ... VMEXIT_EXCEPTION + 31:
        return decode_exception(vcpu, (uint8_t)(exitcode - VMEXIT_EXCEPTION), exit);
    case VMEXIT_IRET:
        return decode_iret(vcpu);
    case VMEXIT_INVD:
    case VMEXIT_WBINVD:
        exit->kind = EXIT_NOTHING;
        return true;
    case VMEXIT_RDPMC:
        exit->kind = EXIT_FORBIDDEN;
        return true;
    case VMEXIT_SHUTDOWN:
        exit->kind = EXIT_TRIPLE_FAULT;
        return true;
    case VMEXIT_VMRUN:
    case VMEXIT_VMLOAD ... VMEXIT_SKINIT:
    case VMEXIT_INVLPGA:
    case VMEXIT_MONITOR:
    case VMEXIT_MWAIT:
    case VMEXIT_RDPRU:
        exit->kind = EXIT_UNDEFINED;
        return true;
    case VMEXIT_INVALID:
        decode_refusal(vcpu, exit);
        return true;
    default:
        return decode_rest(vcpu);
    }
}

// Turns the raw exit into neutral terms. False: vmm/ has nothing to do with the exit.
static inline bool decode(struct vcpu_core *vcpu, const struct vmcb *vmcb, struct vm_exit *exit)
{
    uint32_t exitcode = (uint32_t)vmcb->control.exitcode;
    switch (exitcode) {
    case VMEXIT_CPUID:
        exit->kind = EXIT_CPUID;
        return true;
    case VMEXIT_MSR:
        exit->kind = vmcb->control.exitinfo1 & MSR_INFO_WRITE ? EXIT_WRITE_MSR : EXIT_READ_MSR;
        flight_note_detail(vcpu, vcpu->registers.gpr[GPR_RCX]);
        return true;
    case VMEXIT_IOIO:
        decode_io(vcpu, &vmcb->control, exit);
        return true;
    case VMEXIT_VMMCALL:
        exit->kind = EXIT_HYPERCALL;
        exit->hypercall.cpl = vmcb->save.cpl;
        return true;
    case VMEXIT_HLT:
        exit->kind = EXIT_HLT;
        return true;
    case VMEXIT_INTR:
        svm_host_interrupt(vcpu);
        return false;
    default:
        return decode_rare(vcpu);
    }
}

// ---- On to the next instruction ----

// The shadow of STI and MOV SS ends with the instruction. Interrupts that it held back can come.
static NOT_INLINE void end_shadow(struct vcpu_core *vcpu)
{
    svm_set_interrupt_shadow(vcpu->backend, false);
    __atomic_or_fetch(&vcpu->work, WORK_EVENTS, __ATOMIC_RELAXED);
}

// RF counts for one instruction only. With the guest's own TF a trap follows the instruction.
static NOT_INLINE void finish_debugging(struct vcpu_core *vcpu)
{
    struct vmcb_save *save = &vcpu->backend->vmcb.save;
    save->rflags &= ~(uint64_t)RFLAGS_RF;
    if ((save->rflags & RFLAGS_TF) && !svm_step_has_tf(vcpu)) {
        svm_add_trap(vcpu, DR6_BS);
    }
}

static inline __attribute__((always_inline)) void advance_to(struct vcpu_core *vcpu,
                                                             struct vmcb *vmcb, uint64_t rip)
{
    vmcb->save.rip = rip;
    if (__builtin_expect(vmcb->control.interrupt_shadow != 0, false)) {
        end_shadow(vcpu);
    }
    if (__builtin_expect(vmcb->save.rflags & (RFLAGS_TF | RFLAGS_RF), false)) {
        finish_debugging(vcpu);
    }
}

// Outside of 64-bit mode RIP wraps at 4 GiB.
static NOT_INLINE void advance_by(struct vcpu_core *vcpu, unsigned length)
{
    struct vmcb *vmcb = &vcpu->backend->vmcb;
    const struct vmcb_save *save = &vmcb->save;
    bool is_64bit = (save->efer & EFER_LMA) && (save->cs.attributes & VMCB_ATTRIBUTE_L);
    advance_to(vcpu, vmcb, is_64bit ? save->rip + length : (uint32_t)(save->rip + length));
}

static inline uint64_t next_rip(struct vcpu_core *vcpu, const struct backend_vcpu *backend,
                                enum exit_kind kind)
{
    return backend->next_rip_saved ? backend->vmcb.control.next_rip : svm_code_next_rip(vcpu, kind);
}

// Called by svm_enter.asm after each exit; it enters the guest again unless vcpu->work or
// vcpu->exits_left says otherwise.
void svm_handle_exit(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    struct vm_exit *exit = &backend->exit;
    svm_mark_clean(backend);
    svm_tlb_flushed(backend);
    if (!decode(vcpu, &backend->vmcb, exit)) {
        return;
    }
    flight_note(vcpu, exit->kind);
    flight_note_rip(vcpu, backend->vmcb.save.rip);
    enum exit_action action = vcpu_handle_exit(vcpu, exit);
    if (action == ADVANCE) {
        advance_to(vcpu, &backend->vmcb, next_rip(vcpu, backend, exit->kind));
    } else if (action == ADVANCE_DECODED) {
        advance_by(vcpu, exit->length);
    }
}
