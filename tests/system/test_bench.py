# SPDX-License-Identifier: MIT
"""The exit path is as short as it is meant to be: the bench guest against each machine's limits.

What Linux' boot costs, `make bench` measures. Here is only whether it counts right.
"""

import pytest

import bench
import bench_linux


@pytest.mark.parametrize("bed", bench.BENCHES)
def test_exits_stay_within_their_limits(build, bed):
    ticks = bench.measure(build, bed)
    print(bench.table(bench.BENCHES[bed], ticks))
    assert not bench.too_slow(bench.BENCHES[bed], ticks)


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
