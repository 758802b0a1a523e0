// SPDX-License-Identifier: MIT
// Bits of the control, flag and debug registers (SDM Vol. 3A 2.5, APM Vol. 2 3.1). Constants only.
#pragma once

#include "vmm/util/types.h"

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR0_DEFINED                                                                                \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |     \
     CR0_PG)

#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)
#define EFER_FFXSR BIT(14) // AMD: FXSAVE and FXRSTOR at CPL 0 leave XMM registers out

#define RFLAGS_CF BIT(0)
#define RFLAGS_FIXED BIT(1)                   // always 1
#define RFLAGS_RESERVED 0xffffffffffc08028ULL // always 0: bits 63 to 22, 15, 5 and 3
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_DF BIT(10)
#define RFLAGS_OF BIT(11)
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)
#define RFLAGS_STATUS 0x8d5ULL // CF, PF, AF, ZF, SF and OF (SDM Vol. 1 3.4.3.1)

#define DR6_FIXED 0xffff0ff0ULL // bits that read as 1
#define DR6_BREAKPOINTS 0xfULL  // B0 to B3
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_CAUSES 0xe00fULL // B0 to B3, BD, BS, BT
#define DR7_FIXED 0x400ULL
#define DR7_GD BIT(13)
#define DR7_ENABLES 0xffULL // two bits for each breakpoint

#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XCR0_OPMASK BIT(5)
#define XCR0_ZMM_HIGH BIT(6)
#define XCR0_HIGH_ZMM BIT(7)
#define XCR0_AVX512 (XCR0_OPMASK | XCR0_ZMM_HIGH | XCR0_HIGH_ZMM)
#define XCR0_PKRU BIT(9)
#define XCR0_VECTORS (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512) // MMX is in x87

// Exception vectors (SDM Vol. 3A 6.3.1).
enum exception_vector {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_BR = 5,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_TS = 10,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MF = 16,
    VECTOR_AC = 17,
    VECTOR_MC = 18,
    VECTOR_XM = 19,
};

// What an instruction may raise besides #DB, #AC and #PF, as a fault. INT3 and INTO raise traps.
#define EXCEPTIONS_OF_INSTRUCTIONS                                                                 \
    ((uint32_t)(BIT(VECTOR_DE) | BIT(VECTOR_BR) | BIT(VECTOR_UD) | BIT(VECTOR_NM) |                \
                BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) |                \
                BIT(VECTOR_MF) | BIT(VECTOR_XM)))

// All others are faults. A fault pushes RFLAGS.RF = 1, so that its instruction can begin again
// without meeting an instruction breakpoint twice. These push RF as it is (SDM Vol. 3B 18.3.1.1).
#define EXCEPTIONS_NO_FAULTS                                                                       \
    (BIT(VECTOR_DB) | BIT(VECTOR_NMI) | BIT(VECTOR_BP) | BIT(VECTOR_OF) | BIT(VECTOR_DF) |         \
     BIT(VECTOR_MC))
