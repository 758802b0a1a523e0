// SPDX-License-Identifier: MIT
// Exceptions of the hypervisor itself.
#include "arch/x86/exceptions.h"

#include "arch/x86/cpu.h"
#include "arch/x86/exception_text.h"
#include "arch/x86/fixup.h"
#include "arch/x86/instructions.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/machine_check.h"
#include "arch/x86/panic.h"
#include "arch/x86/registers.h"
#include "arch/x86/stacks.h"

static void nmi_handle(void)
{
    cpu_this()->nmi_count++;
    if (!panic_in_progress()) {
        return;
    }
    for (;;) {
        halt();
    }
}

void exception_handle(struct interrupt_frame *frame)
{
    if (frame->vector == VECTOR_NMI) {
        nmi_handle();
        return;
    }
    if (frame->vector == VECTOR_MC) {
        machine_check_handle(frame);
        return;
    }
    if (fixup_apply(frame)) {
        return;
    }
    if (frame->vector == VECTOR_PF) {
        panic_frame(frame, "%s: %s at %#lx", exception_name(frame->vector),
                    page_fault_text(frame->error_code), read_cr2());
    }
    if (frame->vector == VECTOR_DF && stacks_is_guard(frame->rsp)) {
        panic_frame(frame, "%s: stack overflow", exception_name(frame->vector));
    }
    panic_frame(frame, "%s, error code %#lx", exception_name(frame->vector), frame->error_code);
}
