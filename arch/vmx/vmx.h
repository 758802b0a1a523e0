// SPDX-License-Identifier: MIT
// VT-x: controls, exit reasons, and what the files of arch/vmx know of each other.
#pragma once

#include "arch/vmx/vmcs.h"
#include "arch/x86/live_state.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"

// Pin-based controls (SDM Vol. 3C 25.6.1).
#define PIN_EXTERNAL_INTERRUPT_EXITING BIT(0)
#define PIN_NMI_EXITING BIT(3)
#define PIN_VIRTUAL_NMIS BIT(5)
#define PIN_PREEMPTION_TIMER BIT(6)
#define PIN_POSTED_INTERRUPTS BIT(7)

// Primary processor-based controls (25.6.2).
#define PRIMARY_INTERRUPT_WINDOW_EXITING BIT(2)
#define PRIMARY_NMI_WINDOW_EXITING BIT(22)
#define PRIMARY_USE_TSC_OFFSETTING BIT(3)
#define PRIMARY_HLT_EXITING BIT(7)
#define PRIMARY_MWAIT_EXITING BIT(10)
#define PRIMARY_RDPMC_EXITING BIT(11)
#define PRIMARY_CR3_LOAD_EXITING BIT(15)
#define PRIMARY_CR3_STORE_EXITING BIT(16)
#define PRIMARY_CR8_LOAD_EXITING BIT(19)
#define PRIMARY_CR8_STORE_EXITING BIT(20)
#define PRIMARY_CR8_EXITING (PRIMARY_CR8_LOAD_EXITING | PRIMARY_CR8_STORE_EXITING)
#define PRIMARY_USE_TPR_SHADOW BIT(21)
#define PRIMARY_UNCONDITIONAL_IO_EXITING BIT(24)
#define PRIMARY_USE_IO_BITMAPS BIT(25)
#define PRIMARY_USE_MSR_BITMAPS BIT(28)
#define PRIMARY_MONITOR_EXITING BIT(29)
#define PRIMARY_ACTIVATE_SECONDARY BIT(31)

// Secondary processor-based controls (25.6.2).
#define SECONDARY_APIC_ACCESSES BIT(0)
#define SECONDARY_ENABLE_EPT BIT(1)
#define SECONDARY_DESCRIPTOR_TABLE_EXITING BIT(2)
#define SECONDARY_ENABLE_RDTSCP BIT(3)
#define SECONDARY_X2APIC_MODE BIT(4)
#define SECONDARY_ENABLE_VPID BIT(5)
#define SECONDARY_WBINVD_EXITING BIT(6)
#define SECONDARY_UNRESTRICTED_GUEST BIT(7)
#define SECONDARY_APIC_REGISTERS BIT(8)
#define SECONDARY_INTERRUPT_DELIVERY BIT(9)
#define SECONDARY_PAUSE_LOOP_EXITING BIT(10)
#define SECONDARY_ENABLE_INVPCID BIT(12)

// APIC virtualization: all of them, with PRIMARY_USE_TPR_SHADOW, or none. Of the first two a vCPU
// has one at a time (vmx_set_apic_access).
#define SECONDARY_APICV                                                                            \
    (uint32_t)(SECONDARY_APIC_ACCESSES | SECONDARY_X2APIC_MODE | SECONDARY_APIC_REGISTERS |        \
               SECONDARY_INTERRUPT_DELIVERY)

// VM-exit controls (25.7.1).
#define EXIT_SAVE_DEBUG_CONTROLS BIT(2)
#define EXIT_HOST_64BIT BIT(9)
#define EXIT_ACKNOWLEDGE_INTERRUPT BIT(15)
#define EXIT_SAVE_PAT BIT(18)
#define EXIT_LOAD_PAT BIT(19)
#define EXIT_SAVE_EFER BIT(20)
#define EXIT_LOAD_EFER BIT(21)
#define EXIT_SAVE_PREEMPTION_TIMER BIT(22)

// VM-entry controls (25.8.1).
#define ENTRY_LOAD_DEBUG_CONTROLS BIT(2)
#define ENTRY_IA32E_GUEST BIT(9)
#define ENTRY_LOAD_PAT BIT(14)
#define ENTRY_LOAD_EFER BIT(15)

// What Husk takes of them where it is there; all other controls are required, or fixed by the CPU.
#define PIN_OPTIONAL (uint32_t)(PIN_VIRTUAL_NMIS | PIN_PREEMPTION_TIMER | PIN_POSTED_INTERRUPTS)
#define PRIMARY_OPTIONAL (uint32_t)(PRIMARY_USE_TPR_SHADOW | PRIMARY_CR8_EXITING)
#define SECONDARY_OPTIONAL                                                                         \
    ((uint32_t)(SECONDARY_ENABLE_VPID | SECONDARY_WBINVD_EXITING | SECONDARY_ENABLE_RDTSCP |       \
                SECONDARY_ENABLE_INVPCID | SECONDARY_PAUSE_LOOP_EXITING) |                         \
     SECONDARY_APICV)
#define EXIT_OPTIONAL (uint32_t)(EXIT_ACKNOWLEDGE_INTERRUPT | EXIT_SAVE_PREEMPTION_TIMER)

// IA32_VMX_EPT_VPID_CAP (appendix A.10).
#define EPT_CAP_WALK_4 BIT(6)
#define EPT_CAP_WRITE_BACK BIT(14)
#define EPT_CAP_2M BIT(16)
#define EPT_CAP_1G BIT(17)
#define EPT_CAP_INVEPT BIT(20)
#define EPT_CAP_ACCESSED_DIRTY BIT(21)
#define EPT_CAP_INVEPT_SINGLE BIT(25)
#define EPT_CAP_INVEPT_ALL BIT(26)
#define VPID_CAP_INVVPID BIT(32)
#define VPID_CAP_INVVPID_SINGLE BIT(41)
#define VPID_CAP_INVVPID_ALL BIT(42)

// Interruption information: of entries, exits and IDT vectoring (25.8.3, 25.9.2).
#define INTERRUPTION_VECTOR_MASK 0xffU
#define INTERRUPTION_TYPE_SHIFT 8
#define INTERRUPTION_TYPE_MASK 7U
#define INTERRUPTION_ERROR_CODE BIT(11)
#define INTERRUPTION_VALID BIT(31)

enum interruption_type {
    INTERRUPTION_EXTERNAL = 0,
    INTERRUPTION_NMI = 2,
    INTERRUPTION_HARDWARE_EXCEPTION = 3,
    INTERRUPTION_SOFTWARE_INTERRUPT = 4,
    INTERRUPTION_PRIVILEGED_SOFTWARE = 5,
    INTERRUPTION_SOFTWARE_EXCEPTION = 6,
};

#define EXIT_REASON_BASIC_MASK 0xffffU
#define EXIT_REASON_ENTRY_FAILURE BIT(31)

// Basic exit reasons (appendix C).
enum vmx_exit_reason {
    VMX_EXIT_EXCEPTION_OR_NMI = 0,
    VMX_EXIT_EXTERNAL_INTERRUPT = 1,
    VMX_EXIT_TRIPLE_FAULT = 2,
    VMX_EXIT_INIT = 3,
    VMX_EXIT_INTERRUPT_WINDOW = 7,
    VMX_EXIT_NMI_WINDOW = 8,
    VMX_EXIT_TASK_SWITCH = 9,
    VMX_EXIT_CPUID = 10,
    VMX_EXIT_GETSEC = 11,
    VMX_EXIT_HLT = 12,
    VMX_EXIT_INVD = 13,
    VMX_EXIT_RDPMC = 15,
    VMX_EXIT_VMCALL = 18,
    VMX_EXIT_VMCLEAR = 19, // 19 to 27: the VMX instructions
    VMX_EXIT_VMXON = 27,
    VMX_EXIT_CR_ACCESS = 28,
    VMX_EXIT_IO = 30,
    VMX_EXIT_RDMSR = 31,
    VMX_EXIT_WRMSR = 32,
    VMX_EXIT_MWAIT = 36,
    VMX_EXIT_MONITOR = 39,
    VMX_EXIT_PAUSE = 40,
    VMX_EXIT_APIC_ACCESS = 44,
    VMX_EXIT_VIRTUALIZED_EOI = 45,
    VMX_EXIT_EPT_VIOLATION = 48,
    VMX_EXIT_EPT_MISCONFIGURATION = 49,
    VMX_EXIT_INVEPT = 50,
    VMX_EXIT_PREEMPTION_TIMER = 52,
    VMX_EXIT_INVVPID = 53,
    VMX_EXIT_WBINVD = 54,
    VMX_EXIT_XSETBV = 55,
    VMX_EXIT_APIC_WRITE = 56,
    VMX_EXIT_VMFUNC = 59,
};

// What a CPU can do, or all of them can, and the controls that follow from it.
struct vmx_capability {
    uint32_t revision;
    uint32_t pin;
    uint32_t primary;
    uint32_t secondary;
    uint32_t exit;
    uint32_t entry;
    uint64_t ept_vpid;
    uint64_t cr0_fixed0;
    uint64_t cr0_fixed1;
    uint64_t cr4_fixed0;
    uint64_t cr4_fixed1;
    bool page_size_change_safe;      // see ept.c
    unsigned preemption_timer_shift; // it counts down by 1 when TSC bit `shift` changes
};

// The hardware's part of a vCPU.
struct backend_vcpu {
    struct vmcs *vmcs;
    struct live_state live; // what stays in the CPU while the vCPU is loaded
    uint16_t vpid;
    bool placed;                // its host state is that of the CPU whose VMCS it is
    bool launched;              // VMRESUME from now on
    bool window_requested;      // interrupt-window exiting is on
    bool flush;                 // this vCPU's VPID may have stale translations
    uint64_t nested_generation; // of the nested_space when this CPU last flushed
    uint32_t entry_error;       // VM-instruction error of a failed entry, 0: none
    uint32_t last_reason;       // of the last exit that was not understood
};

// A VM's EPT and permission bitmaps. All its vCPUs use them, on whatever CPUs.
struct nested_space {
    struct spinlock lock; // who changes the EPT has it
    uint64_t *root;       // EPT PML4
    uint64_t eptp;
    uint64_t generation; // atomic: changes when a mapping is taken away; no two spaces share one
    uint8_t *msr_bitmap; // read low, read high, write low, write high: 1 KiB each
    // With APIC virtualization: of vCPUs whose APIC is in x2APIC mode, and the page at which the
    // others' is.
    uint8_t *x2apic_msr_bitmap;
    void *apic_access_page;
    uint8_t *io_bitmaps; // ports 0 to 0x7fff, then 0x8000 to 0xffff; a set bit exits
};

// vmx_common.c
// Takes away what is of no use without something else; fails where what is left is not enough.
enum status vmx_capability_settle(struct vmx_capability *capability, struct reason *why);
// Makes `common` what both have; where there is nothing, `why` says in what `own` differs, and
// `common` stays.
enum status vmx_capability_narrow(struct vmx_capability *common, const struct vmx_capability *own,
                                  struct reason *why);

// vmx_capability.c
enum status vmx_capability_read(struct vmx_capability *capability, struct reason *why);
void vmx_summarize(void (*line)(const char *text));

// vmx_cpu.c
enum status vmx_enable_cpu(struct reason *why);
void vmx_disable_cpu(void);
unsigned vmx_features(void);
const struct vmx_capability *vmx_capability(void); // of all CPUs that run guests
void vmx_load_vcpu(struct vcpu_core *vcpu);        // makes it the CPU's current one
void vmx_unload_vcpu(struct vcpu_core *vcpu);      // before another CPU loads it, or it is freed

// vmx_vcpu.c
enum status vmx_create_vcpu(struct vcpu_core *vcpu, struct reason *why);
void vmx_destroy_vcpu(struct vcpu_core *vcpu);
void vmx_place_vcpu(struct vcpu_core *vcpu); // the VMCS is current on this CPU, for the first time

// vmx_state.c
uint64_t vmx_get_register(const struct vcpu_core *vcpu, enum guest_register which);
void vmx_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
void vmx_get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                     struct segment *segment);
void vmx_set_segment(struct vcpu_core *vcpu, enum guest_segment which,
                     const struct segment *segment);
void vmx_write_guest_masks(const struct vcpu_core *vcpu); // which CR0 and CR4 bits are the host's

// vmx_inject.c
bool vmx_inject(struct vcpu_core *vcpu, const struct event *event);
void vmx_request_interrupt_window(struct vcpu_core *vcpu, bool wanted);
void vmx_request_nmi_window(struct vcpu_core *vcpu);
void vmx_end_nmi_window(void);
void vmx_reinject_int1(uint32_t info); // an exit's interruption information, of type 5
void vmx_deliver_again(uint32_t info);
// An event whose delivery was cut short by the exit is delivered again (28.2.4). True: there was
// one.
static inline bool vmx_requeue_event(void)
{
    uint32_t info = vmcs_read32(IDT_VECTORING_INFO);
    if (info & INTERRUPTION_VALID) {
        vmx_deliver_again(info);
    }
    return info & INTERRUPTION_VALID;
}

// vmx_apic.c
bool vmx_serves_apic(const struct vmx_capability *capability);
enum status vmx_apic_create(struct nested_space *space); // on failure vmx_apic_destroy follows
void vmx_apic_destroy(struct nested_space *space);
void vmx_show_apic_page(struct nested_space *space, bool shown);
void vmx_apic_write_controls(const struct vcpu_core *vcpu);
void vmx_set_apic_access(struct vcpu_core *vcpu, enum apic_access access);
void vmx_set_interrupt_status(struct vcpu_core *vcpu, uint8_t requested, uint8_t in_service);
void vmx_set_eoi_exits(struct vcpu_core *vcpu, const uint64_t vectors[4]);
void vmx_decode_apic_access(struct vm_exit *exit);

// vmx_run.c
void vmx_run(struct vcpu_core *vcpu);

// ept.c
enum status ept_create(struct nested_space **space);
void ept_destroy(struct nested_space *space);
enum status ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access);
// After an execute violation: true if the page at `gpa` may be executed now, and the access tried
// again.
bool ept_allow_execute(struct nested_space *space, gpa_t gpa);
enum status ept_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes);
void vmx_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes);
#define MSR_BITMAP_WRITES (2 * KIB) // behind the bitmaps of reads
// A bit of one of an MSR bitmap's four parts, or of an I/O bitmap's two.
void vmx_bitmap_set(uint8_t *bitmap, uint32_t bit, bool value);

// vmx_explain.c
const char *vmx_instruction_error_text(uint32_t error);
const char *vmx_exit_reason_text(uint32_t basic_reason);
void vmx_explain(const struct vcpu_core *vcpu, struct reason *why);
void vmx_dump(const struct vcpu_core *vcpu, void (*line)(const char *text));

extern const struct vcpu_ops vmx_ops;
