// SPDX-License-Identifier: MIT
// Tests of what each kind of exit does to the guest and to its VM.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/vcpu_run.h"

#define START 0x7c00
#define ONES 0xffffffffffffffffULL

static enum exit_action exit_of(enum exit_kind kind)
{
    return fake_machine_exit((struct vm_exit){.kind = kind});
}

static void assert_rip(uint64_t rip)
{
    assert_int_equal(fake_machine_register(REG_RIP), rip);
}

// ---- CPUID ----

static void cpuid_writes_four_registers_zero_extended(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    gpr[GPR_RAX] = 0x1234567800000000; // only the low halves are looked at
    gpr[GPR_RCX] = 0xffffffff00000007;
    gpr[GPR_RBX] = gpr[GPR_RDX] = ONES;
    assert_int_equal(exit_of(EXIT_CPUID), ADVANCE);
    assert_int_equal(gpr[GPR_RAX], CPUID_BASIC_LEAVES - 1);
    assert_int_equal(gpr[GPR_RBX], 0x756e6547);
    assert_int_equal(gpr[GPR_RCX], 0x6c65746e);
    assert_int_equal(gpr[GPR_RDX], 0x49656e69);
    assert_rip(START + FAKE_INSTRUCTION_BYTES);
    assert_int_equal(fake_machine.vcpu->core.exits[EXIT_CPUID], 1);
}

static void cpuid_takes_the_subleaf_from_rcx(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    gpr[GPR_RAX] = 4;
    gpr[GPR_RCX] = 0xabcd00000003;
    exit_of(EXIT_CPUID);
    assert_int_equal(gpr[GPR_RAX], 0x163);
    gpr[GPR_RAX] = 4;
    gpr[GPR_RCX] = 99;
    exit_of(EXIT_CPUID);
    assert_int_equal(gpr[GPR_RAX] | gpr[GPR_RBX] | gpr[GPR_RCX] | gpr[GPR_RDX], 0);
}

// Some machines let a guest write XCR0 without an exit.
static void cpuid_follows_xcr0(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    fake_machine_set_register(REG_XCR0, XCR0_X87 | XCR0_SSE | XCR0_AVX);
    gpr[GPR_RAX] = 0xd;
    gpr[GPR_RCX] = 0;
    exit_of(EXIT_CPUID);
    assert_int_equal(gpr[GPR_RBX], 0x340);
}

static void cpuid_touches_no_other_register(void **state)
{
    uint64_t *gpr = fake_machine_gpr();
    (void)state;
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        gpr[i] = 0x1111111111111111ULL * i;
    }
    gpr[GPR_RAX] = 1;
    exit_of(EXIT_CPUID);
    for (unsigned i = GPR_RSP; i < GPR_COUNT; i++) {
        assert_int_equal(gpr[i], 0x1111111111111111ULL * i);
    }
}

// ---- Ports ----

static void in_keeps_the_upper_bits_of_its_width(void **state)
{
    uint64_t *rax = &fake_machine_gpr()[GPR_RAX];
    (void)state;
    *rax = 0x1122334455667788;
    assert_int_equal(fake_machine_in(0xe9, 1), 0x11223344556677e9);
    assert_rip(START + FAKE_INSTRUCTION_BYTES);
    *rax = 0x1122334455667788;
    assert_int_equal(fake_machine_in(0xe9, 2), 0x112233445566ffe9);
    *rax = 0x1122334455667788;
    assert_int_equal(fake_machine_in(0xe9, 4), 0xffffffe9); // 32 bits clear the upper half
    assert_int_equal(fake_machine.vcpu->core.exits[EXIT_IO], 3);
}

static void ports_of_nobody_read_ones_and_are_counted(void **state)
{
    struct io_bus *bus = &fake_machine.vm->pc->io;
    (void)state;
    assert_int_equal(fake_machine_in(0x1234, 1), 0xff);
    assert_int_equal(bus->unclaimed, 1);
    assert_int_equal(bus->last_unclaimed, 0x1234);
    fake_machine_out(0xbeef, 1, 0);
    assert_int_equal(bus->unclaimed, 2);
    assert_int_equal(bus->last_unclaimed, 0xbeef);
    fake_machine_gpr()[GPR_RAX] = 0;
    assert_int_equal(fake_machine_in(0xffff, 4) >> 32, 0);
}

static void out_writes_what_its_width_says(void **state)
{
    (void)state;
    fake_machine_out(0x80, 1, 0xaabbccdd);
    assert_int_equal(fake_machine_in(0x80, 1) & 0xff, 0xdd);
    fake_machine_out(0x7f, 2, 0x4321); // the second byte is the POST port's
    assert_int_equal(fake_machine_in(0x80, 1) & 0xff, 0x43);
}

// Every port, every width, both directions: only the exit port may end the VM.
static void no_port_harms_the_host(void **state)
{
    (void)state;
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        static const uint8_t widths[] = {1, 2, 4};

        for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
            fake_machine_in((uint16_t)port, widths[i]);
            if (port + widths[i] <= 0xf4 || port > 0xf4) {
                fake_machine_out((uint16_t)port, widths[i], 0);
            }
        }
    }
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
}

// ---- HLT ----

static void hlt_waits_for_an_interrupt(void **state)
{
    (void)state;
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    fake_machine.vcpu->core.work = 0;
    assert_int_equal(exit_of(EXIT_HLT), ADVANCE);
    assert_true(fake_machine.vcpu->halted);
    assert_int_not_equal(fake_machine.vcpu->core.work, 0); // out of the inner loop
    assert_false(vcpu_runnable(fake_machine.vcpu));
    assert_rip(START + FAKE_INSTRUCTION_BYTES);
}

static void hlt_with_interrupts_off_ends_the_vm(void **state)
{
    (void)state;
    assert_int_equal(fake_machine_register(REG_RFLAGS) & RFLAGS_IF, 0);
    exit_of(EXIT_HLT);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_true(fake_machine.vm->failed);
    assert_string_equal(fake_machine.vm->ended.text,
                        "halted for ever: HLT with interrupts off at RIP 0x7c00");
    assert_int_equal(fake_host_logged("[web] stopped: halted for ever"), 1);
}

static void hlt_with_interrupts_off_waits_for_an_nmi_that_comes(void **state)
{
    (void)state;
    fake_machine.vcpu->nmis_pending = 1;
    exit_of(EXIT_HLT);
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
    assert_true(vcpu_runnable(fake_machine.vcpu));
}

// SDM Vol. 2A, HLT: a debug exception ends it.
static void hlt_in_a_single_step_does_not_sleep(void **state)
{
    (void)state;
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
    assert_int_equal(exit_of(EXIT_HLT), ADVANCE);
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
    assert_true(vcpu_runnable(fake_machine.vcpu));
}

static void hlt_before_an_event_does_not_sleep(void **state)
{
    (void)state;
    fake_machine.vcpu->core.backend->event_waiting = true;
    assert_int_equal(exit_of(EXIT_HLT), ADVANCE);
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
    assert_true(vcpu_runnable(fake_machine.vcpu));
    fake_machine.vcpu->core.backend->event_waiting = false;
}

static void hlt_with_a_pending_interrupt_does_not_sleep(void **state)
{
    (void)state;
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    lapic_post(&fake_machine.vcpu->lapic, 0x40, false);
    exit_of(EXIT_HLT);
    assert_true(vcpu_runnable(fake_machine.vcpu));
    assert_false(fake_machine.vcpu->halted);
}

// ---- Exceptions ----

static struct vm_exit exception_exit(uint8_t vector)
{
    return (struct vm_exit){.kind = EXIT_EXCEPTION, .exception = {.vector = vector}};
}

static void debug_exceptions_are_handed_on(void **state)
{
    struct vm_exit exit = exception_exit(VECTOR_DB);
    (void)state;
    exit.exception.payload = DR6_BS;
    fake_machine_set_register(REG_DR7, DR7_FIXED | DR7_GD | 3);
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_true(fake_machine_take_fault(VECTOR_DB));
    assert_int_equal(fake_machine_register(REG_DR6), DR6_FIXED | DR6_BS);
    assert_int_equal(fake_machine_register(REG_DR7), DR7_FIXED | 3); // SDM Vol. 3B 18.2.4
    assert_rip(START);
}

// SDM Vol. 3B 18.3.1.1: only faults push RF = 1.
static void faults_set_rf_and_debug_traps_do_not(void **state)
{
    (void)state;
    fake_machine_exit(exception_exit(VECTOR_DB));
    assert_true(fake_machine_take_fault(VECTOR_DB));
    assert_int_equal(fake_machine_register(REG_RFLAGS) & RFLAGS_RF, 0);
    fake_machine_exit(exception_exit(VECTOR_AC));
    assert_true(fake_machine_take_fault(VECTOR_AC));
    assert_int_equal(fake_machine_register(REG_RFLAGS) & RFLAGS_RF, RFLAGS_RF);
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED);
    exit_of(EXIT_FORBIDDEN);
    assert_true(fake_machine_take_fault(VECTOR_GP));
    assert_int_equal(fake_machine_register(REG_RFLAGS) & RFLAGS_RF, RFLAGS_RF);
}

static void a_double_fault_is_no_fault(void **state)
{
    struct vm_exit exit = exception_exit(VECTOR_AC);
    (void)state;
    exit.exception.delivery = DELIVERY_OTHER;
    fake_machine_exit(exit);
    assert_true(fake_machine_take_fault(VECTOR_DF));
    assert_int_equal(fake_machine_register(REG_RFLAGS) & RFLAGS_RF, 0);
}

static void alignment_checks_are_handed_on_with_their_code(void **state)
{
    struct vm_exit exit = exception_exit(VECTOR_AC);
    (void)state;
    exit.exception.has_error_code = true;
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_true(fake_backend_last_event()->has_error_code);
    assert_int_equal(fake_backend_last_event()->error_code, 0);
    assert_true(fake_machine_take_fault(VECTOR_AC));
    assert_int_equal(fake_machine_register(REG_DR6), DR6_FIXED);
}

static void an_alignment_check_in_a_delivery_is_a_double_fault(void **state)
{
    struct vm_exit exit = exception_exit(VECTOR_AC);
    (void)state;
    exit.exception.delivery = DELIVERY_OTHER;
    assert_int_equal(fake_machine_exit(exit), RETRY);
    assert_true(fake_backend_last_event()->has_error_code);
    assert_true(fake_machine_take_fault(VECTOR_DF));
}

// Else a #DF gate of level 3 with an unaligned stack would make double faults for ever.
static void an_alignment_check_in_a_double_fault_is_a_triple_fault(void **state)
{
    struct vm_exit exit = exception_exit(VECTOR_AC);
    (void)state;
    exit.exception.delivery = DELIVERY_DOUBLE_FAULT;
    assert_int_equal(fake_machine_exit(exit), STOP);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_string_equal(fake_machine.vm->ended.text, "triple fault at RIP 0x7c00");
}

static void an_exception_on_top_of_a_waiting_event_ends_the_vm(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_UNDEFINED), RETRY);
    assert_int_equal(fake_machine_exit(exception_exit(VECTOR_DB)), STOP);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_non_null(strstr(fake_machine.vm->ended.text, "exception 1 while another event"));
}

// ---- Instructions that guests do not have ----

static void undefined_instructions_fault(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_UNDEFINED), RETRY);
    assert_false(fake_backend_last_event()->has_error_code);
    assert_true(fake_machine_take_fault(VECTOR_UD));
    assert_rip(START);
}

static void forbidden_instructions_fault(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_FORBIDDEN), RETRY);
    assert_true(fake_backend_last_event()->has_error_code);
    assert_int_equal(fake_backend_last_event()->error_code, 0);
    assert_true(fake_machine_take_fault(VECTOR_GP));
    assert_rip(START);
}

static void cache_instructions_do_nothing(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_NOTHING), ADVANCE);
    assert_rip(START + FAKE_INSTRUCTION_BYTES);
    assert_int_equal(fake_machine.vcpu->core.work & WORK_STOP, 0);
}

// ---- The host's own exits ----

static void host_exits_do_not_move_the_guest(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_HOST), RETRY);
    assert_rip(START);
}

static void a_loop_of_pause_gives_way(void **state)
{
    (void)state;
    fake_machine.vcpu->core.work = 0;
    assert_int_equal(exit_of(EXIT_PAUSE), ADVANCE);
    assert_int_equal(fake_machine.vcpu->core.work, WORK_YIELD);
    assert_true(fake_machine.vcpu->gives_way);
    assert_rip(START + FAKE_INSTRUCTION_BYTES);
}

static void an_interrupt_window_makes_the_loop_look(void **state)
{
    (void)state;
    fake_machine.vcpu->core.work = 0;
    assert_int_equal(exit_of(EXIT_INTERRUPT_WINDOW), RETRY);
    assert_true(fake_machine.vcpu->core.work & WORK_EVENTS);
    assert_rip(START);
}

// ---- Ends ----

static void a_triple_fault_ends_the_vm(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_TRIPLE_FAULT), STOP);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_true(fake_machine.vm->failed);
    assert_string_equal(fake_machine.vm->ended.text, "triple fault at RIP 0x7c00");
    assert_int_equal(fake_host_logged("[web] stopped: triple fault"), 1);
    assert_int_equal(fake_machine.vm->restart_at_ns, NEVER_NS);
}

static void a_triple_fault_without_idt_is_a_reset(void **state)
{
    const struct segment none = {.limit = 0};
    (void)state;
    fake_machine.vcpu->ops->set_segment(&fake_machine.vcpu->core, SEGMENT_IDTR, &none);
    assert_int_equal(exit_of(EXIT_TRIPLE_FAULT), STOP);
    assert_int_equal(fake_machine.vm->state, VM_RUNNING);
    assert_true(fake_machine.vm->reset_requested);
    assert_true(fake_machine.vcpu->core.work & WORK_STOP);
}

static void a_machine_check_ends_the_vm(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_MACHINE_CHECK), STOP);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_true(fake_machine.vm->failed);
    assert_int_equal(fake_host_logged("[web] stopped: machine check at RIP 0x7c00: "), 1);
}

static void assert_explained_and_dumped(enum exit_kind kind)
{
    assert_int_equal(exit_of(kind), STOP);
    assert_int_equal(fake_machine.vm->state, VM_ENDED);
    assert_string_equal(fake_machine.vm->ended.text, "the manual's words, RIP 0x7c00");
    assert_int_equal(fake_host_logged("[web] stopped: the manual's words"), 1);
    assert_int_equal(fake_backend.dumps, 1);
    assert_int_equal(fake_host_logged("the whole state"), 1);
}

static void a_failed_entry_is_explained_and_dumped(void **state)
{
    (void)state;
    assert_explained_and_dumped(EXIT_ENTRY_FAILED);
}

static void an_unknown_exit_is_explained_and_dumped(void **state)
{
    (void)state;
    assert_explained_and_dumped(EXIT_UNKNOWN);
}

static void the_end_of_one_leaves_the_others(void **state)
{
    struct reason why;
    struct vm *other = fake_machine_add("other");
    (void)state;
    assert_int_equal(fake_machine_vm_start(other, &why), STATUS_OK);
    uint32_t work = other->vcpus[0]->core.work;
    fake_host.host.space_enter(&fake_machine.vm->space);
    fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
    exit_of(EXIT_TRIPLE_FAULT);
    assert_int_equal(other->state, VM_RUNNING);
    assert_int_equal(other->vcpus[0]->core.work, work);
}

// ---- All of them ----

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EXIT_KINDS; kind++) {
        assert_true(strlen(exit_kind_name(kind)) > 0);
        for (unsigned other = 0; other < kind; other++) {
            assert_string_not_equal(exit_kind_name(kind), exit_kind_name(other));
        }
    }
    assert_string_equal(exit_kind_name(EXIT_KINDS), "none");
}

static struct vm_exit random_exit(void)
{
    struct vm_exit exit;
    uint8_t *bytes = (uint8_t *)&exit;
    for (size_t i = 0; i < sizeof(exit); i++) {
        bytes[i] = (uint8_t)rand();
    }
    exit.kind = (unsigned)rand() % EXIT_KINDS;
    exit.length = 0;
    if (exit.kind == EXIT_IO) { // what hardware reports
        exit.io = (struct exit_io){.port = (uint16_t)rand(),
                                   .width = (uint8_t)(1U << (unsigned)rand() % 3),
                                   .in = rand() % 2,
                                   .string = rand() % 4 == 0};
    } else if (exit.kind == EXIT_CONTROL_REGISTER) {
        static const uint8_t numbers[] = {0, 4, 8};

        exit.cr = (struct exit_control_register){.number = numbers[rand() % 3],
                                                 .write = rand() % 2,
                                                 .gpr = rand() % GPR_COUNT,
                                                 .immediate = rand() % 8 == 0,
                                                 .value = (uint64_t)rand()};
    } else if (exit.kind == EXIT_MEMORY) {
        exit.memory = (struct exit_memory){.gpa = gpa((uint64_t)rand() * (unsigned)rand()),
                                           .gva = gva((uint64_t)rand() << rand() % 33),
                                           .gva_valid = rand() % 2,
                                           .access = (uint8_t)(rand() % (ACCESS_ALL + 1)),
                                           .page_walk = rand() % 8 == 0,
                                           .delivery = rand() % 16 == 0};
    } else if (exit.kind == EXIT_EXCEPTION) {
        exit.exception =
            (struct exit_exception){.vector = rand() % 2 ? VECTOR_DB : VECTOR_AC,
                                    .has_error_code = rand() % 2,
                                    .payload = (uint64_t)rand(),
                                    .delivery = rand() % 8 ? DELIVERY_NONE : rand() % 3};
    } else if (exit.kind == EXIT_IPI) {
        exit.ipi =
            (struct exit_ipi){.icr = (uint64_t)rand() << 36 | (uint32_t)rand(), .sent = rand() % 2};
    }
    return exit;
}

// Whatever a guest does, the host and every other VM must go on.
static void random_exits_hurt_nobody_else(void **state)
{
    struct reason why;
    (void)state;
    srand(3);
    for (unsigned round = 0; round < 300; round++) {
        uint64_t *gpr = fake_machine_gpr();

        for (unsigned i = 0; i < 100 && fake_machine.vm->state == VM_RUNNING; i++) {
            for (unsigned j = 0; j < GPR_COUNT; j++) {
                gpr[j] = rand() % 2 ? (uint64_t)rand() : (uint64_t)rand() << rand() % 40;
            }
            if (rand() % 4 == 0) {
                gpr[GPR_RCX] = 0x800 + (unsigned)rand() % 0x100;
            }
            fake_machine_exit(random_exit());
            fake_machine.vcpu->core.backend->event_waiting = rand() % 64 == 0;
            fake_machine.vcpu->halted = false;
            fake_host.now_ns += (unsigned)rand() % 100000;
        }
        assert_int_equal(fake_machine_vm_reset(fake_machine.vm, &why), STATUS_OK);
        fake_machine.vcpu = fake_machine.vm->vcpus[0];
        fake_host.host.space_enter(&fake_machine.vm->space);
        fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
    }
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, fake_machine_set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cpuid_writes_four_registers_zero_extended),
        TEST(cpuid_takes_the_subleaf_from_rcx),
        TEST(cpuid_follows_xcr0),
        TEST(cpuid_touches_no_other_register),
        TEST(in_keeps_the_upper_bits_of_its_width),
        TEST(ports_of_nobody_read_ones_and_are_counted),
        TEST(out_writes_what_its_width_says),
        TEST(no_port_harms_the_host),
        TEST(hlt_waits_for_an_interrupt),
        TEST(hlt_with_interrupts_off_ends_the_vm),
        TEST(hlt_with_interrupts_off_waits_for_an_nmi_that_comes),
        TEST(hlt_in_a_single_step_does_not_sleep),
        TEST(hlt_before_an_event_does_not_sleep),
        TEST(hlt_with_a_pending_interrupt_does_not_sleep),
        TEST(debug_exceptions_are_handed_on),
        TEST(faults_set_rf_and_debug_traps_do_not),
        TEST(a_double_fault_is_no_fault),
        TEST(alignment_checks_are_handed_on_with_their_code),
        TEST(an_alignment_check_in_a_delivery_is_a_double_fault),
        TEST(an_alignment_check_in_a_double_fault_is_a_triple_fault),
        TEST(an_exception_on_top_of_a_waiting_event_ends_the_vm),
        TEST(undefined_instructions_fault),
        TEST(forbidden_instructions_fault),
        TEST(cache_instructions_do_nothing),
        TEST(host_exits_do_not_move_the_guest),
        TEST(a_loop_of_pause_gives_way),
        TEST(an_interrupt_window_makes_the_loop_look),
        TEST(a_triple_fault_ends_the_vm),
        TEST(a_triple_fault_without_idt_is_a_reset),
        TEST(a_machine_check_ends_the_vm),
        TEST(a_failed_entry_is_explained_and_dumped),
        TEST(an_unknown_exit_is_explained_and_dumped),
        TEST(the_end_of_one_leaves_the_others),
        TEST(every_kind_has_a_name),
        TEST(random_exits_hurt_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
