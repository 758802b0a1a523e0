// SPDX-License-Identifier: MIT
// Attempts with the instructions of VT-x, AMD-V, SMX and SGX.
#include "guests/hostile/groups.h"

// The operands are in the guest's own memory. None of these instructions may get as far as reading
// them.
ATTEMPT_INSTRUCTION(vmxon, "push $0\n\tvmxon (%%rsp)\n\tpop %%rax")
ATTEMPT_INSTRUCTION(vmxoff, "vmxoff")
ATTEMPT_INSTRUCTION(vmptrld, "push $0\n\tvmptrld (%%rsp)\n\tpop %%rax")
ATTEMPT_INSTRUCTION(vmptrst, "push $0\n\tvmptrst (%%rsp)\n\tpop %%rax")
ATTEMPT_INSTRUCTION(vmclear, "push $0\n\tvmclear (%%rsp)\n\tpop %%rax")
ATTEMPT_INSTRUCTION(vmread, "mov $0x6c16, %%eax\n\tvmread %%rax, %%rbx") // HOST_RIP
ATTEMPT_INSTRUCTION(vmwrite, "mov $0x6c16, %%eax\n\tvmwrite %%rbx, %%rax")
ATTEMPT_INSTRUCTION(vmlaunch, "vmlaunch")
ATTEMPT_INSTRUCTION(vmresume, "vmresume")
ATTEMPT_INSTRUCTION(invept, "push $0\n\tpush $0\n\tmov $2, %%eax\n\tinvept (%%rsp), %%rax\n\t"
                            "pop %%rax\n\tpop %%rax")
ATTEMPT_INSTRUCTION(invvpid, "push $0\n\tpush $0\n\tmov $2, %%eax\n\tinvvpid (%%rsp), %%rax\n\t"
                             "pop %%rax\n\tpop %%rax")
ATTEMPT_INSTRUCTION(vmfunc, "xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\tvmfunc")
ATTEMPT_INSTRUCTION(vmrun, "xor %%eax, %%eax\n\tvmrun")
ATTEMPT_INSTRUCTION(vmload, "xor %%eax, %%eax\n\tvmload")
ATTEMPT_INSTRUCTION(vmsave, "xor %%eax, %%eax\n\tvmsave")
ATTEMPT_INSTRUCTION(stgi, "stgi")
ATTEMPT_INSTRUCTION(clgi, "clgi")
ATTEMPT_INSTRUCTION(skinit, "xor %%eax, %%eax\n\tskinit")
ATTEMPT_INSTRUCTION(invlpga, "xor %%eax, %%eax\n\tmov $1, %%ecx\n\tinvlpga %%rax, %%ecx")
ATTEMPT_INSTRUCTION(getsec, "xor %%eax, %%eax\n\tgetsec")
ATTEMPT_INSTRUCTION(encls, "xor %%eax, %%eax\n\tencls")
ATTEMPT_INSTRUCTION(enclv, "xor %%eax, %%eax\n\t.byte 0x0f, 0x01, 0xc0")
ATTEMPT_INSTRUCTION(pconfig, "mov $99, %%eax\n\tpconfig")
ATTEMPT_INSTRUCTION(seamcall, "xor %%eax, %%eax\n\t.byte 0x66, 0x0f, 0x01, 0xcf")
ATTEMPT_INSTRUCTION(rsm, "rsm")

static const struct attempt attempts[] = {
    {"VMXON", vmxon, FAULT(UD)},       {"VMXOFF", vmxoff, FAULT(UD)},
    {"VMPTRLD", vmptrld, FAULT(UD)},   {"VMPTRST", vmptrst, FAULT(UD)},
    {"VMCLEAR", vmclear, FAULT(UD)},   {"VMREAD", vmread, FAULT(UD)},
    {"VMWRITE", vmwrite, FAULT(UD)},   {"VMLAUNCH", vmlaunch, FAULT(UD)},
    {"VMRESUME", vmresume, FAULT(UD)}, {"INVEPT", invept, FAULT(UD)},
    {"INVVPID", invvpid, FAULT(UD)},   {"VMFUNC", vmfunc, FAULT(UD)},
    {"VMRUN", vmrun, FAULT(UD)},       {"VMLOAD", vmload, FAULT(UD)},
    {"VMSAVE", vmsave, FAULT(UD)},     {"STGI", stgi, FAULT(UD)},
    {"CLGI", clgi, FAULT(UD)},         {"SKINIT", skinit, FAULT(UD)},
    {"INVLPGA", invlpga, FAULT(UD)},   {"GETSEC", getsec, FAULT(UD)},
    {"ENCLS", encls, FAULT(UD)},       {"ENCLV", enclv, FAULT(UD)},
    {"PCONFIG", pconfig, FAULT(UD)},   {"SEAMCALL", seamcall, FAULT(UD)},
    {"RSM", rsm, FAULT(UD)},
};

const struct attempt_group virtualisation_group = {attempts, ARRAY_SIZE(attempts)};
