// SPDX-License-Identifier: MIT
// Copies the names and addresses of Husk's functions from the ELF symbol table.
#include "arch/x86/symbols_load.h"

#include "arch/x86/frames.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/symbols.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define TYPE_NONE 0 // STT_NOTYPE: labels of assembly
#define TYPE_FUNCTION 2

// Elf64_Sym
struct elf_symbol {
    uint32_t name;
    uint8_t info; // type in bits 0-3
    uint8_t other;
    uint16_t section;
    uint64_t value;
    uint64_t size;
};

static_assert(sizeof(struct elf_symbol) == 24, "System V ABI, Elf64_Sym");

extern const char text_start[]; // linker.ld
extern const char text_end[];

static struct symbol *symbols;
static unsigned symbol_count;
static const char *names;
static uint64_t names_bytes;

static uint64_t pages_of(uint64_t bytes)
{
    return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

// The boot code's map ends at 4 GiB.
static bool is_reachable(const struct memory_span *span)
{
    return span->bytes != 0 && span->start < 4 * GIB && span->bytes < 4 * GIB - span->start;
}

// NASM calls local labels "function.label".
static bool is_local_label(const char *name)
{
    while (*name != '\0' && *name != '.') {
        name++;
    }
    return *name == '.';
}

static bool is_function(const struct elf_symbol *symbol)
{
    if (symbol->value < (uintptr_t)text_start || symbol->value >= (uintptr_t)text_end ||
        symbol->name == 0 || symbol->name >= names_bytes) {
        return false;
    }
    unsigned type = symbol->info & 0xf;
    return type == TYPE_FUNCTION || (type == TYPE_NONE && !is_local_label(names + symbol->name));
}

static bool is_greater(const struct symbol *a, const struct symbol *b)
{
    return a->offset > b->offset;
}

// Moves symbols[at] down in the heap of `count` entries. The largest entry is symbols[0].
static void sift(unsigned at, unsigned count)
{
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && is_greater(&symbols[child + 1], &symbols[child])) {
            child++;
        }
        if (!is_greater(&symbols[child], &symbols[at])) {
            return;
        }
        struct symbol moved = symbols[at];
        symbols[at] = symbols[child];
        symbols[child] = moved;
        at = child;
    }
}

static void sort(void)
{
    for (unsigned at = symbol_count / 2; at > 0; at--) {
        sift(at - 1, symbol_count);
    }
    for (unsigned left = symbol_count; left > 1; left--) {
        struct symbol largest = symbols[0];
        symbols[0] = symbols[left - 1];
        symbols[left - 1] = largest;
        sift(0, left - 1);
    }
}

static unsigned count_functions(const struct elf_symbol *table, uint64_t count)
{
    unsigned functions = 0;
    for (uint64_t i = 0; i < count; i++) {
        functions += is_function(&table[i]);
    }
    return functions;
}

static void copy_functions(const struct elf_symbol *table, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (is_function(&table[i])) {
            symbols[symbol_count++] =
                (struct symbol){.offset = (uint32_t)(table[i].value - (uintptr_t)text_start),
                                .name = table[i].name};
        }
    }
}

void symbols_load(const struct memory_span *table, const struct memory_span *texts)
{
    if (!is_reachable(table) || !is_reachable(texts)) {
        return;
    }
    const struct elf_symbol *entries = frames_virtual(table->start);
    uint64_t count = table->bytes / sizeof(*entries);
    char *copy = frames_allocate(pages_of(texts->bytes));
    if (!copy) {
        return;
    }
    names = copy;
    names_bytes = texts->bytes;
    memcpy(copy, frames_virtual(texts->start), names_bytes);
    copy[names_bytes - 1] = '\0';

    symbols = frames_allocate(pages_of(count_functions(entries, count) * sizeof(*symbols)));
    if (!symbols) {
        return;
    }
    copy_functions(entries, count);
    sort();
    symbols_use(symbols, symbol_count, names);
}
