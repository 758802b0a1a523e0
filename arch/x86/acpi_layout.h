// SPDX-License-Identifier: MIT
// The ACPI tables as they lie in memory (ACPI 6.5, chapter 5 and 5.2.12).
#pragma once

#include "vmm/util/types.h"

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

struct PACKED acpi_rsdp {
    char signature[8]; // "RSD PTR "
    uint8_t checksum;  // of the first 20 bytes
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum; // of all 36
    uint8_t reserved[3];
};

#define ACPI_RSDP_V1_BYTES 20
static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");

struct PACKED acpi_header {
    char signature[4];
    uint32_t length; // of the whole table
    uint8_t revision;
    uint8_t checksum;
    char oem[6];
    char oem_table[8];
    uint32_t oem_revision;
    uint32_t creator;
    uint32_t creator_revision;
};

static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

struct PACKED acpi_gas {
    uint8_t space;
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size;
    uint64_t address;
};

static_assert(sizeof(struct acpi_gas) == 12, "ACPI 5.2.3.2");

struct PACKED acpi_fadt {
    struct acpi_header header;
    uint32_t firmware_control;
    uint32_t dsdt;
    uint8_t reserved0;
    uint8_t profile;
    uint16_t sci_interrupt;
    uint32_t smi_command;
    uint8_t acpi_enable;
    uint8_t acpi_disable;
    uint8_t s4_bios;
    uint8_t pstate_control;
    uint32_t pm1a_event;
    uint32_t pm1b_event;
    uint32_t pm1a_control;
    uint32_t pm1b_control;
    uint32_t pm2_control;
    uint32_t pm_timer;
    uint8_t gpe[8]; // GPE0_BLK, GPE1_BLK
    uint8_t pm1_event_bytes;
    uint8_t pm1_control_bytes;
    uint8_t pm2_control_bytes;
    uint8_t pm_timer_bytes;
    uint8_t unused0[4]; // GPE lengths, GPE1_BASE, CST_CNT
    uint16_t c2_latency_us;
    uint16_t c3_latency_us;
    uint8_t unused1[8]; // FLUSH_SIZE to MON_ALRM
    uint8_t century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags;
    struct acpi_gas reset;
    uint8_t reset_value;
    uint8_t unused2[3];
    uint64_t x_firmware_control;
    uint64_t x_dsdt;
    struct acpi_gas x_pm1a_event;
    struct acpi_gas x_pm1b_event;
    struct acpi_gas x_pm1a_control;
    struct acpi_gas x_pm1b_control;
    struct acpi_gas x_pm2_control;
    struct acpi_gas x_pm_timer;
    struct acpi_gas x_gpe[2];
    struct acpi_gas sleep_control;
    struct acpi_gas sleep_status;
    char hypervisor[8];
};

static_assert(offsetof(struct acpi_fadt, pm_timer) == 76, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, c2_latency_us) == 96, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, century) == 108, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, reset_value) == 128, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, x_pm_timer) == 208, "ACPI 5.2.9");
static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");

// Microsoft's table, revision 4; revisions 1 and 2 end before the clock.
struct PACKED acpi_spcr {
    struct acpi_header header;
    uint8_t type;
    uint8_t reserved0[3];
    struct acpi_gas base;
    uint8_t interrupt_type;
    uint8_t irq; // of the 8259s
    uint32_t gsi;
    uint8_t baud_rate; // a code
    uint8_t parity;
    uint8_t stop_bits;
    uint8_t flow_control;
    uint8_t terminal;
    uint8_t language;
    uint8_t pci[12]; // ids, where, flags, segment: if it is a PCI device
    uint32_t clock_hz;
    uint32_t precise_baud_rate;
};

static_assert(offsetof(struct acpi_spcr, interrupt_type) == 52, "SPCR");
static_assert(offsetof(struct acpi_spcr, baud_rate) == 58, "SPCR");
static_assert(offsetof(struct acpi_spcr, clock_hz) == 76, "SPCR");

#define SPCR_V1_BYTES offsetof(struct acpi_spcr, clock_hz)

#define FADT_V1_BYTES offsetof(struct acpi_fadt, reset)
#define FADT_BOOT_LEGACY_DEVICES BIT(0)
#define FADT_BOOT_8042 BIT(1)
#define FADT_FLAG_WBINVD BIT(0)
#define FADT_FLAG_C1 BIT(2)
#define FADT_FLAG_NO_SLEEP_BUTTON BIT(5) // the button is no fixed hardware
#define FADT_FLAG_NO_RTC_WAKE BIT(6)     // the fixed hardware cannot do it
#define FADT_FLAG_TIMER_32 BIT(8)
#define FADT_FLAG_RESET BIT(10)
#define FADT_FLAG_HARDWARE_REDUCED BIT(20)

struct PACKED acpi_hpet {
    struct acpi_header header;
    uint32_t hardware;
    struct acpi_gas base;
    uint8_t number;
    uint16_t minimum_tick;
    uint8_t protection;
};

static_assert(sizeof(struct acpi_hpet) == 56, "IA-PC HPET 3.2.4");

struct PACKED acpi_dmar {
    struct acpi_header header;
    uint8_t address_width;
    uint8_t flags;
    uint8_t reserved[10];
};

static_assert(sizeof(struct acpi_dmar) == 48, "Intel VT-d 8.1");

#define DMAR_X2APIC_OPT_OUT BIT(1)

struct PACKED acpi_mcfg { // with one range of buses
    struct acpi_header header;
    uint64_t reserved;
    uint64_t base; // of bus 0, whatever the first bus is
    uint16_t segment;
    uint8_t first_bus;
    uint8_t last_bus;
    uint32_t reserved_last;
};

static_assert(sizeof(struct acpi_mcfg) == 60, "PCI Firmware 3.0, 4.1.2");

struct PACKED acpi_madt {
    struct acpi_header header;
    uint32_t local_apic;
    uint32_t flags; // bit 0: there are 8259s too
};

static_assert(sizeof(struct acpi_madt) == 44, "ACPI 5.2.12");

enum madt_type {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LOCAL_NMI = 4,
    MADT_LOCAL_APIC_ADDRESS = 5,
    MADT_LOCAL_X2APIC = 9,
    MADT_LOCAL_X2APIC_NMI = 10,
};

#define MADT_8259 BIT(0)
#define MADT_ENABLED BIT(0)
#define MADT_ALL_UIDS 0xff

// MPS INTI flags (ACPI table 5.24). The default is that of the ISA bus: active high, edge.
#define INTI_POLARITY_MASK 3
#define INTI_ACTIVE_HIGH 1
#define INTI_ACTIVE_LOW 3
#define INTI_TRIGGER_MASK (3 << 2)
#define INTI_LEVEL (3 << 2)

struct PACKED madt_local_apic {
    uint8_t type;
    uint8_t length;
    uint8_t uid;
    uint8_t apic_id;
    uint32_t flags;
};

struct PACKED madt_io_apic {
    uint8_t type;
    uint8_t length;
    uint8_t id;
    uint8_t reserved;
    uint32_t address;
    uint32_t gsi_base;
};

struct PACKED madt_override {
    uint8_t type;
    uint8_t length;
    uint8_t bus;
    uint8_t irq;
    uint32_t gsi;
    uint16_t flags;
};

struct PACKED madt_local_nmi {
    uint8_t type;
    uint8_t length;
    uint8_t uid;
    uint16_t flags;
    uint8_t lint;
};

struct PACKED madt_local_apic_address {
    uint8_t type;
    uint8_t length;
    uint16_t reserved;
    uint64_t address;
};

struct PACKED madt_local_x2apic {
    uint8_t type;
    uint8_t length;
    uint16_t reserved;
    uint32_t apic_id;
    uint32_t flags;
    uint32_t uid;
};

struct PACKED madt_local_x2apic_nmi {
    uint8_t type;
    uint8_t length;
    uint16_t flags;
    uint32_t uid;
    uint8_t lint;
    uint8_t reserved[3];
};

static_assert(sizeof(struct madt_local_apic) == 8, "ACPI 5.2.12.2");
static_assert(sizeof(struct madt_io_apic) == 12, "ACPI 5.2.12.3");
static_assert(sizeof(struct madt_override) == 10, "ACPI 5.2.12.5");
static_assert(sizeof(struct madt_local_nmi) == 6, "ACPI 5.2.12.7");
static_assert(sizeof(struct madt_local_apic_address) == 12, "ACPI 5.2.12.8");
static_assert(sizeof(struct madt_local_x2apic) == 16, "ACPI 5.2.12.12");
static_assert(sizeof(struct madt_local_x2apic_nmi) == 12, "ACPI 5.2.12.13");
