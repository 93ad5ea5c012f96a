"""Another device takes over from one that has failed.

What the failed device's memory held is gone, and what was under way anywhere is repeated. Its operations move to the
other device; what was lost and is still needed is computed again; variables come anew from the host, by a transfer
`restore …`. Ledgers begin anew, with what has survived.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simgpu.errors import InvalidValue, MachineError
from simgpu.naming import short_name
from simgpu.placement import Placement
from simgpu.program import Program, Progress, TaskKind
from simgpu.simulation.failing import Failure
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.tracing import Extra
from simgpu.simulation.workload import DELAY, MOVE, NONE, Ints, Workload, follower_arrays
from simgpu.trace import NO_CAUSE, Trace


def moved(placement: Placement, failure: Failure, then: str) -> Placement:
    """Return the placement after a failure. Raises MachineError, or InvalidValue for the device that has failed."""
    target = _target(placement, failure, then)
    reason = f"{short_name(placement.machine.devices[failure.device].name)} failed"
    is_moved = [device == failure.device for device in placement.devices]
    return replace(
        placement,
        devices=tuple(target if it else device for device, it in zip(placement.devices, is_moved, strict=True)),
        reasons=tuple(reason if it else old for old, it in zip(placement.reasons, is_moved, strict=True)),
    )


def _target(placement: Placement, failure: Failure, then: str) -> int:
    machine = placement.machine
    if then != "takeover":
        target = machine.index(then)
        if target == failure.device:
            raise InvalidValue(f"then={then!r} is the device that fails; name another one")
        return target
    dead = machine.devices[failure.device]
    alike = [number for number, device in enumerate(machine.devices) if device.kind == dead.kind and device is not dead]
    if not alike:
        raise MachineError(f"{short_name(dead.name)} fails, and there is no other {dead.kind} to take over")
    host = machine.host_device(failure.device)
    return min(alike, key=lambda number: (machine.host_device(number) != host, number))


def surviving(progress: Progress, failure: Failure) -> set[tuple[int, int]]:
    """Return what is there after a failure, as (tensor, device): whole, and not on the device that failed."""
    program = progress.program
    writer = {buffer: number for number, writes in enumerate(program.tasks.writes) for buffer in writes}
    return {
        (buffer.tensor, buffer.device)
        for number, buffer in enumerate(program.buffers)
        if progress.blocks[number] is not None
        and buffer.device != failure.device
        and (number not in writer or progress.has_finished(writer[number]))
    }


@dataclass(frozen=True, slots=True)
class Restoring:
    """The transfer that brings a lost variable back from its host."""

    buffer: int
    move: Extra
    route: int
    gates: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a program after a failure: all but what is `done`, and before it, what is to be restored."""

    program: Program
    at_ps: int
    done: frozenset[int]
    restored: tuple[Restoring, ...]


def rest_of(
    program: Program, survived: Collection[tuple[int, int]], before: Progress, hardware: Hardware, at_ps: int
) -> Rest:
    """Return what must run still, or again, given the program of the new placement and how far the old one was."""
    there = {number for number, it in enumerate(program.buffers) if (it.tensor, it.device) in survived}
    writer = {buffer: number for number, writes in enumerate(program.tasks.writes) for buffer in writes}
    pending, must_run = _unfinished(program, before), set[int]()
    while pending:
        task = pending.pop()
        if task not in must_run:
            must_run.add(task)
            lost = [buffer for buffer in program.tasks.reads[task] if buffer not in there]
            pending += [writer[buffer] for buffer in lost if buffer in writer]
    reads = {buffer for task in must_run for buffer in program.tasks.reads[task]}
    lost = [buffer for buffer in program.residents if buffer not in there and buffer in reads]
    done = frozenset(range(len(program.tasks))) - must_run
    return Rest(program, at_ps, done, tuple(_restoring(program, buffer, hardware) for buffer in lost))


def _unfinished(program: Program, before: Progress) -> list[int]:
    """Return the computations and fetches that have not happened; other tasks happen for their readers' sake."""
    kinds = (TaskKind.COMPUTE, TaskKind.FETCH)
    finished = {
        (task.kind, task.subject) for number, task in enumerate(before.program.tasks) if before.has_finished(number)
    }
    return [
        number
        for number, task in enumerate(program.tasks)
        if task.kind in kinds and (task.kind, task.subject) not in finished
    ]


def _restoring(program: Program, buffer: int, hardware: Hardware) -> Restoring:
    what, machine = program.buffers[buffer], hardware.machine
    host = machine.host_device(what.device)
    way = f"{short_name(machine.devices[host].name)} -> {short_name(machine.devices[what.device].name)}"
    move = Extra(f"restore {what.owner}", way, what.size_bytes)
    return Restoring(buffer, move, hardware.route(host, what.device), hardware.gates(host, what.device))


def workload_of_rest(rest: Rest, workload: Workload) -> Workload:
    """Return the workload of what is left: what is done takes no time, and the rest begins after the failure."""
    done = np.zeros(len(workload), bool)
    done[list(rest.done)] = True
    starts, followers = _edges(rest, workload, done)
    zeros = [0] * len(rest.restored)

    def column(values: Ints, if_done: int, restoring: Sequence[int]) -> Ints:
        return np.concatenate([np.where(done, if_done, values), np.array(restoring, np.int64)])

    return Workload(
        resources=workload.resources,
        kind=column(workload.kind, DELAY, [MOVE for _ in zeros]),
        amount=column(workload.amount, 0, [it.move.size_bytes for it in rest.restored]),
        where=column(workload.where, NONE, [it.route for it in rest.restored]),
        parts=column(workload.parts, 1, [1 for _ in zeros]),
        rank=column(workload.rank, 0, zeros),
        release_ps=column(np.maximum(workload.release_ps, rest.at_ps), 0, [rest.at_ps for _ in zeros]),
        rate_cap=column(workload.rate_cap, 0, zeros),
        out_gate=column(workload.out_gate, NONE, [it.gates[0] for it in rest.restored]),
        in_gate=column(workload.in_gate, NONE, [it.gates[1] for it in rest.restored]),
        launcher=column(workload.launcher, NONE, [NONE for _ in zeros]),
        launch_ps=column(workload.launch_ps, 0, zeros),
        follower_starts=starts,
        followers=followers,
    )


def _edges(rest: Rest, workload: Workload, done: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return who follows whom: nobody waits to be done, and the readers of a variable wait for its transfer."""
    before = np.repeat(np.arange(len(workload)), np.diff(workload.follower_starts))
    is_kept = ~done[workload.followers]
    pairs = [*zip(before[is_kept].tolist(), workload.followers[is_kept].tolist(), strict=True)]
    for place, restoring in enumerate(rest.restored):
        pairs += [
            (len(workload) + place, number)
            for number, reads in enumerate(rest.program.tasks.reads)
            if restoring.buffer in reads and not done[number]
        ]
    firsts, seconds = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    return follower_arrays(len(workload) + len(rest.restored), firsts, seconds)


def joined(first: Trace, second: Trace) -> Trace:
    """Return the trace of a run in two parts, with the placement of the second. It is not to be followed."""
    count = len(first.spans)
    later = (span._replace(cause=span.cause + count if span.cause != NO_CAUSE else NO_CAUSE) for span in second.spans)
    return replace(
        second,
        spans=[*first.spans, *later],
        memory=[[*a, *b] for a, b in zip(first.memory, second.memory, strict=True)],
        actions=[],
    )
