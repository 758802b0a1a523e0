// SPDX-License-Identifier: MIT
// The table of the registers that GDB is shown.
#include "vmm/debug/gdb/gdb_registers.h"

#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/util/types.h"

// Registers that lie one behind the other in struct gdb_registers, and have the same type.
struct row {
    const char *const *names; // NULL: `prefix`, their number, `suffix`
    const char *prefix;
    const char *suffix;
    const char *type;
    uint16_t at; // in struct gdb_registers
    uint8_t count;
    uint8_t bytes; // of one of them
};

struct feature {
    const char *name;
    const char *types; // XML
    const struct row *rows;
    unsigned count;
};

static const char *const general_names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                            "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                            "r12", "r13", "r14", "r15", "rip"};
static const char *const flags_names[] = {"eflags"};
static const char *const selector_names[] = {"cs", "ss", "ds", "es", "fs", "gs"};
static const char *const x87_names[] = {"fctrl", "fstat", "ftag",  "fiseg",
                                        "fioff", "foseg", "fooff", "fop"};
static const char *const mxcsr_names[] = {"mxcsr"};
static const char *const base_names[] = {"fs_base", "gs_base"};
static const char *const system_names[] = {
    [GDB_CS_BASE] = "cs_base",
    [GDB_SS_BASE] = "ss_base",
    [GDB_DS_BASE] = "ds_base",
    [GDB_ES_BASE] = "es_base",
    [GDB_LDTR] = "ldtr",
    [GDB_LDTR_BASE] = "ldtr_base",
    [GDB_TR] = "tr",
    [GDB_TR_BASE] = "tr_base",
    [GDB_GDTR_BASE] = "gdtr_base",
    [GDB_GDTR_LIMIT] = "gdtr_limit",
    [GDB_IDTR_BASE] = "idtr_base",
    [GDB_IDTR_LIMIT] = "idtr_limit",
    [GDB_CR0] = "cr0",
    [GDB_CR2] = "cr2",
    [GDB_CR3] = "cr3",
    [GDB_CR4] = "cr4",
    [GDB_CR8] = "cr8",
    [GDB_EFER] = "efer",
    [GDB_XCR0] = "xcr0",
    [GDB_DR0] = "dr0",
    [GDB_DR1] = "dr1",
    [GDB_DR2] = "dr2",
    [GDB_DR3] = "dr3",
    [GDB_DR6] = "dr6",
    [GDB_DR7] = "dr7",
    [GDB_PAT] = "pat",
    [GDB_APIC_BASE] = "apic_base",
    [GDB_SYSENTER_CS] = "sysenter_cs",
    [GDB_SYSENTER_ESP] = "sysenter_esp",
    [GDB_SYSENTER_EIP] = "sysenter_eip",
};

static_assert(ARRAY_SIZE(general_names) == GDB_GENERAL, "a name for each");
static_assert(ARRAY_SIZE(selector_names) == GDB_SELECTORS, "a name for each");
static_assert(ARRAY_SIZE(x87_names) == GDB_X87, "a name for each");
static_assert(ARRAY_SIZE(system_names) == GDB_SYSTEM, "a name for each");

#define AT(member) .at = offsetof(struct gdb_registers, member)

static const struct row core_rows[] = {
    {.names = general_names, .type = "int64", AT(general), .count = GDB_GENERAL - 1, .bytes = 8},
    {.names = general_names + GDB_RIP,
     .type = "code_ptr",
     AT(general[GDB_RIP]),
     .count = 1,
     .bytes = 8},
    {.names = flags_names, .type = "i386_eflags", AT(rflags), .count = 1, .bytes = 4},
    {.names = selector_names, .type = "int32", AT(selectors), .count = GDB_SELECTORS, .bytes = 4},
    {.prefix = "st",
     .suffix = "",
     .type = "i387_ext",
     AT(st),
     .count = GDB_X87_REGISTERS,
     .bytes = GDB_X87_BYTES},
    {.names = x87_names, .type = "int", AT(x87), .count = GDB_X87, .bytes = 4},
};

static const struct row sse_rows[] = {
    {.prefix = "xmm", .suffix = "", .type = "vec128", AT(xmm), .count = GDB_VECTORS, .bytes = 16},
    {.names = mxcsr_names, .type = "int", AT(mxcsr), .count = 1, .bytes = 4},
};

static const struct row avx_rows[] = {
    {.prefix = "ymm",
     .suffix = "h",
     .type = "uint128",
     AT(ymm_high),
     .count = GDB_VECTORS,
     .bytes = 16},
};

static const struct row segment_rows[] = {
    {.names = base_names, .type = "int64", AT(fs_base), .count = 2, .bytes = 8},
};

static const struct row system_rows[] = {
    {.names = system_names, .type = "int64", AT(system), .count = GDB_SYSTEM, .bytes = 8},
};

static const char eflags_type[] =
    "<flags id=\"i386_eflags\" size=\"4\">"
    "<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
    "<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
    "<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
    "<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
    "<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
    "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"VM\" start=\"17\" end=\"17\"/>"
    "<field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"VIF\" start=\"19\" end=\"19\"/>"
    "<field name=\"VIP\" start=\"20\" end=\"20\"/><field name=\"ID\" start=\"21\" end=\"21\"/>"
    "</flags>";

static const char vector_types[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
    "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
    "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
    "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
    "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>";

static const struct feature features[] = {
    {"org.gnu.gdb.i386.core", eflags_type, core_rows, ARRAY_SIZE(core_rows)},
    {"org.gnu.gdb.i386.sse", vector_types, sse_rows, ARRAY_SIZE(sse_rows)},
    {"org.gnu.gdb.i386.avx", "", avx_rows, ARRAY_SIZE(avx_rows)},
    {"org.gnu.gdb.i386.segments", "", segment_rows, ARRAY_SIZE(segment_rows)},
    {"husk.system", "", system_rows, ARRAY_SIZE(system_rows)},
};

uint8_t *gdb_register_at(struct gdb_registers *registers, unsigned number, unsigned *bytes)
{
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        for (unsigned j = 0; j < features[i].count; j++) {
            const struct row *row = &features[i].rows[j];
            if (number < row->count) {
                *bytes = row->bytes;
                return (uint8_t *)registers + row->at + (size_t)number * row->bytes;
            }
            number -= row->count;
        }
    }
    return NULL;
}

static void describe_row(struct gdb_writer *writer, const struct row *row)
{
    for (unsigned i = 0; i < row->count; i++) {
        gdb_write_text(writer, "<reg name=\"");
        if (row->names) {
            gdb_write_text(writer, row->names[i]);
        } else {
            gdb_write_format(writer, "%s%u%s", row->prefix, i, row->suffix);
        }
        gdb_write_format(writer, "\" bitsize=\"%u\" type=\"%s\"/>", row->bytes * 8U, row->type);
    }
}

void gdb_registers_describe(struct gdb_writer *writer)
{
    gdb_write_text(writer, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                           "<target><architecture>i386:x86-64</architecture>");
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        gdb_write_format(writer, "<feature name=\"%s\">", features[i].name);
        gdb_write_text(writer, features[i].types);
        for (unsigned j = 0; j < features[i].count; j++) {
            describe_row(writer, &features[i].rows[j]);
        }
        gdb_write_text(writer, "</feature>");
    }
    gdb_write_text(writer, "</target>");
}
