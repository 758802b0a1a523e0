// SPDX-License-Identifier: MIT
// Shows what the back end has noted of a vCPU's last exits.
#include "vmm/debug/flight_text.h"

#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/host.h"
#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/types.h"

#define LOGGED_EXITS 16
#define DETAIL_BYTES 40

struct log_sink {
    struct line_sink sink;
    void (*log)(const char *line);
};

static void log_line(struct line_sink *sink, const char *text)
{
    container_of(sink, struct log_sink, sink)->log(text);
}

static uint64_t time_at(const struct flight *flight, unsigned place)
{
    place %= FLIGHT_EXITS;
    return (uint64_t)flight->time_high[place] << 32 | flight->time_low[place];
}

static const char *detail_name(enum exit_kind kind)
{
    switch (kind) {
    case EXIT_IO:
        return "port";
    case EXIT_MEMORY:
        return "address";
    case EXIT_READ_MSR:
    case EXIT_WRITE_MSR:
        return "MSR";
    case EXIT_CONTROL_REGISTER:
        return "CR";
    case EXIT_EXCEPTION:
        return "vector";
    default:
        return NULL;
    }
}

static void show_exit(const struct flight *flight, unsigned place, uint64_t ago_us,
                      struct line_sink *sink)
{
    enum exit_kind kind = flight->kind[place];
    const char *name = detail_name(kind);
    char detail[DETAIL_BYTES] = "";
    if (name) {
        format_text(detail, sizeof(detail), ", %s 0x%llx", name,
                    (unsigned long long)flight->detail[place]);
    }
    line_sink_format(sink, "%12llu us ago  RIP 0x%016llx  %s%s", (unsigned long long)ago_us,
                     (unsigned long long)flight->rip[place],
                     kind < EXIT_KINDS ? exit_kind_name(kind) : "?", detail);
}

void flight_show(const struct flight *flight, unsigned newest, unsigned count, uint64_t tsc,
                 uint64_t tsc_hz, struct line_sink *sink)
{
    uint64_t ticks_a_us = MAX(tsc_hz / 1000000, 1);
    for (unsigned i = MIN(count, FLIGHT_EXITS); i-- > 0;) {
        unsigned place = (newest + i) % FLIGHT_EXITS;
        uint64_t time = time_at(flight, place);
        if (time != 0) {
            show_exit(flight, place, (MAX(tsc, time) - time) / ticks_a_us, sink);
        }
    }
}

void flight_log(struct vcpu_core *vcpu, const struct vcpu_ops *ops, const struct host *host,
                void (*log)(const char *line))
{
    struct log_sink sink = {.sink.line = log_line, .log = log};
    unsigned newest = flight_place(vcpu);
    if (time_at(&vcpu->flight, newest) > time_at(&vcpu->flight, newest + 1)) {
        flight_note_rip(vcpu, ops->get_register(vcpu, REG_RIP)); // the back end may not have yet
    } else {
        newest++; // between two exits
    }
    line_sink_format(&sink.sink, "  its last exits:");
    flight_show(&vcpu->flight, newest, LOGGED_EXITS, host->tsc(), host->tsc_hz(), &sink.sink);
}
