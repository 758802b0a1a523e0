// SPDX-License-Identifier: MIT
// The virtual machine control block as it lies in memory (APM Vol. 2 appendix B).
#pragma once

#include "vmm/util/types.h"

// A segment register. GDTR and IDTR have base and limit only. `attributes` has bits 8 to 15 of a
// descriptor's second word (type, S, DPL, P), and bits 20 to 23 right above them (AVL, L, D/B, G).
struct vmcb_segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};
static_assert(sizeof(struct vmcb_segment) == 16, "APM Vol. 2 table B-2");

#define VMCB_ATTRIBUTE_PRESENT BIT(7)
#define VMCB_ATTRIBUTE_L BIT(9)
#define VMCB_ATTRIBUTE_DB BIT(10)
#define VMCB_ATTRIBUTE_G BIT(11)

struct vmcb_control {
    uint16_t cr_reads; // intercepts: a bit for each register
    uint16_t cr_writes;
    uint16_t dr_reads;
    uint16_t dr_writes;
    uint32_t exceptions; // a bit for each vector
    uint32_t intercepts; // INTERCEPT_*
    uint32_t intercepts_svm;
    uint32_t intercepts_other;
    uint8_t reserved0[0x3c - 0x18];
    uint16_t pause_threshold;
    uint16_t pause_count;
    uint64_t iopm_base;
    uint64_t msrpm_base;
    uint64_t tsc_offset;
    uint32_t asid;
    uint8_t tlb_control; // TLB_*
    uint8_t reserved1[3];
    uint64_t v_intr;           // V_*
    uint64_t interrupt_shadow; // bit 0: the instruction before was STI or MOV SS
    uint64_t exitcode;
    uint64_t exitinfo1;
    uint64_t exitinfo2;
    uint64_t exitintinfo; // EVENTINJ_*: the event whose delivery the exit cut short
    uint64_t nested;      // NESTED_*
    uint64_t avic_apic_bar;
    uint64_t ghcb;
    uint64_t eventinj; // EVENTINJ_*: the event that the next VMRUN delivers
    uint64_t nested_cr3;
    uint64_t lbr;
    uint32_t clean; // CLEAN_*
    uint32_t reserved2;
    uint64_t next_rip;
    uint8_t fetched_count;
    uint8_t fetched[15];
    uint64_t avic_backing_page; // a physical address, like the two tables
    uint64_t reserved3;
    uint64_t avic_logical_table;
    uint64_t avic_physical_table; // the low bits are the last index
    uint8_t reserved4[0x400 - 0x100];
};
static_assert(offsetof(struct vmcb_control, iopm_base) == 0x40, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, v_intr) == 0x60, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, exitintinfo) == 0x88, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, eventinj) == 0xa8, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, clean) == 0xc0, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, fetched) == 0xd1, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, avic_backing_page) == 0xe0, "APM Vol. 2 table B-1");
static_assert(offsetof(struct vmcb_control, avic_physical_table) == 0xf8, "APM Vol. 2 table B-1");
static_assert(sizeof(struct vmcb_control) == 0x400, "APM Vol. 2 table B-1");

// VMLOAD and VMSAVE copy FS, GS, LDTR, TR and STAR to SYSENTER_EIP. VMRUN copies the rest.
struct vmcb_save {
    struct vmcb_segment es;
    struct vmcb_segment cs;
    struct vmcb_segment ss;
    struct vmcb_segment ds;
    struct vmcb_segment fs;
    struct vmcb_segment gs;
    struct vmcb_segment gdtr;
    struct vmcb_segment ldtr;
    struct vmcb_segment idtr;
    struct vmcb_segment tr;
    uint8_t reserved0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint8_t reserved1[4];
    uint64_t efer;
    uint8_t reserved2[0x548 - 0x4d8];
    uint64_t cr4;
    uint64_t cr3;
    uint64_t cr0;
    uint64_t dr7;
    uint64_t dr6;
    uint64_t rflags;
    uint64_t rip;
    uint8_t reserved3[0x5d8 - 0x580];
    uint64_t rsp;
    uint64_t s_cet;
    uint64_t ssp;
    uint64_t isst_addr;
    uint64_t rax;
    uint64_t star;
    uint64_t lstar;
    uint64_t cstar;
    uint64_t sfmask;
    uint64_t kernel_gs_base;
    uint64_t sysenter_cs;
    uint64_t sysenter_esp;
    uint64_t sysenter_eip;
    uint64_t cr2;
    uint8_t reserved4[0x668 - 0x648];
    uint64_t g_pat;
    uint64_t debugctl;
    uint8_t reserved5[0x1000 - 0x678];
};

// 4 KiB, at a physical address that is a multiple of 4 KiB.
struct vmcb {
    struct vmcb_control control;
    struct vmcb_save save;
};
static_assert(sizeof(struct vmcb) == PAGE_SIZE, "APM Vol. 2 15.5.1");
static_assert(offsetof(struct vmcb, save.cpl) == 0x4cb, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.efer) == 0x4d0, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.cr4) == 0x548, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.rip) == 0x578, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.rsp) == 0x5d8, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.rax) == 0x5f8, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.cr2) == 0x640, "APM Vol. 2 table B-2");
static_assert(offsetof(struct vmcb, save.g_pat) == 0x668, "APM Vol. 2 table B-2");

// vmcb_control.intercepts: offset 0CH.
#define INTERCEPT_INTR BIT(0)
#define INTERCEPT_NMI BIT(1)
#define INTERCEPT_INIT BIT(3)
#define INTERCEPT_VINTR BIT(4)
#define INTERCEPT_CR0_SELECTIVE BIT(5) // writes that change more than TS and MP
#define INTERCEPT_RDPMC BIT(15)
#define INTERCEPT_CPUID BIT(18)
#define INTERCEPT_IRET BIT(20)
#define INTERCEPT_INVD BIT(22)
#define INTERCEPT_PAUSE BIT(23)
#define INTERCEPT_HLT BIT(24)
#define INTERCEPT_INVLPGA BIT(26)
#define INTERCEPT_IOIO BIT(27)
#define INTERCEPT_MSR BIT(28)
#define INTERCEPT_TASK_SWITCH BIT(29)
#define INTERCEPT_SHUTDOWN BIT(31)

// vmcb_control.intercepts_svm: offset 10H.
#define INTERCEPT_VMRUN BIT(0) // must be set
#define INTERCEPT_VMMCALL BIT(1)
#define INTERCEPT_VMLOAD BIT(2)
#define INTERCEPT_VMSAVE BIT(3)
#define INTERCEPT_STGI BIT(4)
#define INTERCEPT_CLGI BIT(5)
#define INTERCEPT_SKINIT BIT(6)
#define INTERCEPT_WBINVD BIT(9)
#define INTERCEPT_MONITOR BIT(10)
#define INTERCEPT_MWAIT BIT(11)
#define INTERCEPT_XSETBV BIT(13)
#define INTERCEPT_RDPRU BIT(14)

// vmcb_control.tlb_control (APM Vol. 2 15.16.2).
#define TLB_FLUSH_NOTHING 0
#define TLB_FLUSH_ALL 1
#define TLB_FLUSH_ASID 3 // where the CPU has FlushByAsid

// vmcb_control.v_intr (15.21.1, 15.29).
#define V_TPR_MASK 0xfU // the guest's CR8
#define V_IRQ BIT(8)
#define V_NMI BIT(11)      // an NMI is kept for the guest (15.21.10)
#define V_NMI_MASK BIT(12) // the guest runs an NMI's handler
#define V_INTR_PRIORITY_MAX (0xfULL << 16)
#define V_IGN_TPR BIT(20)
#define V_INTR_MASKING BIT(24) // the guest's RFLAGS.IF does not mask the host's interrupts
#define V_NMI_ENABLE BIT(26)
#define V_X2AVIC BIT(30)
#define V_AVIC BIT(31)

#define NESTED_ENABLE BIT(0)

// eventinj and exitintinfo (15.20, 15.7.2).
#define EVENTINJ_VECTOR_MASK 0xffU
#define EVENTINJ_TYPE_SHIFT 8
#define EVENTINJ_TYPE_MASK 7U
#define EVENTINJ_ERROR_CODE BIT(11)
#define EVENTINJ_VALID BIT(31)
#define EVENTINJ_ERROR_CODE_SHIFT 32

enum eventinj_type {
    EVENTINJ_INTERRUPT = 0,
    EVENTINJ_NMI = 2,
    EVENTINJ_EXCEPTION = 3,
    EVENTINJ_SOFTWARE = 4,
};

// A set bit: these fields have not changed since this CPU ran the VMCB last (15.15.3).
#define CLEAN_INTERCEPTS BIT(0) // and TSC_OFFSET
#define CLEAN_PERMISSION_MAPS BIT(1)
#define CLEAN_ASID BIT(2)
#define CLEAN_V_INTR BIT(3)
#define CLEAN_NESTED BIT(4) // and G_PAT
#define CLEAN_CR BIT(5)     // and EFER
#define CLEAN_DR BIT(6)
#define CLEAN_TABLES BIT(7)   // GDTR, IDTR
#define CLEAN_SEGMENTS BIT(8) // ES, CS, SS, DS, CPL
#define CLEAN_CR2 BIT(9)
#define CLEAN_ALL 0x3ffU

// Exit codes (appendix C).
enum svm_exitcode {
    VMEXIT_CR0_READ = 0x00,
    VMEXIT_CR4_READ = 0x04,
    VMEXIT_CR8_READ = 0x08,
    VMEXIT_CR0_WRITE = 0x10,
    VMEXIT_CR4_WRITE = 0x14,
    VMEXIT_CR8_WRITE = 0x18,
    VMEXIT_DR5_WRITE = 0x35, // CR4.DE clear: another name of DR7
    VMEXIT_DR7_WRITE = 0x37,
    VMEXIT_EXCEPTION = 0x40, // 40H to 5FH: plus the vector
    VMEXIT_INTR = 0x60,
    VMEXIT_NMI = 0x61,
    VMEXIT_INIT = 0x63,
    VMEXIT_VINTR = 0x64,
    VMEXIT_CR0_SEL_WRITE = 0x65,
    VMEXIT_RDPMC = 0x6f,
    VMEXIT_CPUID = 0x72,
    VMEXIT_IRET = 0x74,
    VMEXIT_INVD = 0x76,
    VMEXIT_PAUSE = 0x77,
    VMEXIT_HLT = 0x78,
    VMEXIT_INVLPGA = 0x7a,
    VMEXIT_IOIO = 0x7b,
    VMEXIT_MSR = 0x7c,
    VMEXIT_TASK_SWITCH = 0x7d,
    VMEXIT_SHUTDOWN = 0x7f,
    VMEXIT_VMRUN = 0x80,
    VMEXIT_VMMCALL = 0x81,
    VMEXIT_VMLOAD = 0x82, // 82H to 86H: VMLOAD, VMSAVE, STGI, CLGI, SKINIT
    VMEXIT_SKINIT = 0x86,
    VMEXIT_WBINVD = 0x89,
    VMEXIT_MONITOR = 0x8a,
    VMEXIT_MWAIT = 0x8b,
    VMEXIT_XSETBV = 0x8d,
    VMEXIT_RDPRU = 0x8e,
    VMEXIT_NPF = 0x400,
    VMEXIT_AVIC_INCOMPLETE_IPI = 0x401,
    VMEXIT_AVIC_NOACCEL = 0x402,
};
// VMRUN refused the guest state or a control: -1. Some emulators store the low half only.
#define VMEXIT_INVALID 0xffffffffU

// exitinfo1 of a MOV to or from a control register, with decode assists (15.33.1).
#define CR_INFO_MOV BIT(63)
#define CR_INFO_GPR_MASK 0xfU

// exitinfo1 of IN and OUT (15.10.2).
#define IO_INFO_IN BIT(0)
#define IO_INFO_STRING BIT(2)
#define IO_INFO_WIDTH_SHIFT 4 // 1, 2 or 4 bytes
#define IO_INFO_WIDTH_MASK 7U
#define IO_INFO_PORT_SHIFT 16

#define MSR_INFO_WRITE BIT(0) // exitinfo1 of RDMSR and WRMSR

#define PAGE_FAULT_RESERVED BIT(3) // exitinfo1 of a page fault: its error code (15.12.15)

// exitinfo1 of a nested page fault (15.25.6).
#define NPF_PRESENT BIT(0)
#define NPF_WRITE BIT(1)
#define NPF_FETCH BIT(4)
#define NPF_PAGE_WALK BIT(33) // at a page table of the guest, not at the final address
