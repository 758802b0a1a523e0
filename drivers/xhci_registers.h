// SPDX-License-Identifier: MIT
// Registers, TRBs and contexts of an xHCI controller (eXtensible Host Controller Interface 1.2,
// chapters 5 to 7), under the specification's names.
#pragma once

#include "vmm/util/types.h"

// Capability registers (5.3).
enum xhci_capability_register {
    XHCI_CAPLENGTH = 0x00, // and HCIVERSION above it
    XHCI_HCSPARAMS1 = 0x04,
    XHCI_HCSPARAMS2 = 0x08,
    XHCI_HCCPARAMS1 = 0x10,
    XHCI_DBOFF = 0x14,
    XHCI_RTSOFF = 0x18,
};

#define XHCI_CAPLENGTH_MASK 0xff
#define XHCI_MAX_SLOTS_MASK 0xff // of HCSPARAMS1
#define XHCI_MAX_PORTS_SHIFT 24
#define XHCI_SCRATCHPADS_HIGH_SHIFT 21 // of HCSPARAMS2: 5 bits each
#define XHCI_SCRATCHPADS_LOW_SHIFT 27
#define XHCI_SCRATCHPADS_MASK 0x1f
#define XHCI_CSZ BIT(2) // of HCCPARAMS1: contexts have 64 bytes
#define XHCI_XECP_SHIFT 16
#define XHCI_DBOFF_MASK 0xfffffffcu
#define XHCI_RTSOFF_MASK 0xffffffe0u

// Operational registers (5.4), from CAPLENGTH on.
enum xhci_operational_register {
    XHCI_USBCMD = 0x00,
    XHCI_USBSTS = 0x04,
    XHCI_PAGESIZE = 0x08,
    XHCI_CRCR = 0x18,
    XHCI_DCBAAP = 0x30,
    XHCI_CONFIG = 0x38,
    XHCI_PORTSC = 0x400, // of port 1
};

#define XHCI_PORT_BYTES 0x10

#define XHCI_RUN_STOP BIT(0) // of USBCMD
#define XHCI_HCRST BIT(1)
#define XHCI_HCHALTED BIT(0) // of USBSTS
#define XHCI_HSE BIT(2)
#define XHCI_CNR BIT(11)
#define XHCI_HCE BIT(12)
#define XHCI_PAGE_4K BIT(0) // of PAGESIZE
#define XHCI_RCS BIT(0)     // of CRCR

// PORTSC (5.4.8)
#define XHCI_CCS BIT(0)
#define XHCI_PED BIT(1) // a written 1 disables the port
#define XHCI_PR BIT(4)
#define XHCI_PP BIT(9)
#define XHCI_PORT_SPEED_SHIFT 10
#define XHCI_PORT_SPEED_MASK 0xf
#define XHCI_PIC (BIT(14) | BIT(15))
#define XHCI_CSC BIT(17)
#define XHCI_PORT_CHANGES (BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | BIT(22) | BIT(23))
#define XHCI_PORT_WAKES (BIT(25) | BIT(26) | BIT(27))

// Runtime registers (5.5), from RTSOFF on, of interrupter 0.
enum xhci_runtime_register {
    XHCI_ERSTSZ = 0x28,
    XHCI_ERSTBA = 0x30,
    XHCI_ERDP = 0x38,
    XHCI_RUNTIME_END = 0x40,
};

#define XHCI_EHB BIT(3) // of ERDP

// Extended capabilities (7), from XECP on.
#define XHCI_EXTENDED_ID_MASK 0xff
#define XHCI_EXTENDED_NEXT_SHIFT 8 // in double words; 0: the last
#define XHCI_EXTENDED_NEXT_MASK 0xff
#define XHCI_ID_LEGACY 1 // USBLEGSUP, USBLEGCTLSTS (7.1)
#define XHCI_USBLEGCTLSTS 4
#define XHCI_BIOS_OWNED BIT(16)
#define XHCI_OS_OWNED BIT(24)
#define XHCI_SMI_ENABLES (BIT(0) | BIT(4) | BIT(13) | BIT(14) | BIT(15))
#define XHCI_SMI_EVENTS (BIT(29) | BIT(30) | BIT(31)) // a written 1 clears
#define XHCI_ID_PROTOCOL 2                            // Supported Protocol (7.2)
#define XHCI_PROTOCOL_MAJOR_SHIFT 24
#define XHCI_PROTOCOL_PORTS 8 // first port, and how many
#define XHCI_PROTOCOL_COUNT_SHIFT 8

// TRBs (6.4).
struct xhci_trb {
    uint64_t parameter;
    uint32_t status;
    uint32_t control;
};

static_assert(sizeof(struct xhci_trb) == 16, "xHCI 1.2, 4.11.1");

enum xhci_trb_type {
    XHCI_NORMAL = 1,
    XHCI_SETUP_STAGE = 2,
    XHCI_DATA_STAGE = 3,
    XHCI_STATUS_STAGE = 4,
    XHCI_LINK = 6,
    XHCI_ENABLE_SLOT = 9,
    XHCI_DISABLE_SLOT = 10,
    XHCI_ADDRESS_DEVICE = 11,
    XHCI_CONFIGURE_ENDPOINT = 12,
    XHCI_EVALUATE_CONTEXT = 13,
    XHCI_RESET_ENDPOINT = 14,
    XHCI_STOP_ENDPOINT = 15,
    XHCI_SET_TR_DEQUEUE = 16,
    XHCI_TRANSFER_EVENT = 32,
    XHCI_COMMAND_COMPLETION = 33,
    XHCI_PORT_STATUS_CHANGE = 34,
};

#define XHCI_CYCLE BIT(0)
#define XHCI_TOGGLE_CYCLE BIT(1) // of a Link TRB
#define XHCI_ISP BIT(2)
#define XHCI_IOC BIT(5)
#define XHCI_IDT BIT(6)
#define XHCI_TRB_TYPE_SHIFT 10
#define XHCI_TRB_TYPE_MASK 0x3f
#define XHCI_DIR_IN BIT(16)
#define XHCI_TRT_OUT (2u << 16)
#define XHCI_TRT_IN (3u << 16)
#define XHCI_ENDPOINT_SHIFT 16
#define XHCI_ENDPOINT_MASK 0x1f
#define XHCI_SLOT_SHIFT 24
#define XHCI_PORT_SHIFT 24 // of a Port Status Change Event's parameter
#define XHCI_CODE_SHIFT 24
#define XHCI_LENGTH_MASK 0xffffff // what a transfer has left

// Completion codes (6.4.5).
enum xhci_code {
    XHCI_NO_ANSWER = 0, // reserved; in Husk: nothing came in time
    XHCI_SUCCESS = 1,
    XHCI_STALL = 6,
    XHCI_NO_SLOTS = 9,
    XHCI_SHORT_PACKET = 13,
    XHCI_STOPPED = 26,
    XHCI_STOPPED_LENGTH_INVALID = 27,
    XHCI_STOPPED_SHORT_PACKET = 28,
};

// Contexts (6.2), as double words. CONTEXT_n: double word n.
#define XHCI_CONTEXTS 32      // of a device: the slot and 31 endpoints
#define XHCI_CONTEXT_BYTES 64 // at most

// Slot context (6.2.2).
#define XHCI_SLOT_SPEED_SHIFT 20 // above the route string
#define XHCI_SLOT_HUB BIT(26)
#define XHCI_SLOT_ENTRIES_SHIFT 27
#define XHCI_SLOT_ROOT_PORT_SHIFT 16
#define XHCI_SLOT_PORTS_SHIFT 24
#define XHCI_SLOT_TT_PORT_SHIFT 8
#define XHCI_SLOT_TTT_SHIFT 16

// Endpoint context (6.2.3).
#define XHCI_ENDPOINT_STATE_MASK 7
#define XHCI_ENDPOINT_INTERVAL_SHIFT 16
#define XHCI_ENDPOINT_CERR_3 (3u << 1)
#define XHCI_ENDPOINT_CONTROL (4u << 3)
#define XHCI_ENDPOINT_INTERRUPT_IN (7u << 3)
#define XHCI_ENDPOINT_PACKET_SHIFT 16
#define XHCI_ENDPOINT_DCS 1 // of the TR dequeue pointer
#define XHCI_ENDPOINT_ESIT_SHIFT 16

enum xhci_endpoint_state {
    XHCI_ENDPOINT_RUNNING = 1,
    XHCI_ENDPOINT_HALTED = 2,
};

// Event Ring Segment Table entry (6.5).
struct xhci_segment {
    uint64_t address;
    uint32_t trbs;
    uint32_t reserved;
};

static_assert(sizeof(struct xhci_segment) == 16, "xHCI 1.2, 6.5");
