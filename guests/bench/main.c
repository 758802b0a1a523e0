// SPDX-License-Identifier: MIT
// What each kind of VM exit costs, in ticks of the TSC.
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "guests/bench/apic.h"
#include "guests/bench/sample.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/pic.h"
#include "guests/lib/pit.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"
#include "guests/lib/start.h"

#define UNCLAIMED_PORT 0x2f0
#define ALL_MASKED 0xff

static uint64_t cr0;
static uint64_t cr4;

static void do_nothing(void)
{
}

static void do_cpuid(void)
{
    cpuid(0, 0);
}

static void do_vmcall(void)
{
    hypercall_vmcall(HYPERCALL_VERSION, 0, 0);
}

static void do_vmmcall(void)
{
    hypercall_vmmcall(HYPERCALL_VERSION, 0, 0);
}

static void do_rdmsr(void)
{
    msr_read(IA32_MTRRCAP);
}

static void do_wrmsr(void)
{
    msr_write(IA32_BIOS_SIGN_ID, 0);
}

static void read_pic(void)
{
    in8(PIC_MASTER_DATA);
}

static void write_pic(void)
{
    out8(PIC_MASTER_DATA, ALL_MASKED);
}

static void read_pit(void)
{
    in8(PIT_CHANNEL0);
}

static void write_pit(void)
{
    out8(PIT_CHANNEL0, 0);
}

static void read_unclaimed(void)
{
    in8(UNCLAIMED_PORT);
}

static void toggle_cr0_ts(void)
{
    cr0 ^= CR0_TS;
    cr0_write(cr0);
}

static void toggle_cr0_cd(void)
{
    cr0 ^= CR0_CD;
    cr0_write(cr0);
}

static void toggle_cr4_pge(void)
{
    cr4 ^= CR4_PGE;
    cr4_write(cr4);
}

static void bench_hypercall(void)
{
    if (!husk_present()) {
        bench_report_missing("hypercall");
    } else if (cpu_is_amd()) {
        bench_measure("hypercall", do_vmmcall);
    } else {
        bench_measure("hypercall", do_vmcall);
    }
}

static void bench_ports(void)
{
    pic_init();
    bench_measure("pic-read", read_pic);
    bench_measure("pic-write", write_pic);
    bench_measure("pit-read", read_pit);
    bench_measure("pit-write", write_pit);
    pit_stop();
    bench_measure("port-unclaimed", read_unclaimed);
}

static void bench_control_registers(void)
{
    const uint64_t cr0_before = cr0_read();
    const uint64_t cr4_before = cr4_read();
    cr0 = cr0_before;
    cr4 = cr4_before;
    bench_measure("cr0-ts", toggle_cr0_ts);
    bench_measure("cr0-cd", toggle_cr0_cd);
    cr0_write(cr0_before);
    bench_measure("cr4-pge", toggle_cr4_pge);
    cr4_write(cr4_before);
}

uint8_t guest_main(const struct guest *guest)
{
    (void)guest;
    pit_stop(); // the timer that the firmware left running
    bench_measure("empty", do_nothing);
    bench_measure("cpuid", do_cpuid);
    bench_hypercall();
    bench_measure("rdmsr", do_rdmsr);
    bench_measure("wrmsr", do_wrmsr);
    bench_ports();
    bench_control_registers();
    bench_apic();
    return 0;
}
