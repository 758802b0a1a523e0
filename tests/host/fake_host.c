// SPDX-License-Identifier: MIT
// The fake machine: host memory comes from malloc, guest RAM from mmap, and everything is counted.
#define _DEFAULT_SOURCE // MAP_ANONYMOUS
#include "tests/host/fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "vmm/devices/device.h"
#include "vmm/util/string.h"

#define FRAMES_OF_A_SPACE (1ULL << 40) // the frames of space n have addresses from n TiB on

struct fake_host fake_host;

bool fake_host_step_fails(void)
{
    return ++fake_host.steps == fake_host.failing_step;
}

// ---- Time and CPUs ----

static uint64_t now_ns(void)
{
    return fake_host.now_ns;
}

static void set_deadline(uint64_t ns)
{
    fake_host.deadline_ns = ns;
}

static void kick_posted(unsigned cpu)
{
    __atomic_add_fetch(&fake_host.posted_kicks[cpu], 1, __ATOMIC_SEQ_CST);
}

static void kick(unsigned cpu)
{
    assert_in_range(cpu, 0, fake_host.cpus - 1);
    fake_host.kicks[cpu]++;
}

static unsigned cpu_count(void)
{
    return fake_host.cpus;
}

static unsigned this_cpu(void)
{
    return fake_host.cpu;
}

// Each run of a fake guest ends by an interrupt of the host, unless the test says otherwise.
static bool disturbed(void)
{
    return !fake_host.undisturbed;
}

static bool answers(unsigned cpu)
{
    assert_in_range(cpu, 0, fake_host.cpus - 1);
    return !fake_host.stuck[cpu];
}

static enum status call_on(unsigned cpu, void (*call)(void *), void *argument)
{
    unsigned caller = fake_host.cpu;
    fake_host.calls++;
    if (!answers(cpu)) {
        return STATUS_BUSY;
    }
    fake_host.cpu = cpu;
    call(argument);
    fake_host.cpu = caller;
    return STATUS_OK;
}

static uint64_t tsc(void)
{
    return fake_host.now_ns * fake_host.tsc_ghz;
}

static uint64_t tsc_hz(void)
{
    return fake_host.tsc_ghz * 1000000000 + fake_host.tsc_hz_more;
}

static uint64_t ns_at_tsc(uint64_t value)
{
    return value / fake_host.tsc_ghz;
}

static uint64_t wall_clock_s(void)
{
    return 1767225599 + fake_host.now_ns / 1000000000; // 2026-01-01, 1 s after boot
}

static bool random_words(uint64_t *to, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        to[i] = ++fake_host.random;
    }
    return !fake_host.has_no_random;
}

// ---- The hypervisor's memory ----

static void *allocate(uint64_t bytes)
{
    uint64_t whole = ALIGN_UP(bytes, PAGE_SIZE);
    if (fake_host_step_fails()) {
        return NULL;
    }
    fake_host.operations++;
    void *memory = aligned_alloc(PAGE_SIZE, whole);

    assert_non_null(memory);
    memset(memory, 0, whole);
    fake_host.live_allocations++;
    fake_host.live_bytes += bytes;
    return memory;
}

static void release(void *memory, uint64_t bytes)
{
    assert_non_null(memory);
    fake_host.operations++;
    assert_true(fake_host.live_allocations > 0 && fake_host.live_bytes >= bytes);
    fake_host.live_allocations--;
    fake_host.live_bytes -= bytes;
    free(memory);
}

// ---- Guest memory ----

static uint64_t ram_bytes(const struct host_space *space)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < space->extent_count; i++) {
        bytes += space->extents[i].bytes;
    }
    return bytes;
}

static uint64_t space_bytes(const struct host_space *space)
{
    uint64_t end = 0;
    for (unsigned i = 0; i < space->extent_count; i++) {
        end = MAX(end, space->extents[i].gpa.value + space->extents[i].bytes);
    }
    return end;
}

static void protect(const struct host_space *space, int protection)
{
    for (unsigned i = 0; i < space->extent_count; i++) {
        const struct guest_extent *extent = &space->extents[i];

        assert_int_equal(
            mprotect((void *)(space->window + extent->gpa.value), extent->bytes, protection), 0);
    }
}

static enum status space_reserve(struct host_space *space, const struct guest_extent *extents,
                                 unsigned count, struct reason *why)
{
    struct host_space made = {.extent_count = count};
    assert_in_range(count, 1, GUEST_EXTENTS);
    memcpy(made.extents, extents, count * sizeof(*extents));
    if (space->cr3) { // it keeps what it has
        assert_memory_equal(space->extents, made.extents, sizeof(made.extents));
        uint64_t missing = space->holes * HOST_UNIT_BYTES;
        if (missing > 0 && fake_host.space_bytes + missing > fake_host.guest_bytes) {
            return refuse(why, STATUS_NO_MEMORY, "no frames for what was given away");
        }
        fake_host.space_bytes += missing;
        space->holes = 0;
        return STATUS_OK;
    }
    if (fake_host_step_fails() || space_bytes(&made) > fake_host.guest_bytes) {
        return refuse(why, STATUS_NO_MEMORY, "no frames for the guest's memory");
    }
    void *window = mmap(NULL, space_bytes(&made), PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_ptr_not_equal(window, MAP_FAILED);
    void *store = mmap(NULL, FAKE_STORE_BYTES_MAX, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_ptr_not_equal(store, MAP_FAILED);
    made.window = (uint64_t)window;
    made.store = (uint64_t)store;
    made.cr3 = ++fake_host.spaces_made * PAGE_SIZE;
    fake_host.live_spaces++;
    fake_host.space_bytes += ram_bytes(&made);
    *space = made;
    return STATUS_OK;
}

static enum status space_ram(struct host_space *space, gpa_t from, struct host_run *run)
{
    uint64_t longest = fake_host.frame_run * PAGE_SIZE;
    fake_host.operations++;
    assert_int_not_equal(space->cr3, 0);
    *run = (struct host_run){.bytes = 0};
    for (unsigned i = 0; i < space->extent_count && run->bytes == 0; i++) {
        const struct guest_extent *extent = &space->extents[i];
        uint64_t end = extent->gpa.value + extent->bytes;

        if (from.value < end) {
            run->gpa.value = MAX(from.value, extent->gpa.value);
            run->hpa.value = space->cr3 / PAGE_SIZE * FRAMES_OF_A_SPACE + run->gpa.value;
            run->bytes = end - run->gpa.value;
            run->bytes = MIN(run->bytes, longest ? longest - run->gpa.value % longest : UINT64_MAX);
        }
    }
    if (run->bytes == 0 || run->gpa.value < space->ram_end) {
        return STATUS_OK;
    }
    if (fake_host_step_fails()) {
        return STATUS_NO_MEMORY;
    }
    space->ram_end = run->gpa.value + run->bytes;
    return STATUS_OK;
}

// Zeroes the memory, so whatever was written there is gone.
static void space_zero(const struct host_space *space, gpa_t gpa, uint64_t bytes)
{
    bool inside = false;
    assert_true(bytes > 0 && IS_ALIGNED(gpa.value | bytes, PAGE_SIZE));
    for (unsigned i = 0; i < space->extent_count; i++) {
        uint64_t offset = gpa.value - space->extents[i].gpa.value;

        inside = inside ||
                 (offset < space->extents[i].bytes && bytes <= space->extents[i].bytes - offset);
    }
    assert_true(inside);
    fake_host.operations++;
    assert_int_equal(madvise((void *)(space->window + gpa.value), bytes, MADV_DONTNEED), 0);
    fake_host.zeroed_bytes += bytes;
    fake_host.now_ns += bytes / KIB * fake_host.zero_ns_per_kib;
}

// What was in the unit is gone; Husk may touch what stands in for it.
static void space_make_hole(struct host_space *space, gpa_t gpa)
{
    assert_true(space->in_units && IS_ALIGNED(gpa.value, HOST_UNIT_BYTES));
    assert_true(gpa.value + HOST_UNIT_BYTES <= space->ram_end);
    assert_int_equal(madvise((void *)(space->window + gpa.value), HOST_UNIT_BYTES, MADV_DONTNEED),
                     0);
    space->holes++;
    fake_host.space_bytes -= HOST_UNIT_BYTES;
}

static bool space_fill_hole(struct host_space *space, gpa_t gpa)
{
    assert_true(space->holes > 0 && IS_ALIGNED(gpa.value, HOST_UNIT_BYTES));
    if (fake_host_step_fails() || fake_host.space_bytes + HOST_UNIT_BYTES > fake_host.guest_bytes) {
        return false;
    }
    space->holes--;
    fake_host.space_bytes += HOST_UNIT_BYTES;
    return true;
}

// A piece is 1 MiB.
static bool space_empty(struct host_space *space)
{
    if (space->cr3 == 0) {
        return true;
    }
    fake_host.operations++;
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        assert_int_not_equal(space->cr3, fake_host.cr3[cpu]); // no CPU is in the space
    }
    space->ram_end -= MIN(space->ram_end, MIB);
    return space->ram_end == 0;
}

static bool space_destroy(struct host_space *space)
{
    if (space->cr3 == 0) {
        return true;
    }
    if (space->ram_end > 0) {
        (void)space_empty(space);
        return false;
    }
    (void)space_empty(space);
    assert_int_equal(munmap((void *)space->window, space_bytes(space)), 0);
    assert_int_equal(munmap((void *)space->store, FAKE_STORE_BYTES_MAX), 0);
    fake_host.live_spaces--;
    fake_host.space_bytes -= ram_bytes(space) + space->store_bytes - space->holes * HOST_UNIT_BYTES;
    *space = (struct host_space){0};
    return true;
}

static uint64_t space_grow_store(struct host_space *space)
{
    fake_host.operations++;
    assert_int_equal(space->cr3, fake_host.cr3[fake_host.cpu]);
    if (fake_host_step_fails() || space->store_bytes + FAKE_STORE_GROWTH > FAKE_STORE_BYTES_MAX) {
        return 0;
    }
    space->store_bytes += FAKE_STORE_GROWTH;
    fake_host.space_bytes += FAKE_STORE_GROWTH;
    return FAKE_STORE_GROWTH;
}

// A module's machine address is its address in the test program.
static const uint8_t *space_map_module(struct host_space *space, hpa_t start, uint64_t bytes)
{
    assert_int_not_equal(space->cr3, 0);
    assert_true(bytes > 0);
    fake_host.operations++;
    return fake_host_step_fails() ? NULL : (const uint8_t *)start.value;
}

static const struct host_space *entered[FAKE_CPUS_MAX];

static bool anyone_is_in(uint64_t cr3)
{
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        if (fake_host.cr3[cpu] == cr3) {
            return true;
        }
    }
    return false;
}

static void space_enter(const struct host_space *space)
{
    uint64_t *cr3 = &fake_host.cr3[fake_host.cpu];
    uint64_t left = *cr3;
    *cr3 = space ? space->cr3 : 0;
    if (left && !anyone_is_in(left)) {
        protect(entered[fake_host.cpu], PROT_NONE);
    }
    entered[fake_host.cpu] = space;
    if (space) {
        assert_int_not_equal(space->cr3, 0);
        protect(space, PROT_READ | PROT_WRITE);
    }
}

static struct host_memory_use memory_use(void)
{
    return (struct host_memory_use){.guest_bytes = fake_host.guest_bytes,
                                    .guest_free = fake_host.guest_bytes - fake_host.space_bytes,
                                    .hypervisor_bytes = 32 * MIB,
                                    .hypervisor_free = 3 * MIB + 512 * KIB};
}

void fake_host_check_leaks(void)
{
    assert_int_equal(fake_host.live_allocations, 0);
    assert_int_equal(fake_host.live_bytes, 0);
    assert_int_equal(fake_host.live_spaces, 0);
}

// ---- The CPU ----

struct cpuid_registers *fake_host_cpuid(uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < fake_host.cpuid_count; i++) {
        if (fake_host.cpuid[i].leaf == leaf && fake_host.cpuid[i].subleaf == subleaf) {
            return &fake_host.cpuid[i].registers;
        }
    }
    return NULL;
}

void fake_host_set_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_registers registers)
{
    struct cpuid_registers *known = fake_host_cpuid(leaf, subleaf);
    if (known) {
        *known = registers;
        return;
    }
    assert_true(fake_host.cpuid_count < FAKE_CPUID_LEAVES);
    fake_host.cpuid[fake_host.cpuid_count++] = (struct fake_cpuid){leaf, subleaf, registers};
}

static struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    const struct cpuid_registers *registers = fake_host_cpuid(leaf, subleaf);
    return registers ? *registers : (struct cpuid_registers){0};
}

static uint64_t xcr0_mask(void)
{
    return fake_host.xcr0_mask;
}

// Everything that such a CPU has, VMX and MONITOR too. Husk must hide what guests may not see.
static const struct fake_cpuid skylake[] = {
    {0x0, 0, {0x16, 0x756e6547, 0x6c65746e, 0x49656e69}},
    {0x1, 0, {0x00050654, 0x03200800, 0x7ffefbff, 0xbfebfbff}},
    {0x2, 0, {0x76036301, 0x00f0b5ff, 0, 0x00c30000}},
    {0x4, 0, {0x7c004121, 0x01c0003f, 0x3f, 0}},
    {0x4, 1, {0x7c004122, 0x01c0003f, 0x3f, 0}},
    {0x4, 2, {0x7c004143, 0x03c0003f, 0x3ff, 0}},
    {0x4, 3, {0x7c03c163, 0x0280003f, 0x4fff, 4}},
    {0x6, 0, {0x77, 2, 9, 0}},
    {0x7, 0, {0, 0xd39ffffb, 0x0000001c, 0x0c000400}},
    {0xb, 0, {1, 2, 0x100, 3}},
    {0xb, 1, {5, 32, 0x201, 3}},
    {0xd, 0, {0x2ff, 0xa88, 0xa88, 0}},
    {0xd, 1, {0xf, 0xa08, 0x100, 0}},
    {0xd, 2, {0x100, 0x240, 0, 0}},
    {0xd, 3, {0x40, 0x3c0, 0, 0}},
    {0xd, 4, {0x40, 0x400, 0, 0}},
    {0xd, 5, {0x40, 0x440, 0, 0}},
    {0xd, 6, {0x200, 0x480, 0, 0}},
    {0xd, 7, {0x400, 0x680, 0, 0}},
    {0xd, 9, {0x8, 0xa80, 0, 0}},
    {0x80000000, 0, {0x80000008, 0, 0, 0}},
    {0x80000001, 0, {0, 0, 0x121, 0x2c100800}},
    {0x80000002, 0, {0x65746e49, 0x2952286c, 0x6f655820, 0x2952286e}},
    {0x80000006, 0, {0, 0, 0x01006040, 0}},
    {0x80000007, 0, {0, 0, 0, 0x100}},
    {0x80000008, 0, {0x302e, 0, 0, 0}},
};

// ---- The log ----

static void log_line(const char *line)
{
    text_copy(fake_host.log[fake_host.log_lines++ % FAKE_LOG_LINES], FAKE_LOG_COLUMNS, line);
    assert_null(strchr(line, '\n'));
}

unsigned fake_host_logged(const char *text)
{
    unsigned found = 0;
    for (unsigned i = 0; i < MIN(fake_host.log_lines, FAKE_LOG_LINES); i++) {
        found += strstr(fake_host.log[i], text) ? 1 : 0;
    }
    return found;
}

void fake_host_init(void)
{
    static const struct host host = {.now_ns = now_ns,
                                     .set_deadline = set_deadline,
                                     .kick = kick,
                                     .kick_posted = kick_posted,
                                     .disturbed = disturbed,
                                     .cpu_count = cpu_count,
                                     .this_cpu = this_cpu,
                                     .call = call_on,
                                     .answers = answers,
                                     .allocate = allocate,
                                     .release = release,
                                     .space_reserve = space_reserve,
                                     .space_ram = space_ram,
                                     .space_zero = space_zero,
                                     .space_make_hole = space_make_hole,
                                     .space_fill_hole = space_fill_hole,
                                     .space_empty = space_empty,
                                     .space_destroy = space_destroy,
                                     .space_grow_store = space_grow_store,
                                     .space_map_module = space_map_module,
                                     .space_enter = space_enter,
                                     .memory_use = memory_use,
                                     .cpuid = cpuid,
                                     .xcr0_mask = xcr0_mask,
                                     .tsc = tsc,
                                     .tsc_hz = tsc_hz,
                                     .ns_at_tsc = ns_at_tsc,
                                     .log = log_line,
                                     .wall_clock_s = wall_clock_s,
                                     .random = random_words};
    static_assert(ARRAY_SIZE(skylake) < FAKE_CPUID_LEAVES, "tests add some");
    fake_host = (struct fake_host){.host = host,
                                   .now_ns = 1000000000,
                                   .deadline_ns = NEVER_NS,
                                   .cpus = 2,
                                   .guest_bytes = 64 * MIB,
                                   .xcr0_mask = 0x2e7,
                                   .tsc_ghz = 2,
                                   .cpuid_count = ARRAY_SIZE(skylake)};
    memcpy(fake_host.cpuid, skylake, sizeof(skylake));
}
