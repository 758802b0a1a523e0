// SPDX-License-Identifier: MIT
// Tests of accesses outside RAM: the APICs, the HPET, unclaimed addresses; and of string I/O.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"

#define CODE 0x1000
#define ROOM 16

// 32-bit protected mode without paging, with this instruction at CODE.
static void place(const char *bytes, size_t length)
{
    struct segment code = {.selector = 8, .attributes = 0xc09b, .limit = UINT32_MAX};
    struct segment data = {.selector = 16, .attributes = 0xc093, .limit = UINT32_MAX};
    uint8_t *memory = guest_memory_at(&fake_machine.vm->memory, gpa(CODE), ROOM);
    assert_non_null(memory);
    memset(memory, 0x90, ROOM);
    memcpy(memory, bytes, length);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        fake_machine.vcpu->core.backend->segments[i] = i == SEGMENT_CS ? code : data;
    }
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_ET);
    fake_machine_set_register(REG_RIP, CODE);
}
#define PLACE(bytes) place(bytes, sizeof(bytes) - 1)

static struct vm_exit access_to(uint64_t address, bool write)
{
    return (struct vm_exit){.kind = EXIT_MEMORY,
                            .memory = {.gpa = gpa(address),
                                       .gva = gva(address),
                                       .gva_valid = true,
                                       .access = write ? ACCESS_WRITE : ACCESS_READ}};
}

static void reads(uint64_t address)
{
    assert_int_equal(fake_machine_exit(access_to(address, false)), ADVANCE_DECODED);
}

static void writes(uint64_t address)
{
    assert_int_equal(fake_machine_exit(access_to(address, true)), ADVANCE_DECODED);
}

static uint64_t *rax(void)
{
    return &fake_machine_gpr()[GPR_RAX];
}

// ---- The local APIC ----

static void its_registers_read(void **state)
{
    (void)state;
    *rax() = UINT64_MAX;
    PLACE("\xa1\x30\x00\xe0\xfe"); // mov eax, [0xfee00030]: the version
    reads(0xfee00030);
    assert_int_equal(*rax() & 0xff, 0x14);
    assert_int_equal(*rax() >> 32, 0);
    assert_int_equal(fake_machine_register(REG_RIP), CODE + 5);
    assert_int_equal(fake_machine.vm->unclaimed_memory_accesses, 0);
}

static void its_registers_take_writes(void **state)
{
    (void)state;
    struct vcpu *vcpu = fake_machine.vcpu;

    *rax() = 0x30;
    vcpu->core.work = 0;
    PLACE("\xa3\x80\x00\xe0\xfe"); // mov [0xfee00080], eax: the TPR
    writes(0xfee00080);
    assert_int_equal(lapic_cr8(&vcpu->lapic), 3);
    assert_int_equal(vcpu->core.work, 0); // nothing waits for it
    lapic_post(&vcpu->lapic, 0x31, false);
    *rax() = 0x20;
    fake_machine_set_register(REG_RIP, CODE);
    writes(0xfee00080);
    assert_true(vcpu->core.work & WORK_EVENTS);
}

static void an_error_of_a_read_interrupts_at_once(void **state)
{
    (void)state;
    struct vcpu *vcpu = fake_machine.vcpu;

    assert_true(lapic_write(&vcpu->lapic, LAPIC_SVR, 0x1ff, 0));
    assert_true(lapic_write(&vcpu->lapic, LAPIC_LVT_ERROR, 0x55, 0));
    vcpu->core.work = 0;
    PLACE("\xa1\x40\x00\xe0\xfe"); // mov eax, [0xfee00040]: reserved
    reads(0xfee00040);
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x55);
    assert_true(vcpu->core.work & WORK_EVENTS);
}

static void narrow_reads_get_their_part(void **state)
{
    (void)state;
    fake_machine_gpr()[GPR_RCX] = 0;
    PLACE("\x8a\x0d\x32\x00\xe0\xfe"); // mov cl, [0xfee00032]
    reads(0xfee00032);
    assert_int_equal(fake_machine_gpr()[GPR_RCX], 5); // the highest of six LVT entries
}

static void beyond_a_register_reads_0(void **state)
{
    static const char *const code[] = {"\xa1\x34\x00\xe0\xfe", "\xa1\x38\x00\xe0\xfe",
                                       "\xa1\x3c\x00\xe0\xfe"};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(code); i++) {
        *rax() = UINT64_MAX;
        place(code[i], 5);
        reads(0xfee00034 + 4 * i);
        assert_int_equal(*rax(), 0);
    }
}

static void narrow_writes_do_nothing(void **state)
{
    (void)state;
    *rax() = 0xff;
    PLACE("\xa2\x80\x00\xe0\xfe"); // mov [0xfee00080], al
    writes(0xfee00080);
    PLACE("\xa3\x84\x00\xe0\xfe");
    writes(0xfee00084);
    assert_int_equal(lapic_cr8(&fake_machine.vcpu->lapic), 0);
}

static void an_ipi_to_itself_arrives(void **state)
{
    (void)state;
    *rax() = 0x40000 | 0x55;
    PLACE("\xa3\x00\x03\xe0\xfe"); // the ICR
    writes(0xfee00300);
    assert_int_equal(lapic_pending(&fake_machine.vcpu->lapic), 0x55);
}

static void the_page_moves_with_its_base(void **state)
{
    (void)state;
    assert_true(lapic_set_base(&fake_machine.vcpu->lapic, 0xd0000000 | APIC_BASE_ENABLE));
    PLACE("\xa1\x30\x00\x00\xd0");
    reads(0xd0000030);
    assert_int_equal(*rax() & 0xff, 0x14);
    PLACE("\xa1\x30\x00\xe0\xfe");
    reads(0xfee00030);
    assert_int_equal(*rax(), 0xffffffff);
    assert_int_equal(fake_machine.vm->unclaimed_memory_accesses, 1);
}

static void in_x2apic_mode_there_is_no_page(void **state)
{
    (void)state;
    assert_true(lapic_set_base(&fake_machine.vcpu->lapic,
                               APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC));
    PLACE("\xa1\x30\x00\xe0\xfe");
    reads(0xfee00030);
    assert_int_equal(*rax(), 0xffffffff);
    assert_int_equal(fake_machine.vm->last_unclaimed_gpa, 0xfee00030);
}

// ---- The I/O APIC ----

static void the_io_apic_answers(void **state)
{
    (void)state;
    PLACE("\xc7\x05\x00\x00\xc0\xfe\x01\x00\x00\x00"); // select register 1
    writes(0xfec00000);
    assert_int_equal(fake_machine_register(REG_RIP), CODE + 10);
    PLACE("\xa1\x10\x00\xc0\xfe");
    reads(0xfec00010);
    assert_int_equal(*rax() >> 16 & 0xff, IOAPIC_PINS - 1);
    assert_int_equal(fake_machine.vm->unclaimed_memory_accesses, 0);
}

// ---- The HPET ----

static void the_hpet_answers_in_words_of_64_bits(void **state)
{
    static const uint8_t move[] = {0x48, 0x8b, 0x03}; // mov rax, [rbx]
    (void)state;
    fake_machine_free();
    fake_machine_start_long();
    uint8_t *memory = guest_memory_at(&fake_machine.vm->memory, gpa(CODE), ROOM);
    uint64_t *tables = guest_memory_at(&fake_machine.vm->memory, gpa(0x10000), 3 * PAGE_SIZE);

    tables[0] = 0x11003; // 1:1, the first GiB and the fourth in pages of 1 GiB
    tables[512] = 0x83;
    tables[512 + 3] = 0xc0000083;
    memcpy(memory, move, sizeof(move));
    fake_machine_set_register(REG_CR3, 0x10000);
    fake_machine_set_register(REG_RIP, CODE);
    fake_machine_gpr()[GPR_RBX] = HPET_BASE;
    reads(HPET_BASE);
    assert_int_equal(*rax(), 10000000ULL << 32 | HPET_ID);
    assert_int_equal(fake_machine.vm->unclaimed_memory_accesses, 0);
}

// ---- Nobody ----

static void nobody_reads_ones_and_is_counted(void **state)
{
    struct vm *vm = fake_machine.vm;
    (void)state;
    *rax() = 0;
    PLACE("\xa1\x04\x00\x00\xc0");
    reads(0xc0000004);
    assert_int_equal(*rax(), 0xffffffff);
    assert_int_equal(vm->unclaimed_memory_accesses, 1);
    assert_int_equal(vm->last_unclaimed_gpa, 0xc0000004);
    *rax() = 0x1200;
    PLACE("\xa0\x00\x00\x0a\x00"); // mov al, [0xa0000]: the VGA hole
    reads(0xa0000);
    assert_int_equal(*rax(), 0x12ff);
    PLACE("\xa3\x04\x00\x00\xc0");
    writes(0xc0000004);
    assert_int_equal(vm->unclaimed_memory_accesses, 3);
    assert_int_equal(vm->state, VM_RUNNING);
}

static void read_modify_write_is_both(void **state)
{
    (void)state;
    PLACE("\x81\x0d\x00\x00\x00\xc0\x01\x00\x00\x00"); // or dword [0xc0000000], 1
    writes(0xc0000000);
    assert_int_equal(fake_machine.vm->unclaimed_memory_accesses, 2);
}

static void a_bad_segment_faults(void **state)
{
    (void)state;
    PLACE("\xa1\x30\x00\xe0\xfe");
    fake_machine.vcpu->core.backend->segments[SEGMENT_DS].limit = 0xfff;
    assert_int_equal(fake_machine_exit(access_to(0xfee00030, false)), RETRY);
    assert_true(fake_machine_take_fault(VECTOR_GP));
    assert_int_equal(fake_machine_register(REG_RIP), CODE);
}

// The first time the guest tries again: another vCPU may have changed the instruction.
static void an_instruction_that_is_not_known_faults(void **state)
{
    struct vm *vm = fake_machine.vm;
    (void)state;
    PLACE("\x0f\x58\x05\x00\x00\xe0\xfe"); // addps xmm0, [0xfee00000]
    assert_int_equal(fake_machine_exit(access_to(0xfee00000, false)), RETRY);
    assert_null(fake_backend_last_event());
    assert_int_equal(vm->unknown_instructions, 0);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(fake_machine_exit(access_to(0xfee00000, false)), RETRY);
        assert_true(fake_machine_take_fault(VECTOR_UD));
        assert_int_equal(fake_machine_register(REG_RIP), CODE);
        assert_int_equal(vm->unknown_instructions, i);
    }
    assert_int_equal(vm->last_unknown_rip, CODE);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_int_equal(fake_host_logged("#UD for an instruction on device memory"), 1);
}

static void an_instruction_that_cannot_be_read_ends_the_vm(void **state)
{
    (void)state;
    fake_machine_set_register(REG_RIP, 0xfee00000);
    fake_machine.vcpu->core.backend->segments[SEGMENT_CS].limit = UINT32_MAX;
    assert_int_equal(fake_machine_exit(access_to(0xfee00000, false)), STOP);
    assert_true(fake_machine.vm->failed);
    assert_string_equal(fake_machine.vm->ended.text, "the instruction at 0xfee00000 is at address "
                                                     "0xfee00000, not in the VM's RAM");
}

static void a_fetch_outside_ram_ends_the_vm(void **state)
{
    struct vm_exit exit = access_to(0xfee00000, false);
    (void)state;
    exit.memory.access = ACCESS_EXECUTE;
    assert_int_equal(fake_machine_exit(exit), STOP);
    assert_string_equal(fake_machine.vm->ended.text,
                        "instruction fetch outside RAM, at 0xfee00000");
}

static void a_delivery_outside_ram_ends_the_vm(void **state)
{
    struct vm_exit exit = access_to(0xd0000ff8, true);
    (void)state;
    exit.memory.delivery = true;
    assert_int_equal(fake_machine_exit(exit), STOP);
    assert_string_equal(fake_machine.vm->ended.text,
                        "an event's delivery reached outside RAM, at 0xd0000ff8");
}

// ---- Page tables outside RAM ----

static void a_walk_outside_ram_is_a_page_fault(void **state)
{
    struct vm_exit exit = access_to(0xd0000000, false);
    (void)state;
    PLACE("\x0f\x58\x00"); // addps xmm0, [eax]: not known
    exit.memory.page_walk = true;
    exit.memory.gva = gva(0xffff800012345678);
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_int_equal(fake_machine_register(REG_CR2), 0xffff800012345678);
    assert_int_equal(fake_backend_last_event()->error_code,
                     PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED);
    assert_true(fake_machine_take_fault(VECTOR_PF));
    assert_int_equal(fake_machine.vm->last_unclaimed_gpa, 0xd0000000);
    fake_machine_set_cpl(3);
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_true(fake_backend_last_event()->error_code & PAGE_FAULT_USER);
    assert_true(fake_machine_take_fault(VECTOR_PF));
}

// AMD-V does not tell for which address the walk was.
static void a_walk_for_an_unknown_address_faults_like_one_of_ones(void **state)
{
    struct vm_exit exit = access_to(0xd0000000, false);
    uint32_t *directory = guest_memory_at(&fake_machine.vm->memory, gpa(0x2000), PAGE_SIZE);
    (void)state;
    assert_non_null(directory);
    directory[0] = 0x83; // 4 MiB from 0
    directory[0xd0000000 >> 22] = 0xd0000003;
    PLACE("\xa1\x00\x00\x00\xd0"); // mov eax, [0xd0000000]
    fake_machine_set_register(REG_CR3, 0x2000);
    fake_machine_set_register(REG_CR4, CR4_PSE);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG | CR0_ET);
    exit.memory.page_walk = true;
    exit.memory.gva_valid = false;
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_true(fake_machine_take_fault(VECTOR_PF));
    assert_int_equal(fake_machine_register(REG_CR2), 0xd0000000);
}

// The exit reports every access of a walk as a read.
static void a_walk_outside_ram_for_a_write_says_so(void **state)
{
    struct vm_exit exit = access_to(0xd0000000, false);
    uint32_t *directory = guest_memory_at(&fake_machine.vm->memory, gpa(0x2000), PAGE_SIZE);
    (void)state;
    assert_non_null(directory);
    directory[0] = 0x83;
    directory[0xd0000000 >> 22] = 0xd0000003;
    PLACE("\xa3\x00\x00\x00\xd0"); // mov [0xd0000000], eax
    fake_machine_set_register(REG_CR3, 0x2000);
    fake_machine_set_register(REG_CR4, CR4_PSE);
    fake_machine_set_register(REG_CR0, CR0_PE | CR0_PG | CR0_ET);
    exit.memory.page_walk = true;
    exit.memory.gva = gva(0xd0000000);
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_int_equal(fake_backend_last_event()->error_code,
                     PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED | PAGE_FAULT_WRITE);
    assert_true(fake_machine_take_fault(VECTOR_PF));
}

// ---- String I/O ----

// In real mode with caches off, LMSW sets PE. The caches stay off, and RIP goes on.
static void status_words_are_carried_out(void **state)
{
    const struct vm_exit exit = {.kind = EXIT_STATUS_WORD};
    (void)state;
    PLACE("\x0f\x01\xf0"); // lmsw ax
    fake_machine_set_register(REG_CR0, CR0_ET | CR0_CD);
    *rax() = CR0_PE | CR0_TS;
    assert_int_equal(fake_machine_exit(exit), ADVANCE_DECODED);
    assert_int_equal(fake_machine_register(REG_CR0), CR0_ET | CR0_CD | CR0_PE | CR0_TS);
    assert_int_equal(fake_machine_register(REG_RIP), CODE + 3);
    PLACE("\x90");
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_int_equal(fake_machine_register(REG_RIP), CODE);
}

static struct vm_exit string_io(uint16_t port, uint8_t width, bool in)
{
    return (struct vm_exit){.kind = EXIT_IO,
                            .io = {.port = port, .width = width, .in = in, .string = true}};
}

static void strings_go_out_byte_by_byte(void **state)
{
    static const char text[] = "Husk";
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    PLACE("\xf3\x6e"); // rep outsb
    memcpy(guest_memory_at(&fake_machine.vm->memory, gpa(0x2000), 4), text, 4);
    gpr[GPR_RSI] = 0x2000;
    gpr[GPR_RCX] = 4;
    gpr[GPR_RDX] = 0xe9;
    assert_int_equal(fake_machine_exit(string_io(0xe9, 1, false)), ADVANCE_DECODED);
    assert_int_equal(gpr[GPR_RSI], 0x2004);
    assert_int_equal(gpr[GPR_RCX], 0);
    assert_int_equal(fake_machine_register(REG_RIP), CODE + 2);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(terminal_take(&fake_machine.vm->terminal), text[i]);
    }
}

static void strings_come_in(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    PLACE("\x66\x6d"); // insw
    gpr[GPR_RDI] = 0x2000;
    gpr[GPR_RDX] = 0xe9;
    assert_int_equal(fake_machine_exit(string_io(0xe9, 2, true)), ADVANCE_DECODED);
    assert_memory_equal(guest_memory_at(&fake_machine.vm->memory, gpa(0x2000), 2), "\xe9\xff", 2);
    assert_int_equal(gpr[GPR_RDI], 0x2002);
}

// Otherwise a guest that repeats 2^32 times would keep the host out.
static void long_strings_are_done_in_parts(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    PLACE("\xf3\x6e");
    gpr[GPR_RSI] = 0x2000;
    gpr[GPR_RCX] = 1000;
    gpr[GPR_RDX] = 0x1234;
    for (unsigned left = 1000; left > 0;) {
        fake_machine.vcpu->core.work = 0;
        enum exit_action action = fake_machine_exit(string_io(0x1234, 1, false));

        assert_true(gpr[GPR_RCX] < left);
        left = (unsigned)gpr[GPR_RCX];
        assert_int_equal(action, left ? RETRY : ADVANCE_DECODED);
        assert_int_equal(fake_machine.vcpu->core.work & WORK_TIMERS, left ? WORK_TIMERS : 0);
        assert_int_equal(fake_machine_register(REG_RIP), left ? CODE : CODE + 2);
        if (left) { // an instruction breakpoint must not stop each part
            assert_true(fake_machine_register(REG_RFLAGS) & RFLAGS_RF);
        }
    }
    assert_int_equal(fake_machine.vm->pc->io.unclaimed, 1000);
}

// SDM Vol. 3B 18.3.1.4: the trap comes after each iteration. RF is pushed set by all but the last.
static void a_single_step_stops_a_string_at_each_iteration(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    PLACE("\xf3\x6e");
    gpr[GPR_RSI] = 0x2000;
    gpr[GPR_RCX] = 3;
    gpr[GPR_RDX] = 0x1234;
    for (unsigned left = 2; left > 0; left--) {
        fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
        assert_int_equal(fake_machine_exit(string_io(0x1234, 1, false)), RETRY);
        assert_int_equal(gpr[GPR_RCX], left);
        assert_true(fake_machine_take_fault(VECTOR_DB));
        assert_true(fake_machine_register(REG_DR6) & DR6_BS);
        assert_true(fake_machine_register(REG_RFLAGS) & RFLAGS_RF);
        assert_int_equal(fake_machine_register(REG_RIP), CODE);
    }
    assert_int_equal(fake_machine_exit(string_io(0x1234, 1, false)), ADVANCE_DECODED);
    assert_int_equal(fake_machine.vm->pc->io.unclaimed, 3);
}

// The first write ends the VM; the other writes of the repetition have no effect.
static void a_repeated_exit_ends_once(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    PLACE("\xf3\x6e");
    memcpy(guest_memory_at(&fake_machine.vm->memory, gpa(0x2000), 3), "\x07\x08\x09", 3);
    gpr[GPR_RSI] = 0x2000;
    gpr[GPR_RCX] = 3;
    gpr[GPR_RDX] = 0xf4;
    fake_machine_exit(string_io(0xf4, 1, false));
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_int_equal(fake_machine.vm->exit_status, 7);
    assert_int_equal(fake_host_logged("[web] ended"), 1);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_registers_read),
        TEST(its_registers_take_writes),
        TEST(an_error_of_a_read_interrupts_at_once),
        TEST(narrow_reads_get_their_part),
        TEST(beyond_a_register_reads_0),
        TEST(narrow_writes_do_nothing),
        TEST(an_ipi_to_itself_arrives),
        TEST(the_page_moves_with_its_base),
        TEST(in_x2apic_mode_there_is_no_page),
        TEST(the_io_apic_answers),
        TEST(the_hpet_answers_in_words_of_64_bits),
        TEST(nobody_reads_ones_and_is_counted),
        TEST(read_modify_write_is_both),
        TEST(a_bad_segment_faults),
        TEST(an_instruction_that_is_not_known_faults),
        TEST(an_instruction_that_cannot_be_read_ends_the_vm),
        TEST(a_fetch_outside_ram_ends_the_vm),
        TEST(a_delivery_outside_ram_ends_the_vm),
        TEST(a_walk_outside_ram_is_a_page_fault),
        TEST(a_walk_for_an_unknown_address_faults_like_one_of_ones),
        TEST(a_walk_outside_ram_for_a_write_says_so),
        TEST(status_words_are_carried_out),
        TEST(strings_go_out_byte_by_byte),
        TEST(strings_come_in),
        TEST(long_strings_are_done_in_parts),
        TEST(a_single_step_stops_a_string_at_each_iteration),
        TEST(a_repeated_exit_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
