// SPDX-License-Identifier: MIT
// Fuzzes the emulator: any instruction with any registers in any mode, and page tables that the
// fuzzer may change. The emulator must touch nothing outside the guest.
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_cache.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

// The start of the input. The rest is the instruction.
struct PACKED input {
    uint8_t mode;
    uint8_t attributes; // of the data segments
    uint16_t patched;   // an entry of the page tables, 8 bytes each
    uint64_t entry;
    uint64_t gpr[4];
    uint16_t rip;
    uint32_t rflags;
    uint32_t limit;
};

static void prepare(struct fake_guest *guest, const struct input *input)
{
    static void (*const modes[])(struct fake_guest *) = {
        fake_guest_long_mode, fake_guest_protected_mode, fake_guest_real_mode};
    modes[input->mode % ARRAY_SIZE(modes)](guest);
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        guest->core.registers.gpr[i] = input->gpr[i % ARRAY_SIZE(input->gpr)];
    }
    guest->registers[REG_RFLAGS] = input->rflags;
    guest->registers[REG_RIP] = input->rip;
    guest->registers[REG_RSP] = input->gpr[0];
    guest->registers[REG_CR4] ^= input->mode >= 0x80 ? CR4_PAE | CR4_PSE : 0;
    guest->registers[REG_CR4] |= input->mode % 4 != 0 ? CR4_OSFXSR | CR4_OSXSAVE : 0;
    guest->registers[REG_XCR0] = XCR0_VECTORS;
    for (unsigned i = 0; i < VECTOR_COUNT; i++) {
        memset(guest->vectors[i].bytes, (int)(input->gpr[i % ARRAY_SIZE(input->gpr)] >> i),
               sizeof(guest->vectors[i].bytes));
    }
    guest->segments[SEGMENT_DS].attributes ^= input->attributes;
    guest->segments[SEGMENT_ES].limit = input->limit;
    memcpy(guest->ram + 0x1000 + input->patched % 0xa00 * sizeof(input->entry), &input->entry,
           sizeof(input->entry));
}

static void check(enum emulate_result result, const struct emulation *emulation)
{
    switch (result) {
    case EMULATE_DONE:
        require(emulation->length >= 1 && emulation->length <= 15);
        break;
    case EMULATE_FAULT:
        require(emulation->event.type == EVENT_EXCEPTION && emulation->event.vector < 32);
        break;
    case EMULATE_UNKNOWN:
    case EMULATE_UNREADABLE:
        require(emulation->why.text[0] != '\0' &&
                memchr(emulation->why.text, 0, sizeof(emulation->why.text)));
        break;
    case EMULATE_AGAIN:
    case EMULATE_STEP:
        break;
    }
}

// Compares byte by byte: both were copied from the same bytes.
static bool is_same(const void *one, const void *other, size_t bytes)
{
    return memcmp(one, other, bytes) == 0;
}

// Whether `one` is `other` but for accessed and dirty bits that `one` lacks. A CPU has set them
// before it exits, so a repetition does not. The first run below sets them too, unless it has
// changed the instruction or its operand.
static bool is_same_ram(const uint8_t *one, const uint8_t *other, size_t bytes)
{
    const uint64_t set_by_walks = BIT(5) | BIT(6);
    for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
        uint64_t words[2];
        memcpy(&words[0], one + at, sizeof(words[0]));
        memcpy(&words[1], other + at, sizeof(words[1]));
        if ((words[0] | (words[1] & set_by_walks)) != words[1]) {
            return false;
        }
    }
    return true;
}

// Carries out the instruction after an exit, by fetching and decoding it. If the cache remembers
// the instruction, then a repetition from the same state must have the same result.
static void repeat(struct fake_guest *guest, const struct input *input)
{
    static struct fake_guest again;
    struct emulator_cache cache = {0};
    struct emulation emulation = {0};
    struct exit_memory exit = fake_guest_exit(guest, FAKE_MMIO, ACCESS_READ | ACCESS_WRITE);
    unsigned before;
    unsigned length;
    exit.gpa.value += input->gpr[GPR_RBX] % PAGE_SIZE;
    exit.gva = gva(input->gpr[GPR_RBX]);
    exit.gva_valid = input->mode % 2 != 0;
    guest->access_count = 0;
    // The first run sets the accessed bits.
    check(emulate_memory_access(&guest->core, &fake_guest_ops, &guest->memory, &guest->bus, &exit,
                                NULL, &emulation),
          &emulation);
    guest->registers[REG_RIP] = input->rip;
    exit.code = fake_guest_exit(guest, 0, 0).code;
    memcpy(&again, guest, sizeof(again));
    again.memory.base = again.ram;
    before = guest->access_count;
    check(emulate_memory_access(&guest->core, &fake_guest_ops, &guest->memory, &guest->bus, &exit,
                                &cache, &emulation),
          &emulation);
    length = emulate_repeated_move(&again.core, &again.memory, &again.bus, &exit, &cache);
    // An exit without a linear address may be of another instruction. Then there is nothing to
    // compare.
    bool is_its_own =
        exit.gva_valid || (guest->access_count > before && before < FAKE_ACCESSES_MAX &&
                           guest->accesses[before].address == exit.gpa.value);
    if (length != 0 && is_its_own) {
        require(length == emulation.length && again.access_count == guest->access_count);
        require(
            is_same(&again.core.registers, &guest->core.registers, sizeof(again.core.registers)));
        require(memcmp(again.registers, guest->registers, sizeof(again.registers)) == 0);
        require(memcmp(again.vectors, guest->vectors, sizeof(again.vectors)) == 0);
        require(is_same(again.accesses, guest->accesses, sizeof(again.accesses)));
        require(is_same_ram(again.ram, guest->ram, sizeof(again.ram)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake_guest guest;
    struct emulation emulation;
    struct input input;
    if (size < sizeof(input)) {
        return 0;
    }
    memcpy(&input, data, sizeof(input));
    prepare(&guest, &input);
    memcpy(guest.ram + input.rip, data + sizeof(input), MIN(size - sizeof(input), 32));
    memset(&emulation, 0, sizeof(emulation));
    check(emulate_memory_access(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, NULL, NULL,
                                &emulation),
          &emulation);
    require(guest.access_count <= 4 * EMULATE_ITERATIONS_MAX);
    memset(&emulation, 0, sizeof(emulation));
    const struct exit_io exit = {.port = (uint16_t)input.gpr[GPR_RDX],
                                 .width = (uint8_t)(1U << input.patched % 3),
                                 .in = input.patched / 3 % 2 != 0,
                                 .string = true};
    check(emulate_string_io(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, &exit,
                            &guest.ports, &emulation),
          &emulation);
    memset(&emulation, 0, sizeof(emulation));
    check(emulate_status_word(&guest.core, &fake_guest_ops, &guest.memory, &guest.bus, &emulation),
          &emulation);
    repeat(&guest, &input);
    return 0;
}
