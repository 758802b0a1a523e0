// SPDX-License-Identifier: MIT
// Checks KVM's interface part by part.
#include "arch/x86/kvm_interface.h"
#include "guests/lib/clock.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/memory.h"
#include "guests/lib/options.h"
#include "guests/lib/pic.h"
#include "guests/lib/start.h"
#include "guests/lib/traps.h"
#include "guests/paravirt/calls.h"
#include "guests/paravirt/clock.h"
#include "guests/paravirt/report.h"
#include "guests/paravirt/steal.h"

static bool interface_is_there(void)
{
    const struct cpuid_registers kvm = cpuid(CPUID_KVM, 0);
    return husk_present() && kvm.eax == CPUID_KVM_FEATURES &&
           memcmp(&kvm.ebx, KVM_SIGNATURE, sizeof(KVM_SIGNATURE) - 1) == 0;
}

uint8_t guest_main(const struct guest *guest)
{
    const bool beside = option_word(guest->command_line, "beside");
    clock_init();
    traps_init();
    pic_init();
    report("KVM's interface beside Husk's", interface_is_there());
    if (report_failures() == 0) {
        check_steal(beside);
    }
    if (report_failures() == 0 && !beside) {
        check_clock();
        check_calls();
    }
    return (uint8_t)report_failures();
}
