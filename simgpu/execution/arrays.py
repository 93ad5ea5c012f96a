"""The arrays of a run: one for each granted buffer, and the work that tasks do with them."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import clear_frames
from typing import Any

from simgpu.errors import ExecutionError, OutOfDeviceMemory
from simgpu.kernels import rule
from simgpu.memory import Block
from simgpu.naming import short_name
from simgpu.program import Program, Task, TaskKind
from simgpu.storage import CupyRegion, CupyStorage, Mark, Moments, Opening, Region, Storage
from simgpu.trace import CardUse


class ProgramArrays:
    """Arrays over the memory of every device, as far as the ledgers have granted it.

    As a context manager, it waits for all that was launched, and gives the memory back.
    """

    def __init__(self, program: Program, storage: Storage, feeds: Mapping[str, Any]) -> None:
        self.program = program
        self.storage = storage
        self.feeds = feeds
        self.regions: list[Region] = []
        self.arrays: list[Any] = [None] * len(program.buffers)
        self.results: dict[int, Any] = {}
        self.card_use: CardUse | None = None  # at the end, where there is a card
        self.is_poisoning = isinstance(storage, CupyStorage) and storage.is_poisoning
        self._to_poison: dict[int, tuple[CupyRegion, Block]] = {}

    def __enter__(self) -> ProgramArrays:
        try:
            openings = [
                Opening(short_name(device.name), device.kind, device.memory_limit_bytes)
                for device in self.program.placement.machine.devices
            ]
            self.storage.check_start(openings)
            for it in openings:
                self.regions.append(self.storage.open(it.limit_bytes, it.kind, device=it.device))
        except BaseException as error:
            self.__exit__(None, error, None)
            raise
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.arrays = []
        if error is not None and self.storage.is_asynchronous:
            _forget_arrays(error)
        failures: list[BaseException] = []
        for action in (*([self._look] if error is None else []), *(region.close for region in self.regions)):
            try:
                action()
            except BaseException as failure:  # the others close all the same
                failures.append(failure)
        if failures and error is None:
            raise failures[0]

    def _look(self) -> None:
        self.card_use = self.storage.look(now=True)

    def grant(self, buffer: int, block: Block | None) -> None:
        """Make the array of a buffer where the ledger put it; without a block, let it go."""
        if block is None:
            self.arrays[buffer] = None
            if self._to_poison:
                self._poison(buffer)
            return
        buffers = self.program.buffers
        tensor = self.program.placement.graph.tensor_spec(buffers.tensor[buffer])
        region = self.regions[buffers.device[buffer]]
        self.arrays[buffer] = region.arrays(tensor)(block.offset)
        if self.is_poisoning and isinstance(region, CupyRegion):
            self._to_poison[buffer] = region, block

    def _poison(self, buffer: int) -> None:
        """Poison what was let go, behind all that was launched on it."""
        if buffer in self._to_poison:
            region, block = self._to_poison.pop(buffer)
            region.poison(block.offset, block.size_bytes, may_wait=True)

    def fill_variable(self, buffer: int) -> None:
        """Give a variable its first value. Raises ExecutionError, which names the variable."""
        graph = self.program.placement.graph
        operation = graph.operation(graph.producer(self.program.buffers[buffer].tensor))
        try:
            self.storage.compute(rule(operation.type), (), (self.arrays[buffer],), operation.attributes)
        except OutOfDeviceMemory:
            raise
        except Exception as error:
            raise ExecutionError(f"variable {operation.name!r} cannot be filled: {_words(error)}") from error

    def finish(self) -> None:
        """Wait until every device has done what it was asked. Raises ExecutionError if one could not."""
        for device, region in zip(self.program.placement.machine.devices, self.regions, strict=True):
            try:
                region.finish()
            except Exception as error:
                raise ExecutionError(f"{short_name(device.name)} failed at its work: {_words(error)}") from error

    def origin(self) -> Mark | None:
        """Return a mark of now, with nothing under way; None where nothing is ever under way."""
        gpus = [
            region
            for device, region in zip(self.program.placement.machine.devices, self.regions, strict=True)
            if device.kind == "GPU"
        ]
        if not self.storage.is_asynchronous or not gpus:
            return None
        self.finish()
        mark = gpus[0].mark()
        gpus[0].finish()
        return mark

    def is_launched(self, task: Task) -> bool:
        """Tell whether a task is only launched, and done later."""
        if task.kind not in (TaskKind.COMPUTE, TaskKind.TRANSFER):
            return False
        return self.storage.is_launched(*(self.arrays[buffer] for buffer in (*task.reads, *task.writes)))

    def work(self, task: Task) -> Moments | None:
        """Do what a task does, or launch it; return when it happens, if that is later.

        Raises ExecutionError, which names the operation and device, for whatever goes wrong.
        """
        try:
            return self._work(task)
        except OutOfDeviceMemory:
            raise
        except Exception as error:
            raise ExecutionError(f"{self._describe(task)} failed: {_words(error)}") from error

    def _work(self, task: Task) -> Moments | None:
        inputs = [self.arrays[buffer] for buffer in task.reads]
        outputs = [self.arrays[buffer] for buffer in task.writes]
        match task.kind:
            case TaskKind.COMPUTE:
                return self._compute(task, inputs, outputs)
            case TaskKind.FEED:
                return self.storage.write(outputs[0], self.feeds.get(task.name))
            case TaskKind.TRANSFER:
                return self.storage.copy(inputs[0], outputs[0])
            case TaskKind.FETCH:
                self.results[task.subject] = self.storage.read(inputs[0])
        return None

    def _compute(self, task: Task, inputs: list[Any], outputs: list[Any]) -> Moments | None:
        operation = self.program.placement.graph.operation(task.subject)
        row = rule(operation.type)
        if not self.storage.is_launched(*inputs, *outputs):
            self.storage.compute(row, inputs, outputs, operation.attributes)
            return None
        region = self.regions[task.device]
        if isinstance(region, CupyRegion):
            region.order(inputs, outputs)  # its time begins when the copies that it waits for have ended
        start = region.mark()
        self.storage.compute(row, inputs, outputs, operation.attributes)
        return Moments(start, region.mark())

    def _describe(self, task: Task) -> str:
        if task.kind is not TaskKind.COMPUTE:
            return f"the {task.kind.value} of tensor {task.name!r}"
        operation = self.program.placement.graph.operation(task.subject)
        device = self.program.placement.machine.devices[task.device].name
        return f"operation {operation.name!r} ({operation.type}) on {short_name(device)}"


def _forget_arrays(error: BaseException | None) -> None:
    """Clear what the frames of an error hold: arrays in them would keep memory of a card as long as the error lives."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
