// SPDX-License-Identifier: MIT
// A VM exit in neutral terms: what the guest did, whichever vendor's hardware reported it.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

enum exit_kind {
    EXIT_CPUID,
    EXIT_HYPERCALL, // VMCALL, VMMCALL
    EXIT_IO,        // IN, OUT, INS, OUTS
    EXIT_READ_MSR,
    EXIT_WRITE_MSR,
    EXIT_CONTROL_REGISTER, // MOV to or from CR0, CR4, CR8; CLTS, LMSW if the hardware decodes them
    EXIT_STATUS_WORD,      // LMSW, SMSW, CLTS: the instruction in memory says which
    EXIT_XSETBV,
    EXIT_HLT,
    EXIT_MEMORY,     // nested page fault: EPT violation, #NPF
    EXIT_EXCEPTION,  // an intercepted exception
    EXIT_APIC_WRITE, // a completed write to the APIC's page, which the model must carry out
    EXIT_EOI,        // a completed write that ends a level-triggered interrupt
    EXIT_IPI,        // a completed write of an IPI that the processor cannot deliver alone
    EXIT_PAUSE,      // a loop of PAUSE: the guest waits for another vCPU
    EXIT_INTERRUPT_WINDOW,
    EXIT_DEBUG_REGISTER, // an access to a debug register that REG_DEBUG_EXIT waited for
    EXIT_HOST,           // the host's own interrupt, NMI or timer; the guest did nothing
    EXIT_UNDEFINED,      // an instruction that the guest does not have: #UD
    EXIT_FORBIDDEN,      // an instruction that the guest may not use: #GP(0)
    EXIT_NOTHING,        // an instruction that does nothing in a guest: WBINVD, INVD
    EXIT_TRIPLE_FAULT,
    EXIT_MACHINE_CHECK, // the guest cannot go on, the host can
    EXIT_ENTRY_FAILED,  // the guest state was refused
    EXIT_UNKNOWN,
    EXIT_KINDS
};

struct exit_hypercall {
    uint8_t cpl; // of the code that made the call
};

struct exit_io {
    uint16_t port;
    uint8_t width; // bytes: 1, 2, 4
    bool in;
    bool string; // INS, OUTS: the instruction in memory says which addresses it uses
};

struct exit_control_register {
    uint8_t number; // 0, 4 or 8
    bool write;
    uint8_t gpr;    // MOV: the general register, an index into guest_registers.gpr
    bool immediate; // CLTS, LMSW: `value` is the whole new value of the register
    uint64_t value;
};

// The registers that decide which instruction the guest was at. The rest is in memory. CR0 may
// have bits of the host in it.
struct exit_code {
    uint64_t rip;
    uint64_t cr0;
    uint64_t cr3;
    uint16_t cs_attributes; // as in struct segment
};

struct exit_memory {
    gpa_t gpa;
    gva_t gva; // valid if gva_valid
    struct exit_code code;
    uint8_t access; // enum memory_access
    bool gva_valid;
    bool page_walk; // the access was to one of the guest's paging structures
    bool delivery;  // the access happened while an event was being delivered
};

struct exit_apic_write {
    uint8_t reg; // enum lapic_register
};

struct exit_eoi {
    uint8_t vector; // the one that was in service
};

struct exit_ipi {
    uint64_t icr;
    bool sent; // the IPI is requested in the pages of all receivers, but some do not run
};

// What was being delivered when an exception came.
enum exit_delivery {
    DELIVERY_NONE,
    DELIVERY_DOUBLE_FAULT,
    DELIVERY_OTHER, // any other event
};

struct exit_exception {
    uint8_t vector;
    uint8_t delivery; // enum exit_delivery
    bool has_error_code;
    uint32_t error_code;
    uint64_t payload; // #DB: the bits to set in DR6
};

struct vm_exit {
    enum exit_kind kind;
    uint8_t length; // of the instruction; the handler sets it for ADVANCE_DECODED
    union {
        struct exit_hypercall hypercall;
        struct exit_io io;
        struct exit_control_register cr;
        struct exit_memory memory;
        struct exit_apic_write apic_write;
        struct exit_eoi eoi;
        struct exit_ipi ipi;
        struct exit_exception exception;
    };
};

// What the handler of an exit asks of the loop.
enum exit_action {
    ADVANCE,         // go on behind the instruction, whose length the hardware gives
    ADVANCE_DECODED, // the same, with vm_exit.length, because the handler decoded the instruction
    RETRY,           // go on at the same instruction (or where an injected event leads)
    STOP,            // leave the loop: vcpu_core.work has WORK_STOP, the VM's state says why
};

// The name of an exit kind, which the monitor's `exits` shows.
const char *exit_kind_name(enum exit_kind kind);
