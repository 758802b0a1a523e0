# SPDX-License-Identifier: MIT
"""The exit path is as short as it is meant to be: the bench guest against each machine's limits.

What Linux' boot costs, and what greedy VMs leave for others, `make bench` measures. Here is only
whether it counts and judges right.
"""

import pytest

import bench
import bench_fairness
import bench_latency
import bench_linux
import bench_traffic


@pytest.mark.parametrize("bed", bench.BENCHES)
def test_exits_stay_within_their_limits(build, bed):
    ticks = bench.measure(build, bed)
    print(bench.table(bench.BENCHES[bed], ticks))
    assert not bench.too_slow(bench.BENCHES[bed], ticks)


def test_a_row_that_is_too_greedy_is_told():
    fair, result = bench_fairness.Result(500, 0), bench_fairness.Result(470, 11001, 301)
    row = bench_fairness.ROWS["exits"]
    assert bench_fairness.too_greedy("exits", row, result, fair) == [
        "exits: 94 % of the fair share, not 95",
        "exits: a gap of 11001 us, not 11 ms",
    ]
    assert bench_fairness.too_greedy("hogs", bench_fairness.PROMPT, result, fair) == [
        "hogs: 94 % of the fair share, not 95",
        "hogs: wakes after 301 us, not 300",
    ]
    assert bench_fairness.too_greedy("exits", row, None, fair) == ["exits: not measured"]
    assert not bench_fairness.too_greedy("exits", row, bench_fairness.Result(475, 11000, 300), fair)


@pytest.mark.parametrize("bed", bench_latency.TITLES)
def test_all_latencies_are_within_their_limits(build, bed):
    ticks = bench_latency.measure(build, bed)
    print(bench_latency.table(bed, ticks))
    assert all(median <= most for median, most in ticks.values())
    assert not bench_latency.too_late(ticks)


@pytest.mark.parametrize("bed", bench_traffic.TITLES)
def test_requests_to_devices_stay_within_their_limits(build, bed):
    results = bench_traffic.measure(build, bed)
    print(bench_traffic.table(bed, results))
    assert not bench_traffic.too_slow(bed, results)


def test_a_request_that_is_too_slow_is_told():
    results = {"read 4 KiB": bench_traffic.Result(2501, 1, 1.01)}
    assert bench_traffic.too_slow("bochs", results) == [
        "read 4 KiB: 2501 ticks, at most 2500 are allowed",
        "read 4 KiB: 1.010 exits, at most 1.000 are allowed",
    ]
    assert len(bench_traffic.too_slow("counted", results)) == 1  # the second is the end of the IRQ


def stop(number, address, count):
    """What Bochs' debugger says where it stops and is asked for the count."""
    place = f"(0) Breakpoint {number}, 0x{address:016x} in ?? ()\nNext at t={count + 1000}"
    return f"{place}\nshow param name: <cpu0.icount>\nicount = {count}\n"


def test_husks_share_is_what_lies_between_exit_and_entry():
    leave, enter = 0xFFFFFFFF80140000, 0xFFFFFFFF80140080
    log = stop(1, bench_linux.ENTRY_64, 100) + stop(3, leave, 150) + stop(4, enter, 199)
    log += stop(3, leave, 1000) + stop(4, enter, 1099)
    assert bench_linux.count_stops(log, [leave], [enter]) is None
    log += stop(2, bench_linux.INIT_START, 2100) + stop(3, leave, 2200) + stop(4, enter, 2300)
    count = bench_linux.count_stops(log, [leave], [enter])
    assert (count.instructions, count.husk) == (2000, 150)


def test_the_plugins_lines_are_read():
    line = "count: start 100 40\n"
    assert bench_linux.count_lines(line) is None
    count = bench_linux.count_lines(line + "count: end 1100 60\n")
    assert (count.instructions, count.husk) == (1000, 20)
