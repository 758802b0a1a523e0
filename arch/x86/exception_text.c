// SPDX-License-Identifier: MIT
// Exceptions in words: their names, the error code of a page fault, and the dump of all registers.
#include "arch/x86/exception_text.h"

#include "arch/x86/backtrace.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "vmm/util/format.h"

#define LINE_BYTES 128

// SDM Vol. 3A table 6-1, APM Vol. 2 table 8-1.
static const char *const names[FIRST_INTERRUPT] = {
    [0] = "#DE divide error",
    [1] = "#DB debug",
    [2] = "NMI",
    [3] = "#BP breakpoint",
    [4] = "#OF overflow",
    [5] = "#BR bound range exceeded",
    [6] = "#UD invalid opcode",
    [7] = "#NM device not available",
    [8] = "#DF double fault",
    [9] = "coprocessor segment overrun",
    [10] = "#TS invalid TSS",
    [11] = "#NP segment not present",
    [12] = "#SS stack-segment fault",
    [13] = "#GP general protection",
    [14] = "#PF page fault",
    [15] = "reserved exception 15",
    [16] = "#MF x87 floating-point error",
    [17] = "#AC alignment check",
    [18] = "#MC machine check",
    [19] = "#XM SIMD floating-point exception",
    [20] = "#VE virtualization exception",
    [21] = "#CP control protection",
    [22] = "reserved exception 22",
    [23] = "reserved exception 23",
    [24] = "reserved exception 24",
    [25] = "reserved exception 25",
    [26] = "reserved exception 26",
    [27] = "reserved exception 27",
    [28] = "#HV hypervisor injection",
    [29] = "#VC VMM communication",
    [30] = "#SX security exception",
    [31] = "reserved exception 31",
};

const char *exception_name(uint64_t vector)
{
    return vector < ARRAY_SIZE(names) ? names[vector] : "interrupt";
}

const char *page_fault_text(uint64_t error_code)
{
    bool present = (error_code & BIT(0)) != 0;
    if (error_code & BIT(3)) {
        return "reserved bit in a paging structure";
    }
    if (error_code & BIT(4)) {
        return present ? "execution of a no-execute page" : "execution of an unmapped page";
    }
    if (error_code & BIT(1)) {
        return present ? "write to a read-only page" : "write to an unmapped page";
    }
    return present ? "read of a protected page" : "read of an unmapped page";
}

static void dump_four(void (*line)(const char *text), const char *const names_of[4], uint64_t a,
                      uint64_t b, uint64_t c, uint64_t d)
{
    char text[LINE_BYTES];
    format_text(text, sizeof(text), "%-3s %016lx  %-3s %016lx  %-3s %016lx  %-3s %016lx",
                names_of[0], a, names_of[1], b, names_of[2], c, names_of[3], d);
    line(text);
}

#define NAMES(...) ((const char *const[4]){__VA_ARGS__})

void exception_dump(const struct interrupt_frame *frame, void (*line)(const char *text))
{
    char text[LINE_BYTES];
    char place[LINE_BYTES / 2];
    backtrace_format(place, sizeof(place), frame->rip);
    format_text(text, sizeof(text), "rip %s", place);
    line(text);
    format_text(text, sizeof(text), "cs %lx  ss %lx  rflags %lx  vector %lu  error code %lx",
                frame->cs, frame->ss, frame->rflags, frame->vector, frame->error_code);
    line(text);
    dump_four(line, NAMES("rax", "rbx", "rcx", "rdx"), frame->rax, frame->rbx, frame->rcx,
              frame->rdx);
    dump_four(line, NAMES("rsi", "rdi", "rbp", "rsp"), frame->rsi, frame->rdi, frame->rbp,
              frame->rsp);
    dump_four(line, NAMES("r8", "r9", "r10", "r11"), frame->r8, frame->r9, frame->r10, frame->r11);
    dump_four(line, NAMES("r12", "r13", "r14", "r15"), frame->r12, frame->r13, frame->r14,
              frame->r15);
    dump_four(line, NAMES("cr0", "cr2", "cr3", "cr4"), read_cr0(), read_cr2(), read_cr3(),
              read_cr4());
}
