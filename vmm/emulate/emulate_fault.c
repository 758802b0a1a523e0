// SPDX-License-Identifier: MIT
// Ends an emulated instruction with a fault, which the caller injects.
#include "vmm/emulate/emulate_fault.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/emulate/emulate.h"
#include "vmm/emulate/emulate_state.h"
#include "vmm/util/types.h"

enum emulate_result emulator_fault(struct emulator *emulator, uint8_t vector, uint32_t error_code)
{
    emulator->out->event = (struct event){.type = EVENT_EXCEPTION,
                                          .vector = vector,
                                          .has_error_code = vector >= VECTOR_DF,
                                          .error_code = error_code};
    return EMULATE_FAULT;
}
