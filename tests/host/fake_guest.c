// SPDX-License-Identifier: MIT
// A guest CPU without hardware: registers, segments and RAM for tests of the emulator.
#include "tests/host/fake_guest.h"

#include <string.h>

#include "arch/x86/registers.h"

#define PRESENT_WRITABLE 3ULL

static uint64_t get_register(const struct vcpu_core *vcpu, enum guest_register which)
{
    return ((const struct fake_guest *)(const void *)vcpu)->registers[which];
}

static void set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value)
{
    ((struct fake_guest *)(void *)vcpu)->registers[which] = value;
}

static void get_segment(const struct vcpu_core *vcpu, enum guest_segment which,
                        struct segment *segment)
{
    *segment = ((const struct fake_guest *)(const void *)vcpu)->segments[which];
}

static void get_vector(struct vcpu_core *vcpu, unsigned number, struct vector *value)
{
    *value = ((const struct fake_guest *)(const void *)vcpu)->vectors[number];
}

static void set_vector(struct vcpu_core *vcpu, unsigned number, const struct vector *value)
{
    ((struct fake_guest *)(void *)vcpu)->vectors[number] = *value;
}

static const struct vector_ops vectors = {get_vector, set_vector};

const struct vcpu_ops fake_guest_ops = {
    .vectors = &vectors,
    .name = "fake",
    .get_register = get_register,
    .set_register = set_register,
    .get_segment = get_segment,
};

static void note(struct fake_guest *guest, struct fake_access access)
{
    if (guest->access_count < FAKE_ACCESSES_MAX) {
        guest->accesses[guest->access_count] = access;
    }
    guest->access_count++;
}

static uint64_t bus_read(struct emulator_bus *bus, gpa_t address, unsigned width)
{
    struct fake_guest *guest = container_of(bus, struct fake_guest, bus);
    note(guest, (struct fake_access){.address = address.value, .width = width});
    return guest->read_value;
}

static void bus_write(struct emulator_bus *bus, gpa_t address, unsigned width, uint64_t value)
{
    note(container_of(bus, struct fake_guest, bus),
         (struct fake_access){true, false, address.value, width, value});
}

static uint32_t port_in(struct emulator_ports *ports, uint16_t port, unsigned width)
{
    struct fake_guest *guest = container_of(ports, struct fake_guest, ports);
    note(guest, (struct fake_access){.port = true, .address = port, .width = width});
    return (uint32_t)guest->read_value;
}

static void port_out(struct emulator_ports *ports, uint16_t port, unsigned width, uint32_t value)
{
    note(container_of(ports, struct fake_guest, ports),
         (struct fake_access){true, true, port, width, value});
}

static void set_up(struct fake_guest *guest, struct segment code, struct segment data)
{
    memset(guest, 0, sizeof(*guest));
    guest->memory = (struct guest_memory){.base = guest->ram,
                                          .extent_count = 1,
                                          .extents = {{.gpa = gpa(0), .bytes = FAKE_RAM_BYTES}}};
    guest->bus = (struct emulator_bus){.read = bus_read, .write = bus_write};
    guest->ports = (struct emulator_ports){.in = port_in, .out = port_out};
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        guest->segments[i] = i == SEGMENT_CS ? code : data;
    }
    guest->registers[REG_RIP] = FAKE_CODE;
    guest->registers[REG_RFLAGS] = RFLAGS_FIXED;
    guest->registers[REG_RSP] = 0x7000;
}

static void set_entry(struct fake_guest *guest, uint64_t at, uint64_t value)
{
    memcpy(guest->ram + at, &value, sizeof(value));
}

void fake_guest_long_mode(struct fake_guest *guest)
{
    set_up(guest, (struct segment){.attributes = 0xa09b, .limit = UINT32_MAX},
           (struct segment){.attributes = 0xc093, .limit = UINT32_MAX});
    guest->registers[REG_CR0] = CR0_PE | CR0_PG | CR0_WP;
    guest->registers[REG_CR3] = 0x1000;
    guest->registers[REG_CR4] = CR4_PAE;
    guest->registers[REG_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
    set_entry(guest, 0x1000, 0x2000 | PRESENT_WRITABLE);
    set_entry(guest, 0x2000, 0x3000 | PRESENT_WRITABLE);
    set_entry(guest, 0x2000 + 3 * 8, 0x4000 | PRESENT_WRITABLE);
    set_entry(guest, 0x3000, 0x5000 | PRESENT_WRITABLE);
    set_entry(guest, 0x4000 + 0x1f7 * 8, FAKE_MMIO | 0x80 | PRESENT_WRITABLE);
    for (uint64_t page = 0; page < FAKE_RAM_BYTES; page += PAGE_SIZE) {
        set_entry(guest, 0x5000 + page / PAGE_SIZE * 8, page | PRESENT_WRITABLE);
    }
    set_entry(guest, 0x5000 + FAKE_PAGE_READ_ONLY / PAGE_SIZE * 8, FAKE_PAGE_READ_ONLY | 1);
    set_entry(guest, 0x5000 + FAKE_PAGE_MISSING / PAGE_SIZE * 8, 0);
}

void fake_guest_protected_mode(struct fake_guest *guest)
{
    set_up(guest, (struct segment){.attributes = 0xc09b, .limit = UINT32_MAX},
           (struct segment){.attributes = 0xc093, .limit = UINT32_MAX});
    guest->registers[REG_CR0] = CR0_PE;
}

void fake_guest_real_mode(struct fake_guest *guest)
{
    set_up(guest, (struct segment){.attributes = 0x9b, .limit = UINT16_MAX},
           (struct segment){.attributes = 0x93, .limit = UINT16_MAX});
}

struct exit_memory fake_guest_exit(const struct fake_guest *guest, uint64_t address,
                                   unsigned access)
{
    return (struct exit_memory){.gpa = gpa(address),
                                .gva = gva(address),
                                .gva_valid = true,
                                .access = (uint8_t)access,
                                .code = {.rip = guest->registers[REG_RIP],
                                         .cr0 = guest->registers[REG_CR0],
                                         .cr3 = guest->registers[REG_CR3],
                                         .cs_attributes = guest->segments[SEGMENT_CS].attributes}};
}
