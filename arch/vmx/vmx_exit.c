// SPDX-License-Identifier: MIT
// A VM exit: it is decoded into neutral terms, vmm/ handles it, and the guest goes on.
#include "arch/vmx/vmx_exit.h"

#include "arch/vmx/ept.h"
#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_access.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_apic.h"
#include "arch/vmx/vmx_blocking.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/vmx/vmx_debug.h"
#include "arch/vmx/vmx_host_event.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/vmx/vmx_state.h"
#include "arch/x86/flight_note.h"
#include "arch/x86/machine_check.h"
#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"

static inline uint8_t vmx_cpl(void)
{
    return vmcs_read32(vmcs_guest_access_rights(SEGMENT_SS)) >> SEGMENT_DPL_SHIFT & 3;
}

// Without an advance RIP is still where the guest was.
static NOT_INLINE void note_rip(struct vcpu_core *vcpu)
{
    flight_note_rip(vcpu, vmcs_read(GUEST_RIP));
}

// ---- Qualifications (SDM Vol. 3C 28.2.1) ----

static void decode_io(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    uint64_t qualification = vmcs_read(VM_EXIT_QUALIFICATION);
    exit->kind = EXIT_IO;
    exit->io.width = (uint8_t)((qualification & 7) + 1);
    exit->io.in = qualification & BIT(3);
    exit->io.string = qualification & BIT(4);
    exit->io.port = (uint16_t)(qualification >> 16);
    flight_note_detail(vcpu, qualification >> 16);
}

enum cr_access { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

static NOT_INLINE void decode_cr_access(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    uint64_t qualification = vmcs_read(VM_EXIT_QUALIFICATION);
    enum cr_access access = qualification >> 4 & 3;
    exit->kind = EXIT_CONTROL_REGISTER;
    exit->cr.number = qualification & 0xf;
    flight_note_detail(vcpu, qualification & 0xf);
    exit->cr.write = access != CR_MOV_FROM;
    exit->cr.gpr = qualification >> 8 & 0xf;
    exit->cr.immediate = access == CR_CLTS || access == CR_LMSW;
    if (exit->cr.immediate) {
        uint64_t cr0 = vmx_get_register(vcpu, REG_CR0);
        uint64_t low = CR0_MP | CR0_EM | CR0_TS; // LMSW can set PE but not clear it
        uint64_t source = qualification >> 16 & (low | CR0_PE);
        exit->cr.value = access == CR_CLTS ? cr0 & ~CR0_TS : (cr0 & ~low) | source;
    }
}

#define EPT_QUALIFICATION_GVA_VALID BIT(7)
#define EPT_QUALIFICATION_TRANSLATED BIT(8)

// Bit 12 of a qualification, of several exits: the IRET that exited had already ended the blocking
// of NMIs, which must hold again. The bit is undefined if the exit cut an event short, and without
// virtual NMIs (28.2.3).
static inline void block_nmis_again(uint64_t qualification, bool delivery)
{
    if ((qualification & BIT(12)) && !delivery && (vmx_capability()->pin & PIN_VIRTUAL_NMIS)) {
        vmx_blocking_set_nmi(true);
    }
}

// Bits 0 to 2 of an EPT violation's qualification are those of enum memory_access.
static_assert(ACCESS_READ == BIT(0) && ACCESS_WRITE == BIT(1) && ACCESS_EXECUTE == BIT(2),
              "as in the exit qualification (table 28-7)");

// KVM shadows all four for a hypervisor inside it, so no VMREAD exits.
static inline void decode_code(struct exit_code *code)
{
    code->rip = vmcs_read(GUEST_RIP);
    code->cr0 = vmcs_read(GUEST_CR0);
    code->cr3 = vmcs_read(GUEST_CR3);
    code->cs_attributes = (uint16_t)vmcs_read32(vmcs_guest_access_rights(SEGMENT_CS));
}

static NOT_INLINE void decode_memory(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    uint64_t qualification = vmcs_read(VM_EXIT_QUALIFICATION);
    uint64_t gva = qualification & (EPT_QUALIFICATION_GVA_VALID | EPT_QUALIFICATION_TRANSLATED);
    exit->kind = EXIT_MEMORY;
    exit->memory.gpa.value = vmcs_read64(GUEST_PHYSICAL_ADDRESS);
    flight_note_detail(vcpu, exit->memory.gpa.value);
    exit->memory.access = qualification & ACCESS_ALL;
    exit->memory.gva_valid = qualification & EPT_QUALIFICATION_GVA_VALID;
    exit->memory.page_walk = gva == EPT_QUALIFICATION_GVA_VALID;
    exit->memory.gva.value = exit->memory.gva_valid ? vmcs_read(GUEST_LINEAR_ADDRESS) : 0;
    decode_code(&exit->memory.code);
    exit->memory.delivery = vmx_requeue_event();
    block_nmis_again(qualification, exit->memory.delivery);
}

// Whether a fetch may go on from now on.
static NOT_INLINE bool allow_execute(struct vcpu_core *vcpu, gpa_t gpa)
{
    if (!ept_allow_execute(vcpu->nested, gpa)) {
        return false;
    }
    flight_skip(vcpu);
    return true;
}

// False: the guest can go on.
static NOT_INLINE bool decode_machine_check(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    exit->kind = EXIT_MACHINE_CHECK;
    if (!machine_check_in_guest()) {
        return true;
    }
    vmx_host_event(vcpu);
    return false;
}

static enum exit_delivery delivery_of(uint32_t idt_vectoring_info)
{
    uint32_t type = idt_vectoring_info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK;
    if (!(idt_vectoring_info & INTERRUPTION_VALID)) {
        return DELIVERY_NONE;
    }
    return type == INTERRUPTION_HARDWARE_EXCEPTION &&
                   (idt_vectoring_info & INTERRUPTION_VECTOR_MASK) == VECTOR_DF
               ? DELIVERY_DOUBLE_FAULT
               : DELIVERY_OTHER;
}

// DR7.GD makes a fault. If there was a single step too, MOV SS has held its trap back, and the
// fault drops it (SDM Vol. 3A 6.8.3). Bochs reports both.
static uint64_t debug_causes(void)
{
    uint64_t causes = vmcs_read(VM_EXIT_QUALIFICATION);
    return causes & DR6_BD ? causes & ~(uint64_t)DR6_BS : causes;
}

// False: the exit was the host's own.
static NOT_INLINE bool decode_exception(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    uint32_t info = vmcs_read32(VM_EXIT_INTERRUPTION_INFO);
    uint8_t vector = info & INTERRUPTION_VECTOR_MASK;
    if (vector == VECTOR_NMI) {
        vmx_host_nmi(vcpu);
        return false;
    }
    flight_note_detail(vcpu, vector);
    if (vector == VECTOR_MC) {
        return decode_machine_check(vcpu, exit);
    }
    if ((info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK) ==
        INTERRUPTION_PRIVILEGED_SOFTWARE) {
        vmx_reinject_int1(info);
        flight_note(vcpu, EXIT_EXCEPTION);
        note_rip(vcpu);
        return false;
    }
    uint64_t causes = vector == VECTOR_DB ? debug_causes() : 0;
    if (vcpu->backend->step.sets_tf && vmx_debug_exception(vcpu, vector, &causes)) {
        flight_pass_host(vcpu);
        return false;
    }
    exit->kind = EXIT_EXCEPTION;
    exit->exception.vector = vector;
    exit->exception.has_error_code = info & INTERRUPTION_ERROR_CODE;
    exit->exception.error_code =
        exit->exception.has_error_code ? vmcs_read32(VM_EXIT_INTERRUPTION_ERROR_CODE) : 0;
    exit->exception.payload = causes;
    exit->exception.delivery = delivery_of(vmcs_read32(IDT_VECTORING_INFO));
    return true;
}

// If a machine check comes during an entry, the CPU may report it by this exit alone (27.9).
static void decode_failure(struct vcpu_core *vcpu, uint32_t reason, struct vm_exit *exit)
{
    exit->kind = reason & VM_EXIT_REASON_ENTRY_FAILURE ? EXIT_ENTRY_FAILED : EXIT_UNKNOWN;
    if (reason == (VM_EXIT_REASON_ENTRY_FAILURE | VMX_EXIT_ENTRY_MACHINE_CHECK) &&
        !machine_check_in_guest()) {
        exit->kind = EXIT_MACHINE_CHECK;
    }
    vcpu->backend->last_reason = reason;
}

#define TIMEOUT_CONTEXT_INVALID BIT(0)

// An instruction, or the delivery of an event, did not end in time. The guest may begin it again,
// in slices of its own, unless the CPU could not save the guest's state. False: it goes on.
static bool decode_timeout(struct vcpu_core *vcpu, struct vm_exit *exit)
{
    uint64_t qualification = vmcs_read(VM_EXIT_QUALIFICATION);
    if (qualification & TIMEOUT_CONTEXT_INVALID) {
        decode_failure(vcpu, VMX_EXIT_INSTRUCTION_TIMEOUT, exit);
        return true;
    }
    block_nmis_again(qualification, vmx_requeue_event());
    flight_pass_host(vcpu);
    __atomic_or_fetch(&vcpu->work, WORK_HOST, __ATOMIC_RELAXED);
    return false;
}

// What hardly ever happens: these exits would only make the switch of `decode` wider.
static NOT_INLINE bool decode_rest(struct vcpu_core *vcpu, uint32_t reason, struct vm_exit *exit)
{
    if (reason == VMX_EXIT_INSTRUCTION_TIMEOUT) {
        return decode_timeout(vcpu, exit);
    }
    if (reason == VMX_EXIT_MONITOR_TRAP) {
        vcpu->backend->step.trapped = true;
        flight_pass_host(vcpu);
        return false;
    }
    decode_failure(vcpu, reason, exit);
    return true;
}

// Exits of APIC virtualization.
static NOT_INLINE void decode_apic(struct vcpu_core *vcpu, uint32_t reason, struct vm_exit *exit)
{
    switch (reason) {
    case VMX_EXIT_APIC_WRITE:
        exit->kind = EXIT_APIC_WRITE;
        exit->apic_write.reg = (uint8_t)(vmcs_read(VM_EXIT_QUALIFICATION) >> 4);
        break;
    case VMX_EXIT_VIRTUALIZED_EOI:
        exit->kind = EXIT_EOI;
        exit->eoi.vector = (uint8_t)vmcs_read(VM_EXIT_QUALIFICATION);
        break;
    default:
        vmx_decode_apic_access(exit);
        flight_note_detail(vcpu, exit->memory.gpa.value);
        decode_code(&exit->memory.code);
        break;
    }
}

// The raw exit in neutral terms. False: the exit was the host's own, and the guest did nothing.
// NOLINTNEXTLINE(readability-function-size): a case for each reason
static inline bool decode(struct vcpu_core *vcpu, uint64_t reason, struct vm_exit *exit)
{
    switch (reason) {
    case VMX_EXIT_CPUID:
        exit->kind = EXIT_CPUID;
        return true;
    case VMX_EXIT_RDMSR:
        exit->kind = EXIT_READ_MSR;
        flight_note_detail(vcpu, vcpu->registers.gpr[GPR_RCX]);
        return true;
    case VMX_EXIT_WRMSR:
        exit->kind = EXIT_WRITE_MSR;
        flight_note_detail(vcpu, vcpu->registers.gpr[GPR_RCX]);
        return true;
    case VMX_EXIT_IO:
        decode_io(vcpu, exit);
        return true;
    case VMX_EXIT_VMCALL:
        exit->kind = EXIT_HYPERCALL;
        exit->hypercall.cpl = vmx_cpl();
        return true;
    case VMX_EXIT_CR_ACCESS:
        decode_cr_access(vcpu, exit);
        return true;
    case VMX_EXIT_EPT_VIOLATION:
        decode_memory(vcpu, exit);
        return !((exit->memory.access & ACCESS_EXECUTE) && allow_execute(vcpu, exit->memory.gpa));
    case VMX_EXIT_APIC_ACCESS:
    case VMX_EXIT_APIC_WRITE:
    case VMX_EXIT_VIRTUALIZED_EOI:
        decode_apic(vcpu, (uint32_t)reason, exit);
        return true;
    case VMX_EXIT_HLT:
        exit->kind = EXIT_HLT;
        return true;
    case VMX_EXIT_PAUSE:
        exit->kind = EXIT_PAUSE;
        return true;
    case VMX_EXIT_NMI_WINDOW:
        vmx_controls_set_nmi_window(vcpu, false);
        exit->kind = EXIT_INTERRUPT_WINDOW;
        return true;
    case VMX_EXIT_INTERRUPT_WINDOW:
        exit->kind = EXIT_INTERRUPT_WINDOW;
        return true;
    case VMX_EXIT_MOV_DR:
        vmx_controls_set_debug_registers(vcpu, false);
        exit->kind = EXIT_DEBUG_REGISTER;
        return true;
    case VMX_EXIT_XSETBV:
        exit->kind = EXIT_XSETBV;
        return true;
    case VMX_EXIT_EXTERNAL_INTERRUPT:
        vmx_host_interrupt(vcpu);
        return false;
    case VMX_EXIT_INIT: // the INIT stays pending: root operation blocks it
    case VMX_EXIT_PREEMPTION_TIMER:
        vmx_host_timer(vcpu);
        return false;
    case VMX_EXIT_EXCEPTION_OR_NMI:
        return decode_exception(vcpu, exit);
    case VMX_EXIT_INVD:
    case VMX_EXIT_WBINVD:
        exit->kind = EXIT_NOTHING;
        return true;
    case VMX_EXIT_RDPMC:
        exit->kind = EXIT_FORBIDDEN;
        return true;
    case VMX_EXIT_TRIPLE_FAULT:
        exit->kind = EXIT_TRIPLE_FAULT;
        return true;
    case VMX_EXIT_VMCLEAR ... VMX_EXIT_VMXON:
    case VMX_EXIT_GETSEC:
    case VMX_EXIT_MWAIT:
    case VMX_EXIT_MONITOR:
    case VMX_EXIT_INVEPT:
    case VMX_EXIT_INVVPID:
    case VMX_EXIT_VMFUNC:
        exit->kind = EXIT_UNDEFINED;
        return true;
    default:
        return decode_rest(vcpu, (uint32_t)reason, exit);
    }
}

// RIP after an instruction that crosses a multiple of 4 GiB. In 32-bit code it wraps to 0.
static NOT_INLINE uint64_t wrap_rip(const struct vcpu_core *vcpu, uint64_t rip)
{
    struct segment cs;
    vmx_get_segment(vcpu, SEGMENT_CS, &cs);
    bool long_mode = vmx_get_register(vcpu, REG_EFER) & EFER_LMA;
    return long_mode && (cs.attributes & SEGMENT_L) ? rip : (uint32_t)rip;
}

// RF holds for one instruction only. With the guest's own TF, a trap follows the instruction.
static NOT_INLINE void finish_debugging(const struct vcpu_core *vcpu, uint64_t rflags)
{
    const struct vmx_step *step = &vcpu->backend->step;
    vmcs_write(GUEST_RFLAGS, rflags & ~(uint64_t)RFLAGS_RF);
    if ((rflags & RFLAGS_TF) && (!step->sets_tf || step->own_tf)) {
        vmx_blocking_add_trap(DR6_BS);
    }
}

// Moves past the instruction that exited, as if the CPU had executed it: the shadow of STI and MOV
// SS ends, and single-stepping traps (SDM Vol. 3C 27.7.3, 33.2).
static inline __attribute__((always_inline)) void advance(struct vcpu_core *vcpu, uint64_t length)
{
    uint64_t rip = vmcs_read(GUEST_RIP);
    flight_note_rip(vcpu, rip);
    uint64_t next = rip + length;
    if (__builtin_expect((rip ^ next) >> 32 != 0, false)) {
        next = wrap_rip(vcpu, next);
    }
    vmcs_write(GUEST_RIP, next);
    vmx_blocking_end_shadow();
    uint64_t rflags = vmcs_read(GUEST_RFLAGS);
    if (__builtin_expect(rflags & (RFLAGS_TF | RFLAGS_RF), false)) {
        finish_debugging(vcpu, rflags);
    }
}

static NOT_INLINE void advance_slow(struct vcpu_core *vcpu, uint64_t length)
{
    advance(vcpu, length);
}

void vmx_handle_exit(struct vcpu_core *vcpu)
{
    struct vm_exit exit;
    if (!decode(vcpu, vmcs_read_raw(VM_EXIT_REASON.encoding), &exit)) {
        return;
    }
    flight_note(vcpu, exit.kind);
    enum exit_action action = vcpu_handle_exit(vcpu, &exit);
    if (action == ADVANCE) {
        advance(vcpu, vmcs_read_raw(VM_EXIT_INSTRUCTION_LENGTH.encoding));
    } else if (action == ADVANCE_DECODED) {
        advance_slow(vcpu, exit.length);
    } else {
        note_rip(vcpu);
    }
}
