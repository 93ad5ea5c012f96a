"""From a placement to a program: which tensors must move, who waits for whom, who reads what."""

from __future__ import annotations

from simgpu.errors import GraphError
from simgpu.graph import BACK_EDGE_SOURCE, Operation
from simgpu.placement import Placement
from simgpu.program.program import CALLER, Buffer, Program, Task, TaskKind


def lower(placement: Placement) -> Program:
    """Make the program of a placed graph. Raises GraphError if the graph has a loop, which no engine runs."""
    lowering = _Lowering(placement)
    for operation in placement.graph:
        lowering.add(operation)
    return lowering.program()


class _Lowering:
    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.graph = placement.graph
        self.tasks: list[Task] = []
        self.buffers: list[Buffer] = []
        self.residents: list[int] = []
        self.buffer_at: dict[tuple[int, int], int] = {}  # (tensor, device) -> buffer
        self.writer: dict[int, int] = {}  # buffer -> task
        self.task_of: dict[int, int] = {}  # operation -> its compute or feed task
        self.fetched: dict[int, int] = {}  # tensor -> fetch task
        self.inputs: list[tuple[int, ...]] = []  # operation -> devices in whose memory it reads
        self.homes: list[int] = []  # tensor -> device in whose memory it is made
        for index in range(len(self.graph)):
            reads, writes = placement.memory_devices(index)
            self.inputs.append(reads)
            self.homes += writes

    def add(self, operation: Operation) -> None:
        if operation.type == BACK_EDGE_SOURCE:
            raise GraphError(f"operation {operation.name!r} closes a loop; loops can be placed, but not run")
        if operation.type == "Variable":
            if operation.control_inputs:
                raise GraphError(
                    f"variable {operation.name!r} has control inputs; variables are there before the first operation "
                    "runs, so let the operations that read it wait instead"
                )
            self.residents += [self._buffer(tensor, self.homes[tensor]) for tensor in operation.outputs]
        elif operation.type == "Input":
            self._move_in(operation)
        else:
            self._compute(operation)

    def _move_in(self, operation: Operation) -> None:
        if len(operation.outputs) != 1:
            raise GraphError(f"input {operation.name!r} has {len(operation.outputs)} outputs; an Input has exactly one")
        (tensor,) = operation.outputs
        buffer = self._buffer(tensor, self.homes[tensor])
        self.task_of[operation.index] = self._task(
            TaskKind.FEED, operation.name, tensor, self.homes[tensor], CALLER, writes=(buffer,)
        )

    def _compute(self, operation: Operation) -> None:
        reads = tuple(
            self._copy_of(tensor, device)
            for tensor, device in zip(operation.inputs, self.inputs[operation.index], strict=True)
        )
        writes = tuple(self._buffer(tensor, self.homes[tensor]) for tensor in operation.outputs)
        self.task_of[operation.index] = self._task(
            TaskKind.COMPUTE,
            operation.name,
            operation.index,
            self.placement.devices[operation.index],
            CALLER,
            reads=reads,
            writes=writes,
        )

    def program(self) -> Program:
        """Add the fetches, then who waits for whom: known only now, since an operation may come before its inputs."""
        fetch_tasks = tuple(self._fetch(tensor) for tensor in self.graph.fetches)
        tasks = [self._with_dependencies(task) for task in self.tasks]
        followers: list[list[int]] = [[] for _ in tasks]
        reader_counts = [0] * len(self.buffers)
        for index, task in enumerate(tasks):
            for other in task.waits_for:
                followers[other].append(index)
            for buffer in set(task.reads):
                reader_counts[buffer] += 1
        return Program(
            self.placement, tasks, followers, self.buffers, reader_counts, tuple(self.residents), fetch_tasks
        )

    def _with_dependencies(self, task: Task) -> Task:
        waits = [self.writer[buffer] for buffer in task.reads if buffer in self.writer]
        if task.kind in (TaskKind.COMPUTE, TaskKind.FEED):
            is_feed = task.kind is TaskKind.FEED
            operation = self.graph.producer(task.subject) if is_feed else task.subject
            controls = self.graph.data.control_inputs[operation]
            waits += [self.task_of[control] for control in controls if control in self.task_of]
        return Task(
            task.kind, task.name, task.subject, task.device, task.source, task.reads, task.writes,
            tuple(dict.fromkeys(waits)),
        )  # fmt: skip

    def _buffer(self, tensor: int, device: int) -> int:
        key = (tensor, device)
        if key not in self.buffer_at:
            self.buffer_at[key] = len(self.buffers)
            size = self.graph.tensor_spec(tensor).nbytes
            self.buffers.append(Buffer(tensor, device, size, self.graph.tensor_name(tensor)))
        return self.buffer_at[key]

    def _copy_of(self, tensor: int, device: int) -> int:
        home = self.homes[tensor]
        if device == home or (tensor, device) in self.buffer_at:
            return self._buffer(tensor, device)
        source, target = self._buffer(tensor, home), self._buffer(tensor, device)
        self._task(
            TaskKind.TRANSFER, self.graph.tensor_name(tensor), tensor, device, home, reads=(source,), writes=(target,)
        )
        return target

    def _fetch(self, tensor: int) -> int:
        if tensor not in self.fetched:
            source = self._buffer(tensor, self.homes[tensor])
            name = self.graph.tensor_name(tensor)
            self.fetched[tensor] = self._task(TaskKind.FETCH, name, tensor, CALLER, self.homes[tensor], reads=(source,))
        return self.fetched[tensor]

    def _task(
        self,
        kind: TaskKind,
        name: str,
        subject: int,
        device: int,
        source: int,
        *,
        reads: tuple[int, ...] = (),
        writes: tuple[int, ...] = (),
    ) -> int:
        task = len(self.tasks)
        self.tasks.append(Task(kind, name, subject, device, source, reads, writes, ()))
        self.writer.update(dict.fromkeys(writes, task))
        return task
