# SPDX-License-Identifier: MIT
"""The exit path is as short as it is meant to be: the bench guest against each machine's limits."""

import pytest

import bench


@pytest.mark.parametrize("bed", bench.BENCHES)
def test_exits_stay_within_their_limits(build, bed):
    ticks = bench.measure(build, bed)
    print(bench.table(bench.BENCHES[bed], ticks))
    assert not bench.too_slow(bench.BENCHES[bed], ticks)
