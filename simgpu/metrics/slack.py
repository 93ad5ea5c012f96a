"""Slack: how much later a span could have ended without the run taking longer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simgpu.machine import Machine
from simgpu.metrics.columns import NONE, Ints
from simgpu.metrics.history import History, history_of
from simgpu.metrics.latest import Edges, latest_ends
from simgpu.metrics.store_and_forward import behind_departures
from simgpu.metrics.tasks import TaskSpans, placement_of, task_spans
from simgpu.metrics.turns import Holders, Turns, turns_of
from simgpu.metrics.ways import Ways, ways_of
from simgpu.placement import Placement
from simgpu.trace import Trace


def slack_ps(trace: Trace, placement: Placement, *, machine: Machine | None = None) -> Ints:
    """Return for each span of a trace how much later it could have ended without the makespan growing.

    All other spans keep their durations, and every place its turns: the launcher and each stream of a GPU (a trace does
    not tell whether GPUs share one, so each is taken to have its own), the CPUs of a host, the copy engines of a card
    in each direction, each channel of a link. So its spans start in the same order, and no more of them at a time than
    ever did. What a span came right after (see `simgpu.metrics.history`), it would have come right after, with the same
    time in between. On the critical path it is 0. Of store-and-forward links, a transfer has its turn on the first, and
    waits for later ones are part of durations. Whether memory would have been enough is not asked.

    `placement` is what was run, `machine` the one it was simulated on, if another. Raises InvalidValue if they are not
    those of the trace.
    """
    history = history_of(trace)
    return slack_of(history, placement_of(trace, placement, machine))


def slack_of(history: History, placement: Placement) -> Ints:
    """Return the slack of spans of which it is known what they came after."""
    columns = history.columns
    if not len(columns):
        return columns.end_ps
    spans, ways = task_spans(history.trace, placement, columns), ways_of(columns, placement.machine)
    turns = [turns_of(history.order, holders) for holders in _places(history, placement, spans, ways)]
    ends = [spans.dependencies(columns), _known(history), *map(_one_by_one, turns)]
    starts = list(map(_in_order, turns))
    if history.trace.engine == "simulate":
        starts.append(behind_departures(columns, history.order, ways, placement.machine))
    return latest_ends(columns, history.order, ends, starts) - columns.end_ps


def _places(history: History, placement: Placement, spans: TaskSpans, ways: Ways) -> Iterator[Holders]:
    """Yield who held which place, by kinds of places. Measured transfers share threads, which are one place."""
    columns = history.columns
    machine, is_simulated = placement.machine, history.trace.engine == "simulate"
    is_transfer, is_launch = columns.are("transfer"), columns.are("launch")
    numbers = {device.name: number for number, device in enumerate(machine.devices)}
    device = np.array([numbers.get(name, NONE) for name in columns.resources], np.int64)[columns.resource]
    launches, computes = np.flatnonzero(is_launch), np.flatnonzero(~is_launch & ~is_transfer)
    yield Holders(launches, device[launches])
    stream = _streams(placement, spans, computes) if is_simulated else np.zeros(len(computes), np.int64)
    yield Holders(computes, stream * len(numbers) + _host_devices(machine)[device[computes]])
    if is_simulated:
        yield from _copy_engines(machine, ways)
        yield ways.holders()
    else:
        transfers = np.flatnonzero(is_transfer)
        yield Holders(transfers, np.zeros_like(transfers))


def _streams(placement: Placement, spans: TaskSpans, computes: Ints) -> Ints:
    """Return the stream of each computation: on a GPU that of its operation, on CPUs 0."""
    attributes = placement.graph.data.attributes
    operations = [spans.program.tasks.subject[task] for task in spans.task[computes].tolist()]
    on_gpu = [placement.machine.devices[placement.devices[it]].kind == "GPU" for it in operations]
    given = [attributes[it].get("stream", 0) if gpu else 0 for it, gpu in zip(operations, on_gpu, strict=True)]
    return np.array(given, np.int64)


def _host_devices(machine: Machine) -> Ints:
    """Return for each device the one whose turns it shares: CPUs that of their host's first, GPUs their own."""
    own = [machine.host_device(it) if device.kind == "CPU" else it for it, device in enumerate(machine.devices)]
    return np.array(own, np.int64)


def _copy_engines(machine: Machine, ways: Ways) -> Iterator[Holders]:
    """Yield who held the engines that copy out of cards, then those that copy into them."""
    physical = np.array([device.physical for device in machine.devices], np.int64)
    has_engines = np.array([device.kind == "GPU" for device in machine.physical_devices], bool)
    cards = physical[ways.ends]
    leaves = cards[:, 0] != cards[:, 1]
    for end in (0, 1):
        holds = (leaves & has_engines[cards[:, end]])[ways.way]
        yield Holders(ways.spans[holds], cards[ways.way[holds], end])


def _known(history: History) -> Edges:
    """Return what each span came right after, with the time in between."""
    after = np.flatnonzero(history.before != NONE)
    earlier = history.before[after]
    return Edges(earlier, after, history.columns.start_ps[after] - history.columns.end_ps[earlier])


def _one_by_one(turns: Turns) -> Edges:
    """Return whose ends starts had to wait for: on a place with room for n, all before but n - 1 had to end first."""
    entry, most = np.arange(len(turns.by_start)) - turns.first, turns.most()
    is_late = entry >= most
    earlier = turns.by_end[(turns.first + entry - most)[is_late]]
    return Edges(earlier, turns.by_start[is_late], np.zeros(len(earlier), np.int64))


def _in_order(turns: Turns) -> Edges:
    """Return whose starts starts had to wait for, on places with room for several."""
    entries = np.flatnonzero((np.arange(len(turns.by_start)) > turns.first) & (turns.most() > 1))
    return Edges(turns.by_start[entries - 1], turns.by_start[entries], np.zeros(len(entries), np.int64))
