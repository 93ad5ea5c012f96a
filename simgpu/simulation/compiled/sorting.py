"""Numbers in order: what happens at one instant mostly comes in order, or in a few runs that are."""

from __future__ import annotations

from typing import Any

from simgpu.simulation.compiled.jit import compiled


@compiled
def sort(numbers: Any, first: int, count: int, spare: Any) -> None:
    """Sort some numbers of an array, in a time of n log n, and of n if they are in order."""
    end = first + count
    while _end_of_run(numbers, first, end) < end:
        _merge_neighbours(numbers, first, end, spare)
        for place in range(count):
            numbers[first + place] = spare[place]


@compiled
def _merge_neighbours(numbers: Any, start: int, stop: int, merged: Any) -> None:
    """Merge each run with the next one, into the beginning of another array."""
    first = start
    while first < stop:
        middle = _end_of_run(numbers, first, stop)
        end = _end_of_run(numbers, middle, stop)
        left, right = first, middle
        for place in range(first - start, end - start):
            if right == end or (left < middle and numbers[left] <= numbers[right]):
                merged[place] = numbers[left]
                left += 1
            else:
                merged[place] = numbers[right]
                right += 1
        first = end


@compiled
def _end_of_run(numbers: Any, first: int, stop: int) -> int:
    """Return where the numbers cease to ascend."""
    end = first + 1
    while end < stop and numbers[end - 1] <= numbers[end]:
        end += 1
    return min(end, stop)
