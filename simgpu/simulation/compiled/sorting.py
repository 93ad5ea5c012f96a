"""Numbers in order: what happens at one instant mostly comes in order, or in a few runs that are."""

from __future__ import annotations

from typing import Any

from simgpu.simulation.compiled.jit import compiled


@compiled
def sort(numbers: Any, count: int, spare: Any) -> None:
    """Sort the first numbers of an array, in a time of n log n, and of n if they are in order."""
    while _end_of_run(numbers, 0, count) < count:
        _merge_neighbours(numbers, count, spare)
        for place in range(count):
            numbers[place] = spare[place]


@compiled
def _merge_neighbours(numbers: Any, count: int, merged: Any) -> None:
    """Merge each run with the next one."""
    first = 0
    while first < count:
        middle = _end_of_run(numbers, first, count)
        end = _end_of_run(numbers, middle, count)
        left, right = first, middle
        for place in range(first, end):
            if right == end or (left < middle and numbers[left] <= numbers[right]):
                merged[place] = numbers[left]
                left += 1
            else:
                merged[place] = numbers[right]
                right += 1
        first = end


@compiled
def _end_of_run(numbers: Any, first: int, count: int) -> int:
    """Return where the numbers cease to ascend."""
    end = first + 1
    while end < count and numbers[end - 1] <= numbers[end]:
        end += 1
    return min(end, count)
