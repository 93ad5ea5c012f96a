"""Cutting a sequence of layers into stages: contiguous, none empty, the largest stage time as small as can be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from simgpu.errors import InvalidValue


def balanced_stages(times_ps: Sequence[int], stages: int) -> tuple[range, ...]:
    """Return the positions of each stage. Exact: no other cut has a smaller largest sum.

    Of the cuts that are as good, it is the one whose first stages take the most, with one left for each later stage.
    """
    if type(stages) is not int or not 1 <= stages <= len(times_ps):
        raise InvalidValue(f"stages is {stages!r}; it must be an int from 1 to {len(times_ps)}, the number of layers")
    low, high = max(times_ps), sum(times_ps)
    while low < high:
        middle = (low + high) // 2
        if _fits(times_ps, stages, middle):
            high = middle
        else:
            low = middle + 1
    return _cut(times_ps, stages, low)


def _fits(times_ps: Sequence[int], stages: int, limit_ps: int) -> bool:
    used, sum_ps = 1, 0
    for time_ps in times_ps:
        if sum_ps + time_ps > limit_ps:
            used, sum_ps = used + 1, 0
        sum_ps += time_ps
    return used <= stages


def _cut(times_ps: Sequence[int], stages: int, limit_ps: int) -> tuple[range, ...]:
    before = list(accumulate(times_ps, initial=0))
    ends = [0]
    for later in reversed(range(stages)):
        end = ends[-1] + 1
        while end < len(times_ps) - later and before[end + 1] - before[ends[-1]] <= limit_ps:
            end += 1
        ends.append(end)
    return tuple(range(start, end) for start, end in pairwise(ends))
