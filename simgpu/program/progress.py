"""One run of a program: how far it is, and the ledger of every device.

The engines drive a `Progress`: they say when a task starts and finishes; it says what may start next, grants and takes
back memory, and writes both into the trace. It has no clock and no threads: one caller at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory import Block, MemoryPool
from simgpu.placement import Placement
from simgpu.program.program import Program
from simgpu.trace import Action, Decision, DeviceSummary, EngineName, MemoryEvent, Table, Trace

_NO_YES = (False, True)


class Progress:
    """The state of one run. Use as a context manager: leaving it empties every ledger, also after an error.

    An OutOfDeviceMemory raised inside carries the trace so far; its last action is the start that was refused.
    """

    def __init__(self, program: Program, engine: EngineName, clock: str) -> None:
        self.program = program
        devices = program.placement.machine.devices
        self.pools = [MemoryPool(device.name, device.memory_limit_bytes) for device in devices]
        self.blocks: list[Block | None] = [None] * len(program.buffers)
        self._buffers, self._owners = program.buffers, [*map(program.buffers.owner, range(len(program.buffers)))]
        self._memory = [Table(MemoryEvent, None, _NO_YES, self._owners, None, None) for _ in devices]
        self._actions = Table(Action, range(len(program.tasks)), _NO_YES)
        self.trace = _new_trace(program, engine, clock)
        self.trace.memory, self.trace.actions = self._memory, self._actions
        self._reads, self._writes = program.tasks.reads.row, program.tasks.writes.row
        self._followers = program.followers.row
        self._waiting_for = array("i", map(len, program.tasks.waits_for))
        self._readers = array("i", program.reader_counts)
        self._resident = frozenset(program.residents)
        self.unfinished = len(program.tasks)
        self._has_finished = bytearray(len(program.tasks))
        self.closes_at_ps = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OutOfDeviceMemory) and error.trace is None:
            error.trace = self.trace
        for buffer, block in enumerate(self.blocks):
            if block is not None:
                self._release(buffer, self.closes_at_ps)

    def begin(self, done: Collection[int] = (), time_ps: int = 0) -> list[int]:
        """Grant the variables, and return the tasks that wait for nothing.

        Some tasks may be done beforehand: what they have written, and others still read, is granted, too.
        """
        for task in done:
            self._has_finished[task] = True
            self.unfinished -= 1
            for buffer in dict.fromkeys(self._reads(task)):
                self._readers[buffer] -= 1
            for follower in self._followers(task):
                self._waiting_for[follower] -= 1
        left = [buffer for task in sorted(done) for buffer in self._writes(task) if self._readers[buffer]]
        for buffer in (*self.program.residents, *left):
            self._allocate([buffer], time_ps)
        self.closes_at_ps = time_ps
        return [task for task, count in enumerate(self._waiting_for) if count == 0 and not self._has_finished[task]]

    def start(self, task: int, time_ps: int) -> None:
        """Grant what a task writes: all of it, or none and OutOfDeviceMemory."""
        self.closes_at_ps = max(self.closes_at_ps, time_ps)
        self._actions.append(task, False)
        self._allocate(self._writes(task), time_ps)

    def try_start(self, task: int, time_ps: int) -> OutOfDeviceMemory | None:
        """Start a task if there is memory for what it writes; return what is lacking, and change nothing, if not."""
        try:
            self._allocate(self._writes(task), time_ps)
        except OutOfDeviceMemory as error:
            return error
        self._actions.append(task, False)
        return None

    def finish(self, task: int, time_ps: int) -> list[int]:
        """Take back what nobody needs any more, and return the tasks that may start now, lowest number first."""
        self.closes_at_ps = max(self.closes_at_ps, time_ps)
        self.unfinished -= 1
        self._has_finished[task] = True
        self._actions.append(task, True)
        for buffer in dict.fromkeys(self._reads(task)):
            self._readers[buffer] -= 1
            self._release_unread(buffer, time_ps)
        for buffer in self._writes(task):
            self._release_unread(buffer, time_ps)
        ready = []
        for follower in self._followers(task):
            self._waiting_for[follower] -= 1
            if self._waiting_for[follower] == 0:
                ready.append(follower)
        return ready

    def has_finished(self, task: int) -> bool:
        """Tell whether a task has finished."""
        return bool(self._has_finished[task])

    def hold(self, buffer: int, device: int, time_ps: int) -> Block:
        """Grant memory for what a buffer holds, on any device. Raises OutOfDeviceMemory."""
        block = self.pools[device].allocate(self._buffers.size_bytes[buffer], owner=self._owners[buffer])
        self._note(buffer, device, block, time_ps, is_allocation=True)
        return block

    def let_go(self, buffer: int, device: int, block: Block, time_ps: int) -> None:
        """Take back what `hold` has granted."""
        self.closes_at_ps = max(self.closes_at_ps, time_ps)
        self.pools[device].release(block)
        self._note(buffer, device, block, time_ps, is_allocation=False)

    def _release_unread(self, buffer: int, time_ps: int) -> None:
        if self._readers[buffer] == 0 and buffer not in self._resident:
            self._release(buffer, time_ps)

    def _allocate(self, buffers: tuple[int, ...] | list[int], time_ps: int) -> None:
        device_of, sizes, owners = self._buffers.device, self._buffers.size_bytes, self._owners
        granted: list[tuple[int, Block]] = []
        try:
            for buffer in buffers:
                block = self.pools[device_of[buffer]].allocate(sizes[buffer], owner=owners[buffer])
                granted.append((buffer, block))
        except OutOfDeviceMemory as error:
            for buffer, block in reversed(granted):
                self.pools[device_of[buffer]].release(block)
            error.trace = self.trace
            raise
        for buffer, block in granted:
            self.blocks[buffer] = block
            self._note(buffer, device_of[buffer], block, time_ps, is_allocation=True)

    def _release(self, buffer: int, time_ps: int) -> None:
        block = self.blocks[buffer]
        assert block is not None, f"buffer {buffer} is released before it is granted"
        self.blocks[buffer] = None
        self.let_go(buffer, self._buffers.device[buffer], block, time_ps)

    def _note(self, buffer: int, device: int, block: Block, time_ps: int, *, is_allocation: bool) -> None:
        self._memory[device].append(time_ps, is_allocation, buffer, block.offset, block.size_bytes)


def _new_trace(program: Program, engine: EngineName, clock: str) -> Trace:
    """Return an empty trace with the devices and decisions of a program."""
    devices = program.placement.machine.devices
    return Trace(
        engine=engine,
        clock=clock,
        devices=tuple(DeviceSummary(device.name, device.kind, device.memory_limit_bytes) for device in devices),
        decisions=_decisions(program.placement),
    )


def _decisions(placement: Placement) -> Table[Decision]:
    devices, numbers = [device.name for device in placement.machine.devices], dict[str, int]()
    reasons = array("i", (numbers.setdefault(reason, len(numbers)) for reason in placement.reasons))
    names = placement.graph.data.names
    columns = (range(len(names)), placement.devices, reasons)
    return Table(Decision, names, devices, list(numbers), columns=columns)
