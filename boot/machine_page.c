// SPDX-License-Identifier: MIT
// Collects what the parts of Husk know of the machine.
#include "boot/machine_page.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpu_model.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/errata.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/frames.h"
#include "arch/x86/guest_frames.h"
#include "arch/x86/time.h"
#include "arch/x86/tsc_rate.h"
#include "boot/boot_info.h"
#include "boot/consoles.h"
#include "boot/paragraph.h"
#include "vmm/backend.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"

#define TEXT_BYTES 100
#define HYPERVISOR_NAME 12

// Features are told in one paragraph, what is missing in another one at the end. So each list is
// gone through twice.
struct features {
    struct feature_sink sink;
    struct paragraph *paragraph;
    bool missing; // shows those that are missing
};

static void add_feature(struct feature_sink *sink, const char *name, bool present,
                        const char *remark)
{
    const struct features *features = container_of(sink, struct features, sink);
    if (present != features->missing) {
        paragraph_add(features->paragraph, "%s%s%s", name, remark[0] != '\0' ? ": " : "", remark);
    }
}

// What Husk itself uses of the CPU, beside virtualization.
static void list_features(struct feature_sink *sink)
{
    const struct cpuid_registers basic = cpuid(CPUID_FEATURES, 0);
    const struct cpuid_registers structured = cpuid_checked(CPUID_STRUCTURED_FEATURES, 0);
    const struct cpuid_registers extended = cpuid_checked(CPUID_EXTENDED_FEATURES, 0);
    const struct cpuid_registers power = cpuid_checked(CPUID_ADVANCED_POWER, 0);
    const struct {
        const char *name;
        uint64_t present;
        enum optional_feature feature;
        const char *without;
    } features[] = {
        {"NX", extended.edx & CPUID_80000001_EDX_NX, OPTIONAL_COUNT, "Husk's data is executable"},
        {"SMEP", structured.ebx & CPUID_7_EBX_SMEP, OPTIONAL_SMEP, ""},
        {"SMAP", structured.ebx & CPUID_7_EBX_SMAP, OPTIONAL_SMAP, ""},
        {"UMIP", structured.ecx & CPUID_7_ECX_UMIP, OPTIONAL_UMIP, ""},
        {"global pages", basic.edx & CPUID_1_EDX_PGE, OPTIONAL_GLOBAL_PAGES, ""},
        {"1 GiB pages", extended.edx & CPUID_80000001_EDX_PAGE_1G, OPTIONAL_PAGES_1G,
         "RAM is mapped by 2 MiB"},
        {"XSAVE", basic.ecx & CPUID_1_ECX_XSAVE, OPTIONAL_XSAVE, "guests have no AVX"},
        {"invariant TSC", power.edx & CPUID_80000007_EDX_INVARIANT_TSC, OPTIONAL_COUNT,
         "the clock may go wrong"},
        {"TSC_ADJUST", structured.ebx & CPUID_7_EBX_TSC_ADJUST, OPTIONAL_TSC_ADJUST,
         "TSCs are corrected by writing them"},
        {"machine checks", basic.edx & CPUID_1_EDX_MCA, OPTIONAL_COUNT,
         "hardware errors go unseen"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        bool present = features[i].present && !feature_is_off(features[i].feature);
        sink->feature(sink, features[i].name, present,
                      present ? "" : feature_remark(features[i].feature, features[i].without));
    }
}

static unsigned count_cpus_with_guests(const struct vmm *vmm)
{
    unsigned count = 0;
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        count += vmm->runs_guests[cpu];
    }
    return count;
}

static void add_hypervisor(struct paragraph *paragraph)
{
    char name[HYPERVISOR_NAME + 1] = "";
    if (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_HYPERVISOR) {
        const struct cpuid_registers first = cpuid(CPUID_HYPERVISOR, 0);
        memcpy(name, &first.ebx, HYPERVISOR_NAME);
        paragraph_add(paragraph, "a hypervisor below: \"%s\"", name);
    }
}

static void show_cpus(const struct acpi_info *acpi, const struct vmm *vmm, struct line_sink *sink)
{
    const struct cpu_model model = cpu_model_read();
    struct paragraph paragraph;
    char name[CPU_NAME_BYTES];
    cpu_name_read(name);
    paragraph_begin(&paragraph, sink, "CPUs");
    paragraph_add(&paragraph, "%s", name[0] != '\0' ? name : "no name");
    paragraph_add(&paragraph, "family %#x, model %#x, stepping %u", model.family, model.model,
                  model.stepping);
    paragraph_add(&paragraph, "microcode %#x", cpu_microcode_read());
    paragraph_add(&paragraph, "%u run, %u of them guests", cpu_count(),
                  count_cpus_with_guests(vmm));
    if (acpi->processor_count > cpu_count()) {
        paragraph_add(&paragraph, "%u do not run", acpi->processor_count - cpu_count());
    }
    add_hypervisor(&paragraph);
    paragraph_end(&paragraph);
}

static void show_features(const struct vmm *vmm, struct line_sink *sink)
{
    struct paragraph paragraph;
    struct features features = {.sink = {.feature = add_feature}, .paragraph = &paragraph};
    paragraph_begin(&paragraph, sink, "features");
    list_features(&features.sink);
    paragraph_end(&paragraph);
    paragraph_begin(&paragraph, sink, vmm->ops ? vmm->ops->name : "guests");
    if (vmm->ops) {
        vmm->ops->summarize(&features.sink);
    } else {
        paragraph_add(&paragraph, "none: %s", vmm->no_guests.text);
    }
    paragraph_end(&paragraph);
}

static void show_missing(const struct vmm *vmm, struct line_sink *sink)
{
    struct paragraph paragraph;
    struct features features = {
        .sink = {.feature = add_feature}, .paragraph = &paragraph, .missing = true};
    paragraph_begin(&paragraph, sink, "missing");
    list_features(&features.sink);
    if (vmm->ops) {
        vmm->ops->summarize(&features.sink);
    }
    paragraph_end(&paragraph);
}

static void show_errata(struct line_sink *sink)
{
    struct paragraph paragraph;
    char text[TEXT_BYTES];
    unsigned next = 0;
    paragraph_begin(&paragraph, sink, "errata");
    while (errata_describe(&next, text, sizeof(text))) {
        paragraph_add(&paragraph, "%s", text);
    }
    if (!paragraph.has_item) {
        paragraph_add(&paragraph, "none that Husk knows");
    }
    paragraph_end(&paragraph);
}

static void show_clocks(const struct acpi_info *acpi, struct line_sink *sink)
{
    struct paragraph paragraph;
    char text[TEXT_BYTES];
    paragraph_begin(&paragraph, sink, "clocks");
    for (unsigned next = 0; tsc_rate_describe(&next, text, sizeof(text));) {
        paragraph_add(&paragraph, "%s", text);
    }
    paragraph_add(&paragraph, "APIC timer %s",
                  time_has_deadline_mode() ? "with TSC deadlines" : "that counts down");
    paragraph_add(&paragraph, "%s", acpi->pm_timer.present ? "PM timer" : "no PM timer");
    paragraph_add(&paragraph, "%s", acpi->hpet.present ? "HPET" : "no HPET");
    paragraph_end(&paragraph);
}

static void show_interrupts(const struct acpi_info *acpi, struct line_sink *sink)
{
    struct paragraph paragraph;
    paragraph_begin(&paragraph, sink, "interrupts");
    paragraph_add(&paragraph, "local APICs in %s mode%s", apic_is_x2apic() ? "x2APIC" : "xAPIC",
                  acpi->x2apic_unwanted ? " (the firmware wants xAPIC)" : "");
    if (acpi->io_apic_count > 0) {
        paragraph_add(&paragraph, "%u I/O APICs", acpi->io_apic_count);
    } else {
        paragraph_add(&paragraph, "no I/O APIC: devices are polled");
    }
    paragraph_end(&paragraph);
}

static void show_firmware(const struct boot_info *boot, const struct acpi_info *acpi,
                          struct line_sink *sink)
{
    struct paragraph paragraph;
    paragraph_begin(&paragraph, sink, "firmware");
    paragraph_add(&paragraph, "%s, %s", boot->efi ? "UEFI" : "BIOS", boot->loader);
    paragraph_add(&paragraph, "ACPI:%s%s%s%s%s", acpi->has_madt ? " MADT" : " no MADT: one CPU",
                  acpi->has_fadt ? " FADT" : "", acpi->hpet.present ? " HPET" : "",
                  acpi->serial.present ? " SPCR" : "", acpi->has_s5 ? " _S5" : "");
    if (acpi->tables_rejected > 0) {
        paragraph_add(&paragraph, "%u broken tables", acpi->tables_rejected);
    }
    if (!acpi->has_s5) {
        paragraph_add(&paragraph, "no power-off by ACPI");
    }
    paragraph_end(&paragraph);
    paragraph_begin(&paragraph, sink, "memory");
    paragraph_add(&paragraph, "%llu MiB for guests", guest_frames_total_bytes() / MIB);
    paragraph_add(&paragraph, "%llu MiB for Husk", frames_total_bytes() / MIB);
    paragraph_end(&paragraph);
}

void machine_page_show(const struct boot_info *boot, const struct acpi_info *acpi,
                       const struct vmm *vmm, struct line_sink *sink)
{
    show_cpus(acpi, vmm, sink);
    show_features(vmm, sink);
    show_errata(sink);
    show_clocks(acpi, sink);
    show_interrupts(acpi, sink);
    show_firmware(boot, acpi, sink);
    consoles_describe(sink);
    show_missing(vmm, sink);
}
