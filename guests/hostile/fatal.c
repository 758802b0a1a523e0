// SPDX-License-Identifier: MIT
// Attempts after which a machine does not go on: the VM ends with its reason, or only it hangs.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/descriptors.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/port.h"
#include "guests/lib/traps.h"

#define DELIVERY_INIT (5U << 8)
#define DR7_WATCH_WRITE_0 (BIT(0) | 1ULL << 16 | 2ULL << 18) // local, on writes, 8 bytes
#define SIXTY_FOUR_BIT_FRAME 40
#define HYPERCALL_STATUS 7
#define KEYBOARD_COMMAND 0x64
#define PULSE_RESET 0xfe
#define SYSTEM_PORT_A 0x92

// In legacy.asm.
void legacy_task_switch(void);
void legacy_ac_loop(void);
void legacy_df_loop(void);

ATTEMPT_INSTRUCTION(halt, "cli\n\thlt")
ATTEMPT_INSTRUCTION(fetch_apic, "mov $0xfee00000, %%eax\n\tjmp *%%rax")
ATTEMPT_INSTRUCTION(stack_in_apic, "mov %%rsp, %%rbx\n\tmov $0xfee00800, %%esp\n\tint3")
ATTEMPT_INSTRUCTION(sse_on_apic, "mov %%cr4, %%rax\n\tor $0x200, %%rax\n\tmov %%rax, %%cr4\n\t"
                                 "mov $0xfee00030, %%eax\n\tmovups (%%rax), %%xmm0")
ATTEMPT_INSTRUCTION(fxsave_to_apic, "mov $0xfee00000, %%eax\n\tfxsave (%%rax)")
ATTEMPT_INSTRUCTION(multiply_with_apic, "mov $0xfee00030, %%ecx\n\tmull (%%rcx)")
ATTEMPT_INSTRUCTION(shift_apic, "mov $0xfee00080, %%ecx\n\tshll $1, (%%rcx)")
ATTEMPT_INSTRUCTION(call_through_apic, "mov $0xfee00030, %%ecx\n\tcall *(%%rcx)")
ATTEMPT_INSTRUCTION(lgdt_from_apic, "mov $0xfee00030, %%ecx\n\tlgdt (%%rcx)")
ATTEMPT_INSTRUCTION(compare_exchange_8, "mov $0xfee00080, %%edi\n\txor %%eax, %%eax\n\t"
                                        "xor %%edx, %%edx\n\tcmpxchg8b (%%rdi)")

static enum outcome triple_fault(void)
{
    // Gates that are not present. An IDT with limit 0 would ask for a reset instead.
    static const uint64_t gates[64];
    const struct descriptor_table table = {.limit = sizeof(gates) - 1,
                                           .base = (uint64_t)(uintptr_t)gates};
    __asm__ volatile("lidt %0\n\tud2" ::"m"(table) : "memory");
    return OUTCOME_DONE;
}

static enum outcome fetch_above_ram(void)
{
    const uint64_t address = probe_map(machine_memory_end(), PAGE_WRITABLE);
    __asm__ volatile("jmp *%0" ::"r"(address) : "memory");
    return OUTCOME_DONE;
}

static enum outcome cr3_above_ram(void)
{
    cr3_write(machine_memory_end());
    return OUTCOME_DONE;
}

static enum outcome idt_above_ram(void)
{
    const struct descriptor_table table = {.limit = 0xfff,
                                           .base = probe_map(machine_memory_end(), PAGE_WRITABLE)};
    __asm__ volatile("lidt %0\n\tint3" ::"m"(table) : "memory");
    return OUTCOME_DONE;
}

static enum outcome gdt_above_ram(void)
{
    const struct descriptor_table table = {.limit = 0xfff,
                                           .base = probe_map(machine_memory_end(), PAGE_WRITABLE)};
    __asm__ volatile("lgdt %0\n\tmov %1, %%eax\n\tmov %%eax, %%es" ::"m"(table), "i"(SELECTOR_DATA)
                     : "rax", "memory");
    return OUTCOME_DONE;
}

// CVE-2015-8104: the delivery of #DB writes its frame to a stack that is watched for writes.
static enum outcome db_loop(void)
{
    idt_set(VECTOR_DB, trap_entry(VECTOR_DB), IST_SPARE, 0);
    dr0_write(descriptors_spare_stack() - SIXTY_FOUR_BIT_FRAME);
    dr7_write(DR7_FIXED | DR7_WATCH_WRITE_0);
    __asm__ volatile("int1" ::: "memory");
    return OUTCOME_DONE;
}

static enum outcome task_switch(void)
{
    legacy_task_switch();
    return OUTCOME_DONE;
}

static enum outcome ac_loop(void)
{
    legacy_ac_loop();
    return OUTCOME_DONE;
}

static enum outcome df_loop(void)
{
    legacy_df_loop();
    return OUTCOME_DONE;
}

static enum outcome init_to_self(void)
{
    xapic_write(APIC_ICR_HIGH, xapic_read(APIC_ID));
    xapic_write(APIC_ICR, DELIVERY_INIT | APIC_ICR_ASSERT);
    cpu_interrupts_on();
    for (unsigned i = 0; i < 1000; i++) {
        cpuid(0, 0);
    }
    return OUTCOME_DONE;
}

static enum outcome end_by_hypercall(void)
{
    hypercall(HYPERCALL_END, HYPERCALL_STATUS, 0);
    return OUTCOME_DONE;
}

static enum outcome reset_by_keyboard(void)
{
    out8(KEYBOARD_COMMAND, PULSE_RESET);
    return OUTCOME_DONE;
}

static enum outcome reset_by_port_a(void)
{
    out8(SYSTEM_PORT_A, 0);
    out8(SYSTEM_PORT_A, 1);
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"triple-fault", triple_fault, 0},
    {"halt", halt, 0},
    {"fetch-mmio", fetch_apic, FAULT(UD) | FAULT(GP) | FAULT(PF)},
    {"fetch-outside", fetch_above_ram, FAULT(UD) | FAULT(GP) | FAULT(PF)},
    {"stack-mmio", stack_in_apic, FAULT(DF)},
    {"cr3-outside", cr3_above_ram, 0},
    {"idt-outside", idt_above_ram, FAULT(DF)},
    {"gdt-outside", gdt_above_ram, FAULT(GP) | DONE},
    {"db-loop", db_loop, FAULT(DB)},
    {"ac-loop", ac_loop, 0},
    {"df-loop", df_loop, 0},
    {"task-switch", task_switch, 0},
    {"init-self", init_to_self, DONE},
    {"end-hypercall", end_by_hypercall, FAULT(UD)},
    {"reset-keyboard", reset_by_keyboard, 0},
    {"reset-port92", reset_by_port_a, 0},
    {"mmio-sse", sse_on_apic, DONE},
    {"mmio-fxsave", fxsave_to_apic, FAULT(UD) | DONE},
    {"mmio-mul", multiply_with_apic, DONE},
    {"mmio-shift", shift_apic, DONE},
    {"mmio-call", call_through_apic, FAULT(UD) | FAULT(GP) | FAULT(PF)},
    {"mmio-lgdt", lgdt_from_apic, FAULT(UD) | FAULT(GP) | DONE},
    {"mmio-cmpxchg8b", compare_exchange_8, DONE},
};

const struct attempt_group fatal_group = {attempts, ARRAY_SIZE(attempts)};
