// SPDX-License-Identifier: MIT
// Runs one instruction on the processor of this machine: the instruction and a jump behind it, in a
// page of their own, between two moves of all registers.
#define _GNU_SOURCE // for REG_RIP of ucontext.h

#include "tests/host/emulate/native_cpu.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "vmm/util/types.h"

// Takes the state (RDI) and the address of the code (RSI). The code jumps to native_back.
void native_enter(struct native_state *state, const void *code);
extern const char native_back[];

__asm__(".text\n"
        "native_enter:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    push %rdi\n" // for native_back
        "    push %rsi\n"
        "    pushq 128(%rdi)\n"
        "    mov 136(%rdi), %eax\n"
        "    xor %edx, %edx\n"
        "    test %eax, %eax\n"
        "    jz 1f\n"
        "    xrstor64 192(%rdi)\n"
        "1:\n"
        "    mov 0(%rdi), %rax\n"
        "    mov 8(%rdi), %rcx\n"
        "    mov 16(%rdi), %rdx\n"
        "    mov 24(%rdi), %rbx\n"
        "    mov 40(%rdi), %rbp\n"
        "    mov 48(%rdi), %rsi\n"
        "    mov 64(%rdi), %r8\n"
        "    mov 72(%rdi), %r9\n"
        "    mov 80(%rdi), %r10\n"
        "    mov 88(%rdi), %r11\n"
        "    mov 96(%rdi), %r12\n"
        "    mov 104(%rdi), %r13\n"
        "    mov 112(%rdi), %r14\n"
        "    mov 120(%rdi), %r15\n"
        "    mov 56(%rdi), %rdi\n"
        "    popfq\n"
        "    ret\n" // to the code
        ".globl native_back\n"
        "native_back:\n"
        "    push %rax\n"
        "    mov 8(%rsp), %rax\n" // the state
        "    mov %rcx, 8(%rax)\n"
        "    mov %rdx, 16(%rax)\n"
        "    mov %rbx, 24(%rax)\n"
        "    mov %rbp, 40(%rax)\n"
        "    mov %rsi, 48(%rax)\n"
        "    mov %rdi, 56(%rax)\n"
        "    mov %r8, 64(%rax)\n"
        "    mov %r9, 72(%rax)\n"
        "    mov %r10, 80(%rax)\n"
        "    mov %r11, 88(%rax)\n"
        "    mov %r12, 96(%rax)\n"
        "    mov %r13, 104(%rax)\n"
        "    mov %r14, 112(%rax)\n"
        "    mov %r15, 120(%rax)\n"
        "    pushfq\n"
        "    popq 128(%rax)\n"
        "    popq 0(%rax)\n"
        "    pop %rdi\n"
        "    mov 136(%rdi), %eax\n"
        "    xor %edx, %edx\n"
        "    test %eax, %eax\n"
        "    jz 1f\n"
        "    xsave64 192(%rdi)\n"
        "    emms\n"
        "1:\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    cld\n"
        "    ret\n");

static_assert(offsetof(struct native_state, rflags) == 128 &&
                  offsetof(struct native_state, components) == 136 &&
                  offsetof(struct native_state, fpu) == 192,
              "the assembly above");

static volatile sig_atomic_t fault;

static void on_fault(int number, siginfo_t *information, void *context)
{
    (void)information;
    fault = number;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (long long)(uintptr_t)native_back;
}

// A page that can be written and executed.
static uint8_t *code_page(void)
{
    static uint8_t *page;
    if (!page) {
        page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(page, MAP_FAILED);
    }
    return page;
}

int native_run(const char *bytes, size_t length, struct native_state *state)
{
    static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS};
    static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0}; // jmp [rip]
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    struct sigaction before[ARRAY_SIZE(signals)];
    const void *back = native_back;
    uint8_t *code = code_page();
    memcpy(code, bytes, length);
    memcpy(code + length, jump, sizeof(jump));
    memcpy(code + length + sizeof(jump), &back, sizeof(back));
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], &action, &before[i]);
    }
    fault = 0;
    native_enter(state, code);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], &before[i], NULL);
    }
    return fault;
}
