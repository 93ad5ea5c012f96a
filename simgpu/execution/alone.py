"""Execute a placed graph one operation at a time, and tell how long each takes when nothing else runs.

That is what its kernels take on a device of their own, whatever shares this computer. `session` composes a run of many
such devices from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from statistics import median_low
from time import perf_counter_ns
from typing import Any, NamedTuple

from simgpu.execution.arrays import ProgramArrays
from simgpu.execution.feeds import checked_feeds
from simgpu.placement import Placement
from simgpu.program import Program, Progress, Task, TaskKind, lower
from simgpu.storage import Region, Storage
from simgpu.trace import CardUse
from simgpu.units import PS_PER_MS, PS_PER_NS, PS_PER_S

_FEWEST, _MOST = 3, 5
_ENOUGH_PS, _LONG_PS = 5 * PS_PER_MS, PS_PER_S // 4


class AloneTime(NamedTuple):
    """How long an operation takes alone: its kernels on the device, and the host that launches them.

    `launch_ps` is None where the host computes, too, and does nothing else meanwhile.
    """

    compute_ps: int
    launch_ps: int | None


def execute_alone(
    placement: Placement, feeds: Mapping[str, Any] | None, storage: Storage, on_progress: Any = None
) -> tuple[dict[str, Any], dict[str, AloneTime], CardUse | None]:
    """Run a placed graph, operation by operation in the order of the graph as far as they are ready.

    Returns the fetched tensors by name, the time of each operation by its name, and what of a card was used. Each
    operation runs once to warm up; then it is timed five times, three if they take more than a few milliseconds, and
    once if that is long, of which the median counts. What is launched runs twice each time: for its launch, and for its
    kernels. Raises what `execute` raises.
    """
    program = lower(placement)
    feeds = {} if storage.name == "shape" and not feeds else checked_feeds(placement.graph, feeds or {})
    with Progress(program, "execute", "real") as progress, ProgramArrays(program, storage, feeds) as arrays:
        storage.enter_thread()
        run = _Alone(program, progress, arrays)
        run.run(on_progress)
    graph = placement.graph
    outputs = {name: arrays.results[t] for name, t in zip(graph.fetch_names, graph.fetches, strict=True)}
    return outputs, run.times, arrays.card_use


class _Alone:
    """One run, a task at a time."""

    def __init__(self, program: Program, progress: Progress, arrays: ProgramArrays) -> None:
        self.program = program
        self.progress = progress
        self.arrays = arrays
        self.times: dict[str, AloneTime] = {}

    def run(self, on_progress: Any) -> None:
        ready = self.progress.begin()
        for buffer in self.program.residents:
            self.arrays.grant(buffer, self.progress.blocks[buffer])
            self.arrays.fill_variable(buffer)
        heapify(ready)
        while ready:
            number = heappop(ready)
            for follower in self._do(number):
                heappush(ready, follower)
            if on_progress is not None:
                on_progress(len(self.program.tasks) - self.progress.unfinished, len(self.program.tasks))

    def _do(self, number: int) -> list[int]:
        task = self.program.tasks[number]
        self.progress.start(number, 0)
        for buffer in task.writes:
            self.arrays.grant(buffer, self.progress.blocks[buffer])
        self.arrays.work(task)
        if task.kind is TaskKind.COMPUTE:
            self.times[task.name] = self._time(number)
        self.arrays.finish()
        ready = self.progress.finish(number, 0)
        for buffer in (*task.reads, *task.writes):
            if self.progress.blocks[buffer] is None:
                self.arrays.grant(buffer, None)
        return ready

    def _time(self, number: int) -> AloneTime:
        """Do a task again and again, which writes the same values: all is warm, and nothing else is under way."""
        task = self.program.tasks[number]
        times: list[AloneTime] = []
        while len(times) < _MOST and (len(times) < _FEWEST or sum(it.compute_ps for it in times) < _ENOUGH_PS):
            times.append(self._timed(task))
            if times[-1].compute_ps > _LONG_PS:
                break
        launches = [it.launch_ps for it in times if it.launch_ps is not None]
        return AloneTime(median_low(it.compute_ps for it in times), median_low(launches) if launches else None)

    def _timed(self, task: Task) -> AloneTime:
        storage, region = self.arrays.storage, self.arrays.regions[task.device]
        self.arrays.finish()
        if not self.arrays.is_launched(task):
            return AloneTime(self._on_host_ps(task, region), None)
        launch_ps = self._on_host_ps(task, None)  # nothing holds the device: some wait for what they launch
        self.arrays.finish()
        region.hold()
        start = region.mark()
        self.arrays.work(task)
        end = region.mark()
        self.arrays.finish()
        return AloneTime(storage.between_ps(start, end), launch_ps)

    def _on_host_ps(self, task: Task, until: Region | None) -> int:
        """Do a task; return what the host takes for it, and where one is given, until its device has finished."""
        start_ns = perf_counter_ns()
        self.arrays.work(task)
        if until is not None:
            until.finish()  # of what a GPU does with values of the host
        return (perf_counter_ns() - start_ns) * PS_PER_NS
