// SPDX-License-Identifier: MIT
// Accesses to MSRs as exits of the fake machine.
#include "tests/host/vcpu/msr_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/vcpu/cpuid_build.h"

bool msr_reads(uint32_t msr, uint64_t *value)
{
    uint64_t *gpr = fake_machine_gpr();
    gpr[GPR_RCX] = 0xabcdef0000000000 | msr; // the upper half is ignored
    gpr[GPR_RAX] = gpr[GPR_RDX] = UINT64_MAX;
    if (fake_machine_exit((struct vm_exit){.kind = EXIT_READ_MSR}) == RETRY) {
        assert_true(gpr[GPR_RAX] == UINT64_MAX && gpr[GPR_RDX] == UINT64_MAX);
        assert_true(fake_machine_take_fault(VECTOR_GP));
        return false;
    }
    assert_int_equal(gpr[GPR_RAX] >> 32 | gpr[GPR_RDX] >> 32, 0);
    *value = gpr[GPR_RAX] | gpr[GPR_RDX] << 32;
    return true;
}

bool msr_writes(uint32_t msr, uint64_t value)
{
    uint64_t *gpr = fake_machine_gpr();
    gpr[GPR_RCX] = 0xabcdef0000000000 | msr;
    gpr[GPR_RAX] = 0x5555555500000000 | (uint32_t)value; // these upper halves are ignored too
    gpr[GPR_RDX] = 0x5555555500000000 | value >> 32;
    if (fake_machine_exit((struct vm_exit){.kind = EXIT_WRITE_MSR}) == RETRY) {
        assert_true(fake_machine_take_fault(VECTOR_GP));
        return false;
    }
    return true;
}

uint64_t msr_value(uint32_t msr)
{
    uint64_t value = 0;
    assert_true(msr_reads(msr, &value));
    return value;
}

void msr_make_amd(unsigned family)
{
    struct cpuid_identity identity = {.vcpus = fake_machine.vm->config.vcpus};
    struct cpuid_registers leaf1 = *fake_host_cpuid(1, 0);
    leaf1.eax = (uint32_t)((family - 0xf) << 20 | 0xf << 8);
    fake_host_set_cpuid(1, 0, leaf1);
    fake_host_set_cpuid(0, 0, (struct cpuid_registers){0x16, 0x68747541, 0x444d4163, 0x69746e65});
    cpuid_table_build(&fake_machine.vcpu->cpuid, &fake_host.host, &identity);
}
