// SPDX-License-Identifier: MIT
// What Husk takes from the firmware's ACPI tables.
#pragma once

#include "vmm/util/types.h"

#define ACPI_PROCESSORS_MAX 1024
#define ACPI_IO_APICS_MAX 64
#define ACPI_NMIS_MAX 64
#define ACPI_ISA_IRQS 16
#define ACPI_ALL_PROCESSORS UINT32_MAX

struct acpi_processor {
    uint32_t apic_id; // above 255 only in x2APIC mode
    uint32_t uid;     // its number in the name space and in the NMI entries
};

struct acpi_io_apic {
    uint8_t id;
    uint32_t address;
    uint32_t gsi_base; // the first global system interrupt that it serves
};

// Where an ISA interrupt arrives.
struct acpi_isa_route {
    uint32_t gsi;
    bool active_low;
    bool level;
};

// A local APIC input that carries NMI.
struct acpi_nmi {
    uint32_t uid; // ACPI_ALL_PROCESSORS: on each
    uint8_t lint; // 0 or 1
    bool active_low;
    bool level;
};

// A hardware register (ACPI 5.2.3.2, Generic Address Structure).
struct acpi_register {
    bool present;
    uint8_t space; // enum acpi_space; other values belong to the firmware
    uint8_t bits;  // its width
    uint64_t address;
};

#define ACPI_SERIAL_REGISTERS 8

// The firmware's serial console, if its chip is like a 16550. The ACPI_SERIAL_REGISTERS registers
// are `stride` bytes apart. All of them lie inside the address space.
struct acpi_serial {
    bool present;
    bool in_memory; // else at a port
    uint64_t address;
    uint8_t stride;       // 1 to 4
    uint8_t access_bytes; // 1, 2 or 4, at most `stride`
    uint32_t baud;        // 0: the rate stays as the firmware has set it
    uint32_t clock_hz;    // of the chip: 16 times its highest rate; 0: unknown
    bool has_irq;         // the line is wired to input `irq` of the 8259s
    uint8_t irq;
    bool has_gsi; // the line is wired to input `gsi` of the I/O APICs
    uint32_t gsi;
};

struct acpi_info {
    // MADT: the enabled processors, in the firmware's order, each APIC id once.
    bool has_madt;
    unsigned processor_count;
    unsigned processors_disabled;  // listed but not enabled (some can be added at run time)
    unsigned processors_left_over; // enabled, but beyond ACPI_PROCESSORS_MAX
    struct acpi_processor processors[ACPI_PROCESSORS_MAX];
    uint64_t local_apic_address;
    bool has_8259;
    unsigned io_apic_count;
    struct acpi_io_apic io_apics[ACPI_IO_APICS_MAX];
    struct acpi_isa_route isa[ACPI_ISA_IRQS];
    unsigned nmi_count;
    struct acpi_nmi nmis[ACPI_NMIS_MAX];

    // FADT
    bool has_fadt;
    bool has_8042;
    bool pm_timer_32_bits; // else 24
    struct acpi_register pm_timer;
    struct acpi_register pm1a_status; // the first half of the event block
    struct acpi_register pm1b_status;
    struct acpi_register pm1a_control;
    struct acpi_register pm1b_control;
    struct acpi_register reset;
    uint8_t reset_value;
    uint16_t smi_command_port; // 0: ACPI mode is always on
    uint8_t acpi_enable;
    bool hardware_reduced; // the next two registers replace the PM1 ones (ACPI 4.8.3.7)
    struct acpi_register sleep_control;
    struct acpi_register sleep_status;
    uint8_t rtc_century; // CMOS index of the century, 0: there is none

    // \_S5 of the DSDT or an SSDT: the values of SLP_TYP that switch the machine off.
    bool has_s5;
    uint8_t s5_a;
    uint8_t s5_b;

    struct acpi_register hpet;
    bool x2apic_unwanted;      // DMAR: the firmware asks to leave the APICs in xAPIC mode
    struct acpi_serial serial; // SPCR

    unsigned tables_rejected; // broken: too short, cut off or with a wrong checksum
    char first_rejected[5];   // the signature of the first one; "" if it could not be read
};

// Parses the tables of this machine, through the hypervisor's page tables. Call it once, on the
// BSP. The log then has what was found. The result is always valid; without ACPI it is empty.
const struct acpi_info *acpi_init(const void *rsdp, size_t rsdp_bytes);
