// SPDX-License-Identifier: MIT
// MSRs of a CPU's model: one table, and the values that depend on the VM.
#include "vmm/vcpu/msr_model.h"

#include "arch/x86/msr_numbers.h"
#include "vmm/address.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/cpu_family.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/cpuid.h"
#include "vmm/vcpu/msr.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

#define MHZ 1000000ULL

enum maker { ANY, INTEL, AMD };

enum answer {
    READS,       // as `bits`; what is written is ignored
    KEEPS,       // what is written, with `bits` always set; on AMD from family 10h on
    RATIO,       // of the TSC to a bus of 100 MHz
    CORES,       // how many
    TOP_OF_LOW,  // the end of RAM below 4 GiB
    TOP_OF_HIGH, // and above
    PSTATE,      // what P-state 0 is
};

struct model_msrs {
    uint32_t first;
    uint16_t count;
    uint8_t maker;  // enum maker
    uint8_t answer; // enum answer
    uint32_t bits;
};

// SDM Vol. 4; AMD's Processor Programming References and BIOS and Kernel Developer's Guides.
static const struct model_msrs model_msrs[] = {
    {0x000, 2, ANY, READS, 0},                    // the Pentium's machine check
    {0x02a, 1, ANY, KEEPS, 0},                    // EBL_CR_POWERON
    {0x034, 1, INTEL, READS, 0},                  // SMI_COUNT
    {0x035, 1, INTEL, CORES, 0},                  // CORE_THREAD_COUNT
    {0x079, 1, INTEL, READS, 0},                  // BIOS_UPDT_TRIG
    {0x0c1, 8, INTEL, READS, 0},                  // PMC0 to 7
    {0x0cd, 1, INTEL, READS, 5},                  // FSB_FREQ: 100 MHz
    {0x0ce, 1, INTEL, RATIO, 0},                  // PLATFORM_INFO
    {0x0e2, 1, INTEL, READS, BIT(15)},            // PKG_CST_CONFIG_CONTROL: locked
    {0x0e4, 1, INTEL, READS, 0},                  // PMG_IO_CAPTURE_BASE
    {0x11e, 1, INTEL, READS, BIT(8) | BIT(0)},    // BBL_CR_CTL3: the L2 cache is on
    {0x186, 8, INTEL, READS, 0},                  // PERFEVTSEL0 to 7
    {0x198, 2, INTEL, RATIO, 0},                  // PERF_STATUS, PERF_CTL
    {0x19a, 4, INTEL, READS, 0},                  // clock modulation, THERM_*
    {0x1a2, 1, INTEL, READS, 100U << 16},         // TEMPERATURE_TARGET: 100 degrees
    {0x1a4, 1, INTEL, KEEPS, 0},                  // MISC_FEATURE_CONTROL: the prefetchers
    {0x1aa, 1, INTEL, READS, 0},                  // MISC_PWR_MGMT
    {0x1ad, 2, INTEL, RATIO, 0},                  // TURBO_RATIO_LIMIT
    {0x1c8, 2, INTEL, READS, 0},                  // LBR_SELECT, LASTBRANCH_TOS
    {0x1db, 4, ANY, READS, 0},                    // LASTBRANCH*, LASTINT*
    {0x1fc, 1, INTEL, KEEPS, 0},                  // POWER_CTL
    {0x309, 3, INTEL, READS, 0},                  // FIXED_CTR0 to 2
    {0x38d, 4, INTEL, READS, 0},                  // FIXED_CTR_CTRL, PERF_GLOBAL_*
    {0x400, 16, ANY, READS, 0},                   // machine-check banks 0 to 3
    {0x606, 1, INTEL, READS, 0},                  // RAPL_POWER_UNIT
    {0xc0010000, 8, AMD, READS, 0},               // the four old performance counters
    {AMD_SYSCFG, 1, AMD, KEEPS, 0},               // no extensions of the MTRRs
    {AMD_HWCR, 1, AMD, KEEPS, HWCR_TSC_FREQ_SEL}, // the TSC counts with P-state 0
    {0xc0010016, 4, AMD, READS, 0},               // IORR
    {0xc001001a, 1, AMD, TOP_OF_LOW, 0},          // TOP_MEM
    {0xc001001d, 1, AMD, TOP_OF_HIGH, 0},         // TOM2
    {0xc001001f, 1, AMD, KEEPS, 0},               // NB_CFG
    {0xc0010020, 1, AMD, READS, 0},               // PATCH_LOADER
    {0xc0010022, 1, AMD, READS, 0},               // MC_EXCEPTION_REDIRECT
    {0xc0010044, 7, AMD, READS, 0},               // MCi_CTL_MASK
    {0xc0010050, 7, AMD, READS, 0},               // SMI by I/O; C001_0055: no C1E
    {0xc0010058, 1, AMD, READS, 0},               // MMIO_CFG_BASE: off
    {0xc0010061, 3, AMD, READS, 0},               // P-state limit, control, status: always 0
    {0xc0010064, 1, AMD, PSTATE, 0},              // its definition
    {0xc0010065, 7, AMD, READS, 0},               // those of P-states 1 to 7: there are none
    {0xc0010070, 2, AMD, READS, 0},               // COFVID control and status
    {0xc0010111, 3, AMD, READS, 0},               // SMM_BASE, SMM_ADDR, SMM_MASK
    {AMD_VM_CR, 1, AMD, READS, VM_CR_LOCK | VM_CR_SVMDIS},
    {0xc0010140, 2, AMD, READS, 0},             // OSVW: knows no erratum
    {0xc0011020, 4, AMD, KEEPS, 0},             // LS_CFG, IC_CFG, DC_CFG, BU_CFG
    {0xc0011028, 1, AMD, KEEPS, 0},             // FP_CFG
    {AMD_DE_CFG, 1, AMD, KEEPS, DE_CFG_LFENCE}, // see arch/svm/svm_cpu.c
    {0xc001102a, 4, AMD, KEEPS, 0},             // BU_CFG2, CU_CFG3, EX_CFG, LS_CFG2
};

// The row of the MSR, and the place where its first MSR is kept. NULL: none.
static const struct model_msrs *find(const struct vcpu *vcpu, uint32_t msr, unsigned *place)
{
    enum maker maker = cpuid_table_is_amd(&vcpu->cpuid) ? AMD : INTEL;
    *place = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(model_msrs); i++) {
        const struct model_msrs *row = &model_msrs[i];
        if (msr - row->first < row->count) {
            return row->maker == ANY || row->maker == maker ? row : NULL;
        }
        *place += row->answer == KEEPS ? row->count : 0;
    }
    return NULL;
}

static uint64_t bus_ratio(const struct vcpu *vcpu)
{
    uint64_t ratio = (vcpu->host->tsc_hz() + 50 * MHZ) / (100 * MHZ);
    return MAX(MIN(ratio, 0xffULL), 1ULL);
}

// The same ratio wherever one may be: the least, the greatest, and that of each number of cores.
static uint64_t ratios(const struct vcpu *vcpu, uint32_t msr)
{
    uint64_t ratio = bus_ratio(vcpu);
    switch (msr) {
    case 0x1ad:
    case 0x1ae:
        return ratio * 0x0101010101010101ULL;
    default:
        return ratio << 8 | ratio << 40;
    }
}

static uint64_t top_of_ram(const struct guest_memory *memory, bool above_4g)
{
    uint64_t top = 0;
    for (unsigned i = 0; i < memory->extent_count; i++) {
        uint64_t end = memory->extents[i].gpa.value + memory->extents[i].bytes;
        top = (end > 4 * GIB) == above_4g ? MAX(top, end) : top;
    }
    return top;
}

static unsigned family(const struct vcpu *vcpu)
{
    return cpu_family(cpuid_table_find(&vcpu->cpuid, CPUID_FEATURES, 0).eax);
}

// Families 17h and 19h have f = 200 MHz * CpuFid / CpuDfsId (PPR for family 17h, MSRC001_0064). The
// P-state counts as defined only if it gives the TSC's frequency within 50 ppm: kernels take it
// from here. A kernel that finds none measures.
static uint64_t pstate_0(const struct vcpu *vcpu)
{
    uint64_t hz = vcpu->host->tsc_hz();
    unsigned of = family(vcpu);
    if (of != 0x17 && of != 0x19) {
        return 0;
    }
    for (uint64_t divisor = 8; divisor <= 0x1a; divisor++) {
        uint64_t wanted = hz * divisor;
        uint64_t multiplier = (wanted + 100 * MHZ) / (200 * MHZ);
        uint64_t made = multiplier * 200 * MHZ;
        uint64_t error = made > wanted ? made - wanted : wanted - made;
        if (multiplier >= 0x10 && multiplier <= 0xff && error <= wanted / 20000) {
            return BIT(63) | divisor << 8 | multiplier;
        }
    }
    return 0;
}

static uint64_t kept_value(const struct vcpu *vcpu, const struct model_msrs *row, unsigned place)
{
    bool bits_exist = row->maker != AMD || family(vcpu) >= 0x10;
    return vcpu->msrs.model.kept[place] | (bits_exist ? row->bits : 0);
}

bool msr_model_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    unsigned place;
    const struct model_msrs *row = find(vcpu, msr, &place);
    if (!row) {
        return false;
    }
    switch ((enum answer)row->answer) {
    case READS:
        *value = row->bits;
        break;
    case KEEPS:
        *value = kept_value(vcpu, row, place + msr - row->first);
        break;
    case RATIO:
        *value = ratios(vcpu, msr);
        break;
    case CORES:
        *value = vcpu->vm->config.vcpus << 16 | vcpu->vm->config.vcpus;
        break;
    case TOP_OF_LOW:
    case TOP_OF_HIGH:
        *value = top_of_ram(&vcpu->vm->memory, row->answer == TOP_OF_HIGH);
        break;
    case PSTATE:
        *value = pstate_0(vcpu);
        break;
    }
    return true;
}

bool msr_model_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    unsigned place;
    const struct model_msrs *row = find(vcpu, msr, &place);
    if (row && row->answer == KEEPS) {
        vcpu->msrs.model.kept[place + msr - row->first] = value;
    }
    return row;
}
