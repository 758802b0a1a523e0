# SPDX-License-Identifier: MIT
# The list of host tests: what is not named here does not exist, and an unlisted file is an error.
#
# One unit test, tests/host/FOLDER/test_NAME.c (a cmocka program with a main), and what it is linked
# with besides vmm/util/*.c, which every test gets:
#
#     UNIT_TESTS += test_uart
#     test_uart := vmm/devices/uart.c
#
# One fuzz target, tests/host/FOLDER/fuzz_NAME.c (LLVMFuzzerTestOneInput), the same way. Its seeds
# are the files of tests/host/corpus/NAME/, at least one:
#
#     FUZZ_TARGETS += fuzz_acpi
#     fuzz_acpi := arch/x86/acpi_tables.c
#
# Sources that several tests share (a fake host, a fake back end) are named like any other source:
# tests/host/fake_host.c. Keep the pairs sorted by name; add yours without touching the others.

# ---- The monitor and the console ----
UNIT_TESTS += test_console
test_console := vmm/console/console.c tests/host/fake_output.c

UNIT_TESTS += test_key_parser
test_key_parser := vmm/console/key_parser.c

UNIT_TESTS += test_line_editor
test_line_editor := vmm/console/line_editor.c vmm/console/key_parser.c

UNIT_TESTS += test_line_filter
test_line_filter := vmm/console/line_filter.c

UNIT_TESTS += test_terminal
test_terminal := vmm/vm/terminal.c

I8042 := vmm/devices/i8042.c vmm/devices/i8042_scan_codes.c

MONITOR := $(wildcard vmm/monitor/*.c) vmm/console/console.c vmm/console/key_parser.c \
           vmm/console/line_editor.c vmm/console/line_filter.c vmm/vm/terminal.c \
           vmm/memory/guest_memory.c \
           vmm/board/pc_front.c vmm/board/key_queue.c vmm/devices/acpi_pm.c \
           vmm/devices/vga.c $(I8042) \
           tests/host/fake_output.c tests/host/monitor/fake_world.c

UNIT_TESTS += test_key_queue
test_key_queue := vmm/board/key_queue.c $(I8042) tests/host/fake_device.c

UNIT_TESTS += test_key_text
test_key_text := vmm/monitor/key_text.c drivers/ps2_scan_codes.c

UNIT_TESTS += test_inspect_screen
test_inspect_screen := $(MONITOR)

UNIT_TESTS += test_inspect
test_inspect := $(MONITOR)

UNIT_TESTS += test_monitor
test_monitor := $(MONITOR)

UNIT_TESTS += test_monitor_attach
test_monitor_attach := $(MONITOR)

UNIT_TESTS += test_monitor_commands
test_monitor_commands := $(MONITOR)

FUZZ_TARGETS += fuzz_monitor
fuzz_monitor := $(MONITOR)

# ---- The hypervisor's core ----
ACPI_TABLES := vmm/board/acpi_tables.c vmm/board/acpi_processors.c $(BUILD)/gen/dsdt.c

# All of vmm/ but console and monitor, on a fake machine.
CORE := $(wildcard $(addsuffix /*.c,$(addprefix vmm/,board devices emulate load memory vcpu vm))) \
        $(BUILD)/gen/dsdt.c \
        tests/host/fake_backend.c tests/host/fake_host.c tests/host/fake_machine.c

UNIT_TESTS += test_acpi_tables
test_acpi_tables := $(ACPI_TABLES) vmm/memory/guest_memory.c arch/x86/acpi_tables.c \
                    arch/x86/acpi_rsdp.c arch/x86/acpi_madt.c arch/x86/acpi_fadt.c \
                    arch/x86/acpi_aml.c arch/x86/acpi_spcr.c

UNIT_TESTS += test_apic_bus
test_apic_bus := $(CORE)

UNIT_TESTS += test_cpuid
test_cpuid := vmm/vcpu/cpuid.c tests/host/fake_host.c

UNIT_TESTS += test_firmware
test_firmware := vmm/board/firmware.c vmm/memory/guest_memory.c

UNIT_TESTS += test_control_registers
test_control_registers := $(CORE)

UNIT_TESTS += test_guest_code
test_guest_code := $(CORE)

UNIT_TESTS += test_hypercall
test_hypercall := $(CORE)

UNIT_TESTS += test_io_bus
test_io_bus := vmm/board/io_bus.c

UNIT_TESTS += test_memory_exit
test_memory_exit := $(CORE)

UNIT_TESTS += test_mp_tables
test_mp_tables := vmm/board/mp_tables.c vmm/memory/guest_memory.c

UNIT_TESTS += test_msr
test_msr := $(CORE)

UNIT_TESTS += test_pc
test_pc := $(CORE)

UNIT_TESTS += test_pc_memory
test_pc_memory := $(CORE)

UNIT_TESTS += test_scheduler
test_scheduler := $(CORE)

UNIT_TESTS += test_scheduler_wake
test_scheduler_wake := $(CORE)

UNIT_TESTS += test_vcpu
test_vcpu := $(CORE)

UNIT_TESTS += test_vcpu_apic
test_vcpu_apic := $(CORE)

UNIT_TESTS += test_vcpu_exit
test_vcpu_exit := $(CORE)

UNIT_TESTS += test_vcpu_mail
test_vcpu_mail := $(CORE)

UNIT_TESTS += test_vcpu_posted
test_vcpu_posted := $(CORE)

UNIT_TESTS += test_vcpu_sleep
test_vcpu_sleep := $(CORE)

UNIT_TESTS += test_vcpu_start
test_vcpu_start := $(CORE)

UNIT_TESTS += test_vm
test_vm := $(CORE)

UNIT_TESTS += test_vm_build
test_vm_build := $(CORE)

UNIT_TESTS += test_vm_call
test_vm_call := $(CORE)

UNIT_TESTS += test_vm_hold
test_vm_hold := $(CORE)

UNIT_TESTS += test_vm_starting
test_vm_starting := $(CORE)

# ---- Text and numbers ----
UNIT_TESTS += test_bitmap
UNIT_TESTS += test_format
UNIT_TESTS += test_status
UNIT_TESTS += test_string
UNIT_TESTS += test_us_keyboard

# ---- The machine ----
UNIT_TESTS += test_boot_info
test_boot_info := boot/boot_info.c boot/memory_map.c

FUZZ_TARGETS += fuzz_boot_info
fuzz_boot_info := $(test_boot_info)

UNIT_TESTS += test_acpi
test_acpi := arch/x86/acpi_tables.c arch/x86/acpi_rsdp.c arch/x86/acpi_madt.c \
             arch/x86/acpi_fadt.c arch/x86/acpi_aml.c arch/x86/acpi_spcr.c

UNIT_TESTS += test_clock
test_clock := arch/x86/clock_scale.c arch/x86/mc146818_date.c

UNIT_TESTS += test_cpuid_set
test_cpuid_set := arch/x86/cpuid_set.c

UNIT_TESTS += test_xsave_area
test_xsave_area := arch/x86/xsave_area.c

UNIT_TESTS += test_firmware_switch
test_firmware_switch := arch/x86/firmware_switch.c

UNIT_TESTS += test_framebuffer
test_framebuffer := drivers/framebuffer.c drivers/font.c drivers/text_screen.c

UNIT_TESTS += test_pci_serial
test_pci_serial := drivers/pci_serial.c

UNIT_TESTS += test_ps2_scan_codes
test_ps2_scan_codes := drivers/ps2_scan_codes.c

UNIT_TESTS += test_uart16550
test_uart16550 := drivers/uart16550.c drivers/uart16550_registers.c vmm/devices/uart.c

UNIT_TESTS += test_vga_text
test_vga_text := drivers/text_screen.c

FUZZ_TARGETS += fuzz_acpi
fuzz_acpi := $(test_acpi)

# ---- Parsers: guest memory, configuration, loaders ----
LOADERS := $(wildcard vmm/load/*.c) vmm/memory/guest_map.c vmm/memory/guest_memory.c

LOAD_FIXTURE := tests/host/load/load_fixture.c tests/host/load/load_files.c

UNIT_TESTS += test_guest_map
test_guest_map := vmm/memory/guest_map.c vmm/memory/guest_memory.c

UNIT_TESTS += test_guest_memory
test_guest_memory := vmm/memory/guest_memory.c

UNIT_TESTS += test_config
test_config := $(wildcard vmm/config/*.c) $(LOADERS)

FUZZ_TARGETS += fuzz_config
fuzz_config := $(test_config)

UNIT_TESTS += test_load
test_load := $(LOADERS) $(LOAD_FIXTURE)

UNIT_TESTS += test_load_elf_program
test_load_elf_program := $(LOADERS) $(LOAD_FIXTURE)

UNIT_TESTS += test_load_linux
test_load_linux := $(LOADERS) $(LOAD_FIXTURE)

UNIT_TESTS += test_load_multiboot1
test_load_multiboot1 := $(LOADERS) $(LOAD_FIXTURE)

UNIT_TESTS += test_load_multiboot2
test_load_multiboot2 := $(LOADERS) $(LOAD_FIXTURE)

UNIT_TESTS += test_load_mutations
test_load_mutations := $(LOADERS) $(LOAD_FIXTURE) tests/host/load/load_check.c

FUZZ_TARGETS += fuzz_load
fuzz_load := $(LOADERS) tests/host/load/load_check.c

# ---- Device models ----
FAKE_DEVICE := tests/host/fake_device.c
LAPIC := vmm/devices/lapic.c vmm/devices/lapic_ipi.c vmm/devices/lapic_registers.c \
         vmm/devices/lapic_timer.c
PIT := vmm/devices/pit.c vmm/devices/pit_channel.c
RTC := vmm/devices/rtc.c vmm/devices/rtc_date.c vmm/devices/rtc_interrupts.c
SIMPLE_PORTS := vmm/devices/exit_port.c vmm/devices/reset_control.c vmm/devices/simple_ports.c \
                vmm/devices/system_port.c

FUZZ_TARGETS += fuzz_devices
fuzz_devices := $(LAPIC) $(PIT) $(RTC) $(SIMPLE_PORTS) vmm/devices/acpi_pm.c \
                vmm/devices/hpet.c $(I8042) vmm/devices/ioapic.c vmm/devices/pci_host.c \
                vmm/devices/pic.c vmm/devices/uart.c vmm/devices/vga.c $(FAKE_DEVICE)

UNIT_TESTS += test_acpi_pm
test_acpi_pm := vmm/devices/acpi_pm.c $(FAKE_DEVICE)

UNIT_TESTS += test_hpet
test_hpet := vmm/devices/hpet.c

UNIT_TESTS += test_i8042
test_i8042 := $(I8042) $(FAKE_DEVICE)

UNIT_TESTS += test_ioapic
test_ioapic := vmm/devices/ioapic.c

UNIT_TESTS += test_lapic
test_lapic := $(LAPIC)

UNIT_TESTS += test_lapic_ipi
test_lapic_ipi := $(LAPIC)

UNIT_TESTS += test_lapic_timer
test_lapic_timer := $(LAPIC)

UNIT_TESTS += test_pci_host
test_pci_host := vmm/devices/pci_host.c

UNIT_TESTS += test_pic
test_pic := vmm/devices/pic.c $(FAKE_DEVICE)

UNIT_TESTS += test_pit
test_pit := $(PIT) $(FAKE_DEVICE)

UNIT_TESTS += test_rtc
test_rtc := $(RTC) $(FAKE_DEVICE)

UNIT_TESTS += test_simple_ports
test_simple_ports := $(SIMPLE_PORTS) $(FAKE_DEVICE)

UNIT_TESTS += test_vga
test_vga := vmm/devices/vga.c

UNIT_TESTS += test_uart
test_uart := vmm/devices/uart.c $(FAKE_DEVICE)

DECODER := vmm/emulate/decode.c vmm/emulate/decode_forms.c vmm/emulate/decode_modrm.c

UNIT_TESTS += test_decode
test_decode := $(DECODER)

FUZZ_TARGETS += fuzz_decode
fuzz_decode := $(DECODER)

UNIT_TESTS += test_lock
test_lock :=

UNIT_TESTS += test_nested_table
test_nested_table := arch/x86/nested_table.c

UNIT_TESTS += test_svm_avic
test_svm_avic := arch/svm/svm_avic.c arch/svm/svm_msr_map.c

UNIT_TESTS += test_svm_decode
test_svm_decode := arch/svm/svm_decode.c

FUZZ_TARGETS += fuzz_svm_decode
fuzz_svm_decode := $(test_svm_decode)

UNIT_TESTS += test_svm_invalid
test_svm_invalid := arch/svm/svm_invalid.c

UNIT_TESTS += test_svm_tlb
test_svm_tlb := arch/svm/svm_tlb.c

UNIT_TESTS += test_vmx_common
test_vmx_common := arch/vmx/vmx_common.c

UNIT_TESTS += test_guest_walk
test_guest_walk := vmm/memory/guest_walk.c vmm/memory/guest_memory.c

EMULATOR := $(wildcard vmm/emulate/*.c) vmm/memory/guest_walk.c vmm/memory/guest_memory.c

EMULATE_TEST := $(EMULATOR) tests/host/emulate/emulate_fixture.c tests/host/fake_guest.c

UNIT_TESTS += test_emulate
test_emulate := $(EMULATE_TEST)

UNIT_TESTS += test_emulate_strings
test_emulate_strings := $(EMULATE_TEST)

UNIT_TESTS += test_emulate_faults
test_emulate_faults := $(EMULATE_TEST)

UNIT_TESTS += test_emulate_cache
test_emulate_cache := $(EMULATE_TEST)

FUZZ_TARGETS += fuzz_emulate
fuzz_emulate := $(EMULATOR) tests/host/fake_guest.c
