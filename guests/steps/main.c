// SPDX-License-Identifier: MIT
// Prepares the loop of steps.asm: its handlers, and a timer that ends its HLTs.
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "guests/lib/apic.h"
#include "guests/lib/cpu.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/pic.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define TIMER_VECTOR 0x40
#define CALL_VECTOR 0x80
#define TIMER_COUNT 50000 // of 16 cycles of the APIC's clock: a thousand times a second or so
#define STAR_CODE_SHIFT 32

// steps.asm
_Noreturn void steps_run(void);
void steps_on_call(void);
void steps_on_fault(void);
void steps_on_syscall(void);
void steps_on_timer(void);

// In the kernel's own mode SYSCALL loads the same segments again. It clears TF and IF.
static void prepare_syscall(void)
{
    msr_write(IA32_EFER, msr_read(IA32_EFER) | EFER_SCE);
    msr_write(IA32_STAR, (uint64_t)SELECTOR_CODE << STAR_CODE_SHIFT);
    msr_write(IA32_LSTAR, (uint64_t)(uintptr_t)steps_on_syscall);
    msr_write(IA32_FMASK, RFLAGS_TF | RFLAGS_IF);
}

static void prepare_timer(void)
{
    apic_set_mode(APIC_MODE_XAPIC);
    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_16);
    apic_write(APIC_LVT_TIMER, APIC_LVT_PERIODIC | TIMER_VECTOR);
    apic_write(APIC_TIMER_INITIAL, TIMER_COUNT);
}

uint8_t guest_main(const struct guest *guest)
{
    (void)guest;
    pic_init();
    idt_set(VECTOR_BP, steps_on_call, 0, 0);
    idt_set(VECTOR_UD, steps_on_fault, 0, 0);
    idt_set(TIMER_VECTOR, steps_on_timer, 0, 0);
    idt_set(CALL_VECTOR, steps_on_call, 0, 0);
    prepare_syscall();
    prepare_timer();
    print("steps: round and round\n");
    steps_run();
}
