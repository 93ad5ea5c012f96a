"""From a profile to a graph: the whole network once, or a pipeline of stages that microbatches go through."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from simgpu.errors import InvalidValue, check_type
from simgpu.graph import Graph
from simgpu.machine.refusal import did_you_mean, show
from simgpu.readers.pipedream.file import read_profile
from simgpu.readers.pipedream.profile import Layer, Profile
from simgpu.readers.pipedream.schedules import SCHEDULES, Turn
from simgpu.readers.pipedream.stages import balanced_stages
from simgpu.readers.pipedream.work import Work

MOST_MICROBATCHES = 2**16


def read_pipedream(path: str | os.PathLike[str], *, training: bool = True) -> Graph:
    """Read a profile of PipeDream as a graph of one microbatch that asks for no devices.

    A layer `node2` becomes the operation `node2`, its backward pass `node2/backward`, and its parameters the variable
    `node2/parameters`. Their durations hold on a GPU alone. Backward passes depend on the outputs of their own forward
    pass and on the backward passes of the layers that read them. Raises ModelFileError, with line and column.
    """
    check_type(training, bool, "training", "a bool; give True or False")
    work = Work(read_profile(path))
    for layer in work.profile:
        work.parameters(layer)
        work.forward(layer)
    for layer in reversed(work.profile.layers) if training else ():
        work.backward(layer)
    return work.builder.build()


def pipeline(profile: Profile, *, stages: int, microbatches: int = 1, schedule: str = "1f1b") -> Graph:
    """Return a profile as a pipeline: stage i on /gpu:i, operations of microbatch k named `mbk/...`.

    The layers are cut in their order into stages whose largest time is as small as can be (`balanced_stages`; forward
    and backward time together, or forward time alone if `schedule` is `forward`). `schedule` is `forward`, `gpipe` or
    `1f1b`. Control inputs hold it, so every engine keeps to it: a stage takes its turns one after the other, each when
    the stage before (backward: the one after) has ended the same microbatch, and runs the layers of a turn in their
    order. Times and sizes of the profile are those of one microbatch.
    """
    check_type(profile, Profile, "profile", "a Profile; give what `read_profile` returns")
    check_type(schedule, str, "schedule", f"one of {', '.join(SCHEDULES)}")
    if schedule not in SCHEDULES:
        reason = f"schedule is {show(schedule)}; it can be {', '.join(SCHEDULES)}"
        raise InvalidValue(f"{reason}; {did_you_mean(str(schedule), SCHEDULES)}")
    if type(microbatches) is not int or not 1 <= microbatches <= MOST_MICROBATCHES:
        raise InvalidValue(f"microbatches is {microbatches!r}; it must be an int from 1 to {MOST_MICROBATCHES}")
    is_training = schedule != "forward"
    times_ps = [layer.forward_ps + layer.backward_ps * is_training for layer in profile]
    parts = [profile.layers[part.start : part.stop] for part in balanced_stages(times_ps, stages)]
    turns = [SCHEDULES[schedule](stage, stages, microbatches) for stage in range(stages)]
    return _Pipeline(profile, parts, turns).graph()


@dataclass(slots=True)
class _Pipeline:
    """A pipeline under construction: the layers and the turns of each stage."""

    profile: Profile
    parts: list[tuple[Layer, ...]]
    turns: list[list[Turn]]
    work: Work = field(init=False)

    def graph(self) -> Graph:
        self.work = Work(self.profile)
        for stage, part in enumerate(self.parts):
            for layer in part:
                self.work.parameters(layer, _device(stage))
        for stage, turns in enumerate(self.turns):
            before: list[str] = []
            for turn in turns:
                self._add(stage, turn, [*before, *self._neighbour(stage, turn)])
                before = [self._last(stage, turn)]
        return self.work.builder.build()

    def _add(self, stage: int, turn: Turn, after: list[str]) -> None:
        """Add the operations of a turn: the first after `after`, each other one after the one before."""
        part = self.parts[stage]
        for layer in reversed(part) if turn.is_backward else part:
            add = self.work.backward if turn.is_backward else self.work.forward
            after = [add(layer, _prefix(turn), device=_device(stage), after=after)]

    def _neighbour(self, stage: int, turn: Turn) -> list[str]:
        """Return what ends the same pass in the stage that it comes from, if it comes from one."""
        source = stage + 1 if turn.is_backward else stage - 1
        return [self._last(source, turn)] if 0 <= source < len(self.parts) else []

    def _last(self, stage: int, turn: Turn) -> str:
        """Return the name of the operation that ends a turn."""
        part = self.parts[stage]
        name = f"{part[0].name}/backward" if turn.is_backward else part[-1].name
        return _prefix(turn) + name


def _prefix(turn: Turn) -> str:
    return f"mb{turn.microbatch}/"


def _device(stage: int) -> str:
    return f"/gpu:{stage}"
