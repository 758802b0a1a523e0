// SPDX-License-Identifier: MIT
// The CPUs that run, and the set-up of each.
#include "arch/x86/cpu.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/errata.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/frames.h"
#include "arch/x86/idt.h"
#include "arch/x86/instructions.h"
#include "arch/x86/machine_check.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/paging.h"
#include "arch/x86/panic.h"
#include "arch/x86/registers.h"

#define CPU_PAGES (ALIGN_UP(sizeof(struct cpu), PAGE_SIZE) / PAGE_SIZE)

extern struct cpu boot_cpu; // boot/multiboot2.asm puts its address onto the first stack
struct cpu boot_cpu;

static struct cpu *cpus[CPUS_MAX] = {&boot_cpu};
static unsigned running = 1;

unsigned cpu_count(void)
{
    return __atomic_load_n(&running, __ATOMIC_ACQUIRE);
}

struct cpu *cpu_by_index(unsigned index)
{
    return index < cpu_count() ? cpus[index] : NULL;
}

static bool create_interrupt_stacks(struct cpu *cpu)
{
    for (unsigned stack = IST_NONE + 1; stack < IST_COUNT; stack++) {
        uint64_t top = paging_create_stack(cpu);
        if (top == 0) {
            return false;
        }
        cpu->tss.ist[stack - 1] = top;
    }
    return true;
}

struct cpu *cpu_create(uint32_t apic_id)
{
    struct cpu *cpu = cpu_count() < CPUS_MAX ? frames_allocate(CPU_PAGES) : NULL;
    if (!cpu) {
        return NULL;
    }
    cpu->index = cpu_count();
    cpu->apic_id = apic_id;
    cpu->stack_top = paging_create_stack(cpu);
    if (cpu->stack_top == 0 || !create_interrupt_stacks(cpu)) {
        return NULL;
    }
    return cpu;
}

void cpu_add(struct cpu *cpu)
{
    cpus[cpu->index] = cpu;
    __atomic_store_n(&running, cpu->index + 1, __ATOMIC_RELEASE);
}

static uint64_t wanted_cr4(void)
{
    struct cpuid_registers basic = cpuid(CPUID_FEATURES, 0);
    struct cpuid_registers structured = cpuid_checked(CPUID_STRUCTURED_FEATURES, 0);
    uint64_t cr4 = CR4_PAE;
    if ((basic.edx & CPUID_1_EDX_PGE) && !feature_is_off(OPTIONAL_GLOBAL_PAGES)) {
        cr4 |= CR4_PGE;
    }
    if (basic.edx & CPUID_1_EDX_MCE) {
        cr4 |= CR4_MCE;
    }
    if ((structured.ebx & CPUID_7_EBX_SMEP) && !feature_is_off(OPTIONAL_SMEP)) {
        cr4 |= CR4_SMEP;
    }
    if ((structured.ebx & CPUID_7_EBX_SMAP) && !feature_is_off(OPTIONAL_SMAP)) {
        cr4 |= CR4_SMAP;
    }
    if ((structured.ecx & CPUID_7_ECX_UMIP) && !feature_is_off(OPTIONAL_UMIP)) {
        cr4 |= CR4_UMIP;
    }
    return cr4;
}

void cpu_enable_protections(void)
{
    // Whole values: INIT leaves the caches off (CD, NW), and firmware may leave any value.
    write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
    write_cr4(wanted_cr4());
    if (cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx & CPUID_80000001_EDX_NX) {
        wrmsr(IA32_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    }
    if (cpuid(CPUID_FEATURES, 0).edx & CPUID_1_EDX_PAT) {
        wrmsr(IA32_PAT, HOST_PAT);
    }
}

void cpu_set_up(struct cpu *cpu)
{
    cpu_enable_protections();
    gdt_fill(&cpu->gdt, &cpu->tss);
    gdt_load(&cpu->gdt);
    idt_load();
    errata_apply();
    machine_check_enable();
    cpu->cr3 = read_cr3();
}

void cpu_set_up_first(void)
{
    if (!create_interrupt_stacks(&boot_cpu)) {
        panic("no frames for the interrupt stacks");
    }
    boot_cpu.stack_top = ALIGN_UP((uintptr_t)__builtin_frame_address(0), STACK_SLOT_BYTES) - 16;
    idt_use_interrupt_stacks();
}
