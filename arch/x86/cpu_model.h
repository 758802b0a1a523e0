// SPDX-License-Identifier: MIT
// Which processor this is, for what CPUID has no feature bit for.
#pragma once

#include "vmm/util/types.h"

struct cpuid_registers;

enum cpu_vendor {
    CPU_VENDOR_OTHER,
    CPU_VENDOR_INTEL,
    CPU_VENDOR_AMD, // Hygon too: its family 18h is AMD's 17h
};

struct cpu_model {
    enum cpu_vendor vendor;
    unsigned family; // as the manuals name them, with the extended parts
    unsigned model;
    unsigned stepping;
};

// From the registers of CPUID leaf 0 and EAX of leaf 1. Pure.
struct cpu_model cpu_model_decode(struct cpuid_registers vendor, uint32_t signature);

// Of the CPU that runs this.
struct cpu_model cpu_model_read(void);
// The revision of its microcode; 0: there is no update, or nobody says. Needs the IDT.
uint32_t cpu_microcode_read(void);
// Its name in the manufacturer's words; "" if it has none.
#define CPU_NAME_BYTES 49
void cpu_name_read(char name[CPU_NAME_BYTES]);
