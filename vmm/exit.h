// SPDX-License-Identifier: MIT
// A VM exit in neutral terms: what the guest did, whichever vendor's hardware reported it.
#pragma once

#include "vmm/address.h"

enum exit_kind {
    EXIT_CPUID,
    EXIT_HYPERCALL, // VMCALL, VMMCALL
    EXIT_IO,        // IN, OUT, INS, OUTS
    EXIT_READ_MSR,
    EXIT_WRITE_MSR,
    EXIT_CONTROL_REGISTER, // MOV to or from CR0, CR4, CR8; CLTS, LMSW
    EXIT_XSETBV,
    EXIT_HLT,
    EXIT_MEMORY,     // nested page fault: EPT violation, #NPF
    EXIT_EXCEPTION,  // an intercepted exception
    EXIT_APIC_WRITE, // the processor has put it into the APIC's page, and is past the instruction
    EXIT_EOI,        // likewise: of a level-triggered interrupt
    EXIT_IPI,        // likewise: one that it could not deliver alone
    EXIT_PAUSE,      // a loop of PAUSE: it waits for another vCPU
    EXIT_INTERRUPT_WINDOW,
    EXIT_HOST,      // the host's own interrupt, NMI or timer; the guest did nothing
    EXIT_UNDEFINED, // an instruction that the guest does not have: #UD
    EXIT_FORBIDDEN, // an instruction that the guest may not use: #GP(0)
    EXIT_NOTHING,   // an instruction that does nothing in a guest: WBINVD, INVD
    EXIT_TRIPLE_FAULT,
    EXIT_ENTRY_FAILED, // the guest state was refused
    EXIT_UNKNOWN,
    EXIT_KINDS
};

struct exit_hypercall {
    uint8_t cpl; // of the code that made it
};

struct exit_io {
    uint16_t port;
    uint8_t width; // bytes: 1, 2, 4
    bool in;
    bool string;   // INS, OUTS: the instruction is decoded by whoever handles it
    bool repeated; // REP prefix
};

struct exit_control_register {
    uint8_t number; // 0, 4 or 8
    bool write;
    uint8_t gpr;    // MOV: its general register, an index into guest_registers.gpr
    bool immediate; // CLTS, LMSW: `value` is the whole new value of the register
    uint64_t value;
};

// What says which instruction the guest was at, but for what is in memory.
struct exit_code {
    uint64_t rip;
    uint64_t cr3;
    uint64_t efer;
    uint16_t cs_attributes; // as in struct segment
};

struct exit_memory {
    gpa_t gpa;
    gva_t gva; // valid if gva_valid
    struct exit_code code;
    uint8_t access; // enum memory_access
    bool gva_valid;
    bool page_walk; // the access was to a guest's paging structure
    bool delivery;  // it happened while an event was being delivered
};

struct exit_apic_write {
    uint8_t reg; // enum lapic_register
};

struct exit_eoi {
    uint8_t vector; // that was in service
};

struct exit_ipi {
    uint64_t icr;
    bool sent; // it is requested in the pages of all receivers, some of which do not run
};

struct exit_exception {
    uint8_t vector;
    bool has_error_code;
    uint32_t error_code;
    uint64_t payload; // #DB: the bits to set in DR6
    bool delivery;    // it happened while another event was being delivered
};

struct vm_exit {
    enum exit_kind kind;
    uint8_t length; // for ADVANCE_DECODED: set by the handler
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
    ADVANCE,         // past the instruction, whose length the hardware gives, then go on
    ADVANCE_DECODED, // the same by vm_exit.length, where the handler had to decode it
    RETRY,           // go on at the same instruction (or where an injected event leads)
    STOP,            // leave the loop: vcpu.work has WORK_STOP, the VM's state says why
};

// The name of an exit kind, as the monitor's `exits` shows it.
const char *exit_kind_name(enum exit_kind kind);
