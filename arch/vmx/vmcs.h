// SPDX-License-Identifier: MIT
// The fields of a VMCS, and access to them, typed by their width (SDM Vol. 3D appendix B).
#pragma once

#include "arch/vmx/vmcs_access.h"
#include "vmm/util/types.h"

// The encoding of a field, wrapped by the field's width. Code that reads a 32-bit field as a
// natural one, or that writes an encoding as a value, does not compile.
struct vmcs16 {
    uint32_t encoding;
};
struct vmcs32 {
    uint32_t encoding;
};
struct vmcs64 {
    uint32_t encoding;
};
struct vmcs_natural {
    uint32_t encoding;
};

#define VMCS16(encoding) ((struct vmcs16){encoding})
#define VMCS32(encoding) ((struct vmcs32){encoding})
#define VMCS64(encoding) ((struct vmcs64){encoding})
#define VMCS_NATURAL(encoding) ((struct vmcs_natural){encoding})

// B.1 16-bit fields
#define VPID VMCS16(0x0000)
#define POSTED_NOTIFICATION_VECTOR VMCS16(0x0002)
#define GUEST_ES_SELECTOR VMCS16(0x0800) // the other segments follow as in enum guest_segment
#define GUEST_INTERRUPT_STATUS VMCS16(0x0810)
#define HOST_ES_SELECTOR VMCS16(0x0c00)
#define HOST_CS_SELECTOR VMCS16(0x0c02)
#define HOST_SS_SELECTOR VMCS16(0x0c04)
#define HOST_DS_SELECTOR VMCS16(0x0c06)
#define HOST_FS_SELECTOR VMCS16(0x0c08)
#define HOST_GS_SELECTOR VMCS16(0x0c0a)
#define HOST_TR_SELECTOR VMCS16(0x0c0c)

// B.2 64-bit fields
#define IO_BITMAP_A VMCS64(0x2000)
#define IO_BITMAP_B VMCS64(0x2002)
#define MSR_BITMAP VMCS64(0x2004)
#define VM_EXIT_MSR_STORE_ADDRESS VMCS64(0x2006)
#define VM_EXIT_MSR_LOAD_ADDRESS VMCS64(0x2008)
#define VM_ENTRY_MSR_LOAD_ADDRESS VMCS64(0x200a)
#define TSC_OFFSET VMCS64(0x2010)
#define VIRTUAL_APIC_ADDRESS VMCS64(0x2012)
#define APIC_ACCESS_ADDRESS VMCS64(0x2014)
#define POSTED_DESCRIPTOR_ADDRESS VMCS64(0x2016)
#define EPT_POINTER VMCS64(0x201a)
#define EOI_EXIT_BITMAP_0 VMCS64(0x201c) // 1 to 3 follow in steps of 2
#define GUEST_PHYSICAL_ADDRESS VMCS64(0x2400)
#define VMCS_LINK_POINTER VMCS64(0x2800)
#define GUEST_IA32_DEBUGCTL VMCS64(0x2802)
#define GUEST_IA32_PAT VMCS64(0x2804)
#define GUEST_IA32_EFER VMCS64(0x2806)
#define GUEST_PDPTE0 VMCS64(0x280a) // 1 to 3 follow in steps of 2
#define HOST_IA32_PAT VMCS64(0x2c00)
#define HOST_IA32_EFER VMCS64(0x2c02)

// B.3 32-bit fields
#define PIN_BASED_CONTROLS VMCS32(0x4000)
#define PRIMARY_CONTROLS VMCS32(0x4002)
#define EXCEPTION_BITMAP VMCS32(0x4004)
#define PAGE_FAULT_ERROR_CODE_MASK VMCS32(0x4006)
#define PAGE_FAULT_ERROR_CODE_MATCH VMCS32(0x4008)
#define CR3_TARGET_COUNT VMCS32(0x400a)
#define VM_EXIT_CONTROLS VMCS32(0x400c)
#define VM_EXIT_MSR_STORE_COUNT VMCS32(0x400e)
#define VM_EXIT_MSR_LOAD_COUNT VMCS32(0x4010)
#define VM_ENTRY_CONTROLS VMCS32(0x4012)
#define VM_ENTRY_MSR_LOAD_COUNT VMCS32(0x4014)
#define VM_ENTRY_INTERRUPTION_INFO VMCS32(0x4016)
#define VM_ENTRY_EXCEPTION_ERROR_CODE VMCS32(0x4018)
#define VM_ENTRY_INSTRUCTION_LENGTH VMCS32(0x401a)
#define TPR_THRESHOLD VMCS32(0x401c)
#define SECONDARY_CONTROLS VMCS32(0x401e)
#define PLE_GAP VMCS32(0x4020)
#define PLE_WINDOW VMCS32(0x4022)
#define INSTRUCTION_TIMEOUT VMCS32(0x4024)
#define VM_INSTRUCTION_ERROR VMCS32(0x4400)
#define VM_EXIT_REASON VMCS32(0x4402)
#define VM_EXIT_INTERRUPTION_INFO VMCS32(0x4404)
#define VM_EXIT_INTERRUPTION_ERROR_CODE VMCS32(0x4406)
#define IDT_VECTORING_INFO VMCS32(0x4408)
#define IDT_VECTORING_ERROR_CODE VMCS32(0x440a)
#define VM_EXIT_INSTRUCTION_LENGTH VMCS32(0x440c)
#define VM_EXIT_INSTRUCTION_INFO VMCS32(0x440e)
#define GUEST_ES_LIMIT VMCS32(0x4800)   // the other segments follow
#define GUEST_GDTR_LIMIT VMCS32(0x4810) // IDTR follows
#define GUEST_ES_ACCESS_RIGHTS VMCS32(0x4814)
#define GUEST_INTERRUPTIBILITY VMCS32(0x4824)
#define GUEST_ACTIVITY_STATE VMCS32(0x4826)
#define GUEST_SYSENTER_CS VMCS32(0x482a)
#define PREEMPTION_TIMER_VALUE VMCS32(0x482e)
#define HOST_SYSENTER_CS VMCS32(0x4c00)

// B.4 natural-width fields
#define CR0_GUEST_HOST_MASK VMCS_NATURAL(0x6000)
#define CR4_GUEST_HOST_MASK VMCS_NATURAL(0x6002)
#define CR0_READ_SHADOW VMCS_NATURAL(0x6004)
#define CR4_READ_SHADOW VMCS_NATURAL(0x6006)
#define VM_EXIT_QUALIFICATION VMCS_NATURAL(0x6400)
#define GUEST_LINEAR_ADDRESS VMCS_NATURAL(0x640a)
#define GUEST_CR0 VMCS_NATURAL(0x6800)
#define GUEST_CR3 VMCS_NATURAL(0x6802)
#define GUEST_CR4 VMCS_NATURAL(0x6804)
#define GUEST_ES_BASE VMCS_NATURAL(0x6806)   // the other segments follow
#define GUEST_GDTR_BASE VMCS_NATURAL(0x6816) // IDTR follows
#define GUEST_DR7 VMCS_NATURAL(0x681a)
#define GUEST_RSP VMCS_NATURAL(0x681c)
#define GUEST_RIP VMCS_NATURAL(0x681e)
#define GUEST_RFLAGS VMCS_NATURAL(0x6820)
#define GUEST_PENDING_DEBUG VMCS_NATURAL(0x6822)
#define GUEST_SYSENTER_ESP VMCS_NATURAL(0x6824)
#define GUEST_SYSENTER_EIP VMCS_NATURAL(0x6826)
#define HOST_CR0 VMCS_NATURAL(0x6c00)
#define HOST_CR3 VMCS_NATURAL(0x6c02)
#define HOST_CR4 VMCS_NATURAL(0x6c04)
#define HOST_FS_BASE VMCS_NATURAL(0x6c06)
#define HOST_GS_BASE VMCS_NATURAL(0x6c08)
#define HOST_TR_BASE VMCS_NATURAL(0x6c0a)
#define HOST_GDTR_BASE VMCS_NATURAL(0x6c0c)
#define HOST_IDTR_BASE VMCS_NATURAL(0x6c0e)
#define HOST_SYSENTER_ESP VMCS_NATURAL(0x6c10)
#define HOST_SYSENTER_EIP VMCS_NATURAL(0x6c12)
#define HOST_RSP VMCS_NATURAL(0x6c14)
#define HOST_RIP VMCS_NATURAL(0x6c16)

static inline uint16_t vmcs_read16(struct vmcs16 field)
{
    return (uint16_t)vmcs_read_raw(field.encoding);
}

static inline uint32_t vmcs_read32(struct vmcs32 field)
{
    return (uint32_t)vmcs_read_raw(field.encoding);
}

static inline uint64_t vmcs_read64(struct vmcs64 field)
{
    return vmcs_read_raw(field.encoding);
}

static inline uint64_t vmcs_read(struct vmcs_natural field)
{
    return vmcs_read_raw(field.encoding);
}

static inline void vmcs_write16(struct vmcs16 field, uint16_t value)
{
    vmcs_write_raw(field.encoding, value);
}

static inline void vmcs_write32(struct vmcs32 field, uint32_t value)
{
    vmcs_write_raw(field.encoding, value);
}

static inline void vmcs_write64(struct vmcs64 field, uint64_t value)
{
    vmcs_write_raw(field.encoding, value);
}

static inline void vmcs_write(struct vmcs_natural field, uint64_t value)
{
    vmcs_write_raw(field.encoding, value);
}

// In each group the fields of the segments have the order of enum guest_segment, in steps of 2.
static inline struct vmcs16 vmcs_guest_selector(unsigned segment)
{
    return VMCS16(GUEST_ES_SELECTOR.encoding + 2 * segment);
}

static inline struct vmcs32 vmcs_guest_limit(unsigned segment)
{
    return VMCS32(GUEST_ES_LIMIT.encoding + 2 * segment);
}

static inline struct vmcs32 vmcs_guest_access_rights(unsigned segment)
{
    return VMCS32(GUEST_ES_ACCESS_RIGHTS.encoding + 2 * segment);
}

static inline struct vmcs_natural vmcs_guest_base(unsigned segment)
{
    return VMCS_NATURAL(GUEST_ES_BASE.encoding + 2 * segment);
}

// The start of a VMXON region or VMCS (SDM Vol. 3C 25.2). The rest belongs to the processor.
struct vmcs {
    uint32_t revision;
    uint32_t abort_indicator;
    uint8_t data[PAGE_SIZE - 8];
};
static_assert(sizeof(struct vmcs) == PAGE_SIZE, "a VMCS is one page at most");
