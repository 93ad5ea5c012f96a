"""The arrays of a run: one for each granted buffer, and the work that tasks do with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simgpu.errors import ExecutionError
from simgpu.kernels import rule
from simgpu.memory import Block
from simgpu.naming import short_name
from simgpu.program import Program, Task, TaskKind
from simgpu.storage import Storage


class ProgramArrays:
    """Arrays over the memory of every device, as far as the ledgers have granted it."""

    def __init__(self, program: Program, storage: Storage, feeds: Mapping[str, Any]) -> None:
        self.program = program
        self.storage = storage
        self.feeds = feeds
        self.regions = [storage.open(device.memory_limit_bytes) for device in program.placement.machine.devices]
        self.arrays: list[Any] = [None] * len(program.buffers)
        self.results: dict[int, Any] = {}

    def grant(self, buffer: int, block: Block | None) -> None:
        """Make the array of a buffer where the ledger put it; without a block, let it go."""
        if block is None:
            self.arrays[buffer] = None
            return
        spec = self.program.buffers[buffer]
        tensor = self.program.placement.graph.tensor_spec(spec.tensor)
        self.arrays[buffer] = self.regions[spec.device].arrays(tensor)(block.offset)

    def fill_variable(self, buffer: int) -> None:
        """Give a variable its first value. Raises ExecutionError, which names the variable."""
        graph = self.program.placement.graph
        operation = graph.operation(graph.producer(self.program.buffers[buffer].tensor))
        try:
            self.storage.compute(rule(operation.type), (), (self.arrays[buffer],), operation.attributes)
        except Exception as error:
            raise ExecutionError(f"variable {operation.name!r} cannot be filled: {_words(error)}") from error

    def work(self, task: Task) -> None:
        """Do what a task does. Raises ExecutionError, which names the operation and device, for whatever goes wrong."""
        try:
            self._work(task)
        except Exception as error:
            raise ExecutionError(f"{self._describe(task)} failed: {_words(error)}") from error

    def _work(self, task: Task) -> None:
        inputs = [self.arrays[buffer] for buffer in task.reads]
        outputs = [self.arrays[buffer] for buffer in task.writes]
        match task.kind:
            case TaskKind.COMPUTE:
                operation = self.program.placement.graph.operation(task.subject)
                self.storage.compute(rule(operation.type), inputs, outputs, operation.attributes)
            case TaskKind.FEED:
                self.storage.write(outputs[0], self.feeds.get(task.name))
            case TaskKind.TRANSFER:
                self.storage.copy(inputs[0], outputs[0])
            case TaskKind.FETCH:
                self.results[task.subject] = self.storage.read(inputs[0])

    def _describe(self, task: Task) -> str:
        if task.kind is not TaskKind.COMPUTE:
            return f"the {task.kind.value} of tensor {task.name!r}"
        operation = self.program.placement.graph.operation(task.subject)
        device = self.program.placement.machine.devices[task.device].name
        return f"operation {operation.name!r} ({operation.type}) on {short_name(device)}"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
