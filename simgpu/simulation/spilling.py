"""Memory during a run: what finds none makes room by moving tensors to the host (`on_oom="spill"`).

The tensors that are read again last go first; none goes that something running uses. What lies in the host's memory
counts there, under its hard cap, and comes back before a task reads it. Both ways are transfers like any other: they
take links and copy engines, and are in the trace as `spill …` and `return …`. One task at a time makes room, so that
two never take from each other what they have just made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simgpu.errors import OutOfDeviceMemory
from simgpu.memory import Block, needed_bytes
from simgpu.naming import short_name
from simgpu.program import Progress
from simgpu.simulation.hardware import Hardware
from simgpu.simulation.tracing import Extra
from simgpu.simulation.waiting import WaitingForMemory


@dataclass(frozen=True, slots=True)
class _Moving:
    """A buffer on its way to the host, or back."""

    buffer: int
    is_return: bool


class Spilling(WaitingForMemory):
    """Attends a run as one that waits does, and makes room where waiting alone would not help."""

    def __init__(self, progress: Progress, hardware: Hardware) -> None:
        super().__init__(progress)
        self.extras: list[Extra] = []
        self._program = progress.program
        self._hardware = hardware
        self._readers = _readers(progress)
        self._moving: dict[int, _Moving] = {}  # extra move -> what it moves
        self._on_host: dict[int, Block] = {}  # buffer that has left, or is leaving or returning -> its place there
        self._running: set[int] = set()
        self._makes_room: int | None = None

    def may_start(self, task: int, now_ps: int) -> bool:
        """Grant what the task writes once all that it reads is there; else begin to make that possible."""
        if task in self._moving:
            return True
        is_complete = not any(buffer in self._on_host for buffer in self._program.tasks.reads[task])
        if is_complete and super().may_start(task, now_ps):
            self._running.add(task)
            if self._makes_room == task:
                self._makes_room = None
            return True
        if self._makes_room in (None, task):
            self._makes_room = task
            self._prepare(task, now_ps)
        return False

    def finished(self, task: int, now_ps: int) -> None:
        """Take back what nobody needs any more, or note that a tensor has arrived."""
        if task in self._moving:
            self._arrived(self._moving.pop(task), now_ps)
        else:
            self._running.discard(task)
            super().finished(task, now_ps)
        self.engine.ask_again()

    def close(self, now_ps: int) -> None:
        """Take back what is left in the memory of hosts: variables."""
        for buffer, block in self._on_host.items():
            self.progress.let_go(buffer, self._host(buffer), block, now_ps)
        self._on_host.clear()

    def _prepare(self, task: int, now_ps: int) -> None:
        """Bring back what a task reads, or make room for that, or for what it writes."""
        what = self._program.tasks[task]
        away = [buffer for buffer in dict.fromkeys(what.reads) if buffer in self._on_host]
        for buffer in away:
            if self._is_moving(buffer):
                continue
            try:
                self.progress.blocks[buffer] = self.progress.hold(buffer, self._device(buffer), now_ps)
            except OutOfDeviceMemory as shortage:
                self._make_room(task, [buffer], shortage, now_ps)
                return
            self._move(buffer, is_return=True)
        if not away:
            self._make_room(task, what.writes, self.shortages[task], now_ps)

    def _make_room(self, task: int, buffers: Sequence[int], shortage: OutOfDeviceMemory, now_ps: int) -> None:
        """Send enough to the host for buffers to fit. Raises the shortage if that cannot be, and nothing else ends."""
        wanted: dict[int, list[int]] = {}
        for buffer in buffers:
            wanted.setdefault(self._device(buffer), []).append(needed_bytes(self._program.buffers.size_bytes[buffer]))
        chosen: list[int] = []
        for device, sizes in wanted.items():
            leaving = [moving.buffer for moving in self._moving.values() if not moving.is_return]
            candidates = self._candidates(task, device)
            while not self._would_fit(device, sizes, [*leaving, *chosen]):
                if not candidates:
                    if self._running or self._moving:
                        return  # what these release is waited for
                    shortage.trace = self.progress.trace
                    raise shortage
                chosen.append(candidates.pop())
        for buffer in chosen:
            self._on_host[buffer] = self.progress.hold(buffer, self._host(buffer), now_ps)
            self._move(buffer, is_return=False)

    def _candidates(self, task: int, device: int) -> list[int]:
        """Return what may leave a device, the best last: what is read again last; of equals, the highest number."""
        if self._hardware.machine.host_device(device) == device:
            return []
        used = self._program.tasks.reads[task]
        for other in self._running:
            used += self._program.tasks.reads[other] + self._program.tasks.writes[other]
        kept = {*used, *self._on_host}
        held = [
            buffer
            for buffer, block in enumerate(self.progress.blocks)
            if block and block.size_bytes and self._device(buffer) == device and buffer not in kept
        ]
        return sorted(held, key=lambda buffer: (self._next_read(buffer), buffer))

    def _would_fit(self, device: int, sizes: Sequence[int], gone: Iterable[int]) -> bool:
        """Tell whether a device would have room without some buffers: in all, and for the largest in one piece."""
        left = {buffer: block for buffer, block in enumerate(self.progress.blocks) if block and block.size_bytes}
        for buffer in gone:
            left.pop(buffer, None)
        blocks = sorted(block for buffer, block in left.items() if self._device(buffer) == device)
        limit = self.progress.pools[device].limit_bytes
        starts, ends = [block.offset for block in blocks], [block.offset + block.size_bytes for block in blocks]
        holes = [start - end for start, end in zip([*starts, limit], [0, *ends], strict=True)]
        return sum(holes) >= sum(sizes) and max(holes) >= max(sizes)

    def _next_read(self, buffer: int) -> int:
        readers = self._readers[buffer]
        while readers and self.progress.has_finished(readers[-1]):
            readers.pop()
        return readers[-1] if readers else len(self._program.tasks)

    def _move(self, buffer: int, *, is_return: bool) -> None:
        ends = self._device(buffer), self._host(buffer)
        source, target = ends[::-1] if is_return else ends
        spec, names = self._program.buffers[buffer], self._hardware.machine.devices
        task = self.engine.add_move(
            spec.size_bytes, self._hardware.route(source, target), self._hardware.gates(source, target)
        )
        self._moving[task] = _Moving(buffer, is_return)
        way = f"{short_name(names[source].name)} -> {short_name(names[target].name)}"
        self.extras.append(Extra(f"{'return' if is_return else 'spill'} {spec.owner}", way, spec.size_bytes))

    def _arrived(self, moving: _Moving, now_ps: int) -> None:
        buffer = moving.buffer
        if moving.is_return:
            self.progress.let_go(buffer, self._host(buffer), self._on_host.pop(buffer), now_ps)
            return
        block = self.progress.blocks[buffer]
        assert block is not None, "what leaves is there until it has left"
        self.progress.blocks[buffer] = None
        self.progress.let_go(buffer, self._device(buffer), block, now_ps)

    def _is_moving(self, buffer: int) -> bool:
        return any(moving.buffer == buffer for moving in self._moving.values())

    def _device(self, buffer: int) -> int:
        return self._program.buffers.device[buffer]

    def _host(self, buffer: int) -> int:
        return self._hardware.machine.host_device(self._device(buffer))


def _readers(progress: Progress) -> list[list[int]]:
    """Return for each buffer the tasks that read it, the first one last."""
    readers: list[list[int]] = [[] for _ in progress.program.buffers]
    for task in range(len(progress.program.tasks) - 1, -1, -1):
        for buffer in dict.fromkeys(progress.program.tasks.reads[task]):
            readers[buffer].append(task)
    return readers
