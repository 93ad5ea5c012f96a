"""In which order a stage of a pipeline works on its microbatches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Turn(NamedTuple):
    """One pass of a microbatch through a stage: its forward or its backward pass."""

    microbatch: int
    is_backward: bool = False


Schedule = Callable[[int, int, int], list[Turn]]
"""(stage, stages, microbatches): the turns of the stage in order."""


def forward_only(stage: int, stages: int, microbatches: int) -> list[Turn]:
    """Return the forward passes: inference."""
    return [Turn(number) for number in range(microbatches)]


def gpipe(stage: int, stages: int, microbatches: int) -> list[Turn]:
    """Return all forward passes, then all backward passes, the last microbatch first.

    Y. Huang et al.: GPipe, NeurIPS 2019, figure 2c.
    """
    forward = forward_only(stage, stages, microbatches)
    return forward + [Turn(turn.microbatch, is_backward=True) for turn in reversed(forward)]


def one_forward_one_backward(stage: int, stages: int, microbatches: int) -> list[Turn]:
    """Return one forward pass and one backward pass in turn, after as many forward passes as there are later stages.

    So at most `stages - stage` microbatches have gone forward and not yet backward. D. Narayanan et al.: PipeDream,
    SOSP 2019; with the flush of Memory-Efficient Pipeline-Parallel DNN Training, ICML 2021 (PipeDream-Flush).
    """
    ahead = min(stages - stage - 1, microbatches)
    turns = [Turn(number) for number in range(ahead)]
    for number in range(ahead, microbatches):
        turns += [Turn(number), Turn(number - ahead, is_backward=True)]
    return turns + [Turn(number, is_backward=True) for number in range(microbatches - ahead, microbatches)]


SCHEDULES: Mapping[str, Schedule] = {"forward": forward_only, "gpipe": gpipe, "1f1b": one_forward_one_backward}
"""Schedules by name."""
