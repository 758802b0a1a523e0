// SPDX-License-Identifier: MIT
// Loaders: plan what of a payload goes where in a VM's memory, and say in which state the first CPU
// starts.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;

enum payload_kind {
    PAYLOAD_UNKNOWN,
    PAYLOAD_FLAT,       // boot sector: 0x55AA at 510; real mode at 0000:7C00
    PAYLOAD_ELF32,      // ELF32 i386 executable; protected mode
    PAYLOAD_ELF64,      // ELF64 x86-64 executable; long mode, identity-mapped
    PAYLOAD_LINUX,      // Linux bzImage, protocol 2.00 or later; long, protected or real mode
    PAYLOAD_MULTIBOOT1, // Multiboot 1 header, image by addresses or ELF; protected mode
    PAYLOAD_MULTIBOOT2, // Multiboot 2 header, the same
    PAYLOAD_KINDS
};

struct payload {
    const uint8_t *bytes;
    uint64_t size;
    const char *command_line; // of this module, "" if none
};

#define LOAD_MODULES_MAX 16

struct load_request {
    enum payload_kind kind; // PAYLOAD_UNKNOWN: recognise it
    struct payload payload;
    unsigned module_count; // further modules
    struct payload modules[LOAD_MODULES_MAX];
    struct load_plan *plan; // becomes what is to be copied
};

enum start_mode { START_REAL, START_PROTECTED, START_LONG };

// How the first CPU starts. Registers that are not named here are 0.
//  flat:        real mode at 0000:7C00, stack below that, DL = 0x80 (rdx), interrupts on. The whole
//               file is loaded, up to 0x9FC00. rbx as for elf64; the information is at 0x90000 if
//               there is room, else at 1 MiB.
//  elf32:       flat 32-bit protected mode at the ELF entry. The rest is as for elf64, but rsi is
//  at
//               most 0xfffff000.
//  elf64:       long mode at the ELF entry. Identity map of the low 4 GiB and of all RAM, writable,
//               in 2 MiB pages. 16 KiB of stack. rdi = address of the command line (with a NUL),
//               rsi = RAM in bytes without the holes (guest_memory_size), rbx = address of a boot
//               information as in Multiboot 1, with memory map and modules. Stack, page tables,
//               command line, information and modules are in this order at the highest free place
//               below 4 GiB.
//  linux:       as the boot protocol says. Long mode at the 64-bit entry if there is one, with the
//               low 4 GiB mapped one to one; else the 32-bit entry. rsi = the boot parameters at
//               0x10000. After them come the GDT (0x11000, code 0x10, data 0x18), the page tables
//               (0x12000) and the command line (0x18000). The stack is below 0x10000. The kernel is
//               at pref_address if it can be relocated, else at 1 MiB. The further modules follow
//               each other at multiples of 4 bytes and are the initrd: at the end of RAM, below
//               3 GiB and initrd_addr_max. With a protocol before 2.06, or code32_start 0: real
//               mode at the 16-bit entry, interrupts off. The real-mode part is at 0x10000, its
//               command line at 0x1E000 (before 2.02: at 0x90000 and 0x99800).
//  multiboot1:  as the specification says: flat 32-bit protected mode, rax = 0x2BADB002, rbx =
//               address of the boot information, no stack. Flag 2 (video mode) is not honoured. An
//               ELF64 file with a Multiboot header is loaded and started in the same way, as by
//               GRUB. Information and modules come after the image.
//  multiboot2:  the same with rax = 0x36D76289 and the information of Multiboot 2.
struct load_result {
    enum payload_kind kind;
    enum start_mode mode;
    uint64_t entry;     // in real mode the offset in the segment code_selector
    bool interrupts_on; // in real mode, where a ROM handles them
    uint64_t stack;
    uint64_t cr3; // long mode: identity map made by the loader
    uint64_t gdt; // made by the loader; 0 bytes: there is none, but the segments are flat
    uint16_t gdt_bytes;
    uint16_t code_selector; // in that GDT, or of real mode
    uint16_t data_selector; // the stack's too
    uint64_t rax;
    uint64_t rbx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
};

const char *payload_kind_name(enum payload_kind kind);

// The kind of a payload; PAYLOAD_UNKNOWN: it has no known header.
enum payload_kind payload_recognise(const uint8_t *bytes, uint64_t size);

// Loads the payload: writes small structures (page tables, boot information) at once, and adds all
// that is copied from payload and modules to the plan. The payload is loaded once load_plan_step
// has carried the plan out. Checks every value against the payload's size and the VM's memory
// before use. After a failure the VM must not run; `why` names the field and the value.
enum status payload_load(const struct load_request *request, const struct guest_memory *memory,
                         struct load_result *result, struct reason *why);
