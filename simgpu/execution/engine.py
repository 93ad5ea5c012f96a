"""Execute a placed graph for real: real arrays under hard caps, real threads, real time.

One coordinator, the calling thread, owns all ledgers and decides what starts; workers only compute and copy. So a cap
needs no lock, and cannot be passed by any thread.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simgpu.errors import InvalidValue, check_type
from simgpu.execution.arrays import ProgramArrays
from simgpu.execution.feeds import checked_feeds
from simgpu.execution.later import HappensLater
from simgpu.execution.workers import Done, Workers
from simgpu.placement import Placement
from simgpu.program import Program, Progress, Recorder, TaskKind, lower
from simgpu.storage import Moments, Storage, storage_named
from simgpu.trace import TRACE_WANTED, Span, Trace

OnProgress = Callable[[int, int], None]
"""(tasks done, tasks in all)"""

_FOREIGN_TRACE = "the trace to follow is of another graph or placement; follow one of the same program"


def execute(
    placement: Placement,
    feeds: Mapping[str, Any] | None = None,
    *,
    storage: str | Storage = "numpy",
    follow: Trace | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[dict[str, Any], Trace]:
    """Run a placed graph, and return the fetched tensors by name, and the trace.

    Each device takes its operations as they become ready; with `follow`, exactly in the order of another trace of the
    same program, so that every ledger sees the same events. On `shape` storage feeds are not needed, and results are
    shapes. Raises OutOfDeviceMemory where a cap is reached, ExecutionError where an operation fails; either way
    nothing goes on running and every ledger is empty.
    """
    check_type(placement, Placement, "placement", "a Placement; give what `place` returns")
    check_type(follow, Trace | None, "follow", TRACE_WANTED)
    check_type(on_progress, Callable | None, "on_progress", "a function of the tasks done, and those in all")
    check_type(feeds, Mapping | None, "feeds", "a mapping; give the values of the inputs by their names")
    store = storage_named(storage)
    program = lower(placement)
    feeds = {} if store.name == "shape" and not feeds else checked_feeds(placement.graph, feeds or {})
    with (
        Progress(program, "execute", "real") as progress,
        ProgramArrays(program, store, feeds) as arrays,
        Workers(placement.machine, store.enter_thread) as workers,
    ):
        run = _Execution(program, progress, workers, arrays, on_progress)
        if follow is None:
            run.as_ready()
        else:
            run.in_order_of(follow)
        run.close()
    progress.trace.card_use = arrays.card_use
    graph = placement.graph
    results = {name: arrays.results[t] for name, t in zip(graph.fetch_names, graph.fetches, strict=True)}
    return results, progress.trace


class _Execution:
    """One run, seen by the coordinator."""

    def __init__(
        self,
        program: Program,
        progress: Progress,
        workers: Workers,
        arrays: ProgramArrays,
        on_progress: OnProgress | None,
    ) -> None:
        self.program = program
        self.progress = progress
        self.workers = workers
        self.arrays = arrays
        self.on_progress = on_progress
        spans: list[Span] = []
        progress.trace.spans = spans
        self.recorder = Recorder(program, spans)
        self.later = HappensLater(arrays.storage, spans)
        self.idle: dict[str, int] = {}
        self.queues: defaultdict[str, deque[int]] = defaultdict(deque)

    def as_ready(self) -> None:
        """Start each task as soon as it is ready and its device is idle."""
        self._enqueue(self._begin())
        while self.progress.unfinished:
            self._dispatch()
            done = self.workers.next_done()
            self._give_back_lane(done.task)
            self._enqueue(self._finish(done))

    def in_order_of(self, trace: Trace) -> None:
        """Start and finish tasks in the order of a trace."""
        if trace.decisions != self.progress.trace.decisions:
            raise InvalidValue(_FOREIGN_TRACE)
        ready, running = set(self._begin()), set[int]()
        ended: dict[int, Done] = {}
        for task, is_finish in trace.actions:
            if task not in (running if is_finish else ready):
                raise InvalidValue(_FOREIGN_TRACE)
            if not is_finish:
                ready.remove(task)
                running.add(task)
                self._start(task)
                continue
            while task not in ended:
                done = self.workers.next_done()
                ended[done.task] = done
            running.remove(task)
            ready.update(self._finish(ended.pop(task)))
        if self.progress.unfinished:
            raise InvalidValue(f"the trace to follow ends with {self.progress.unfinished} tasks left to run")

    def _begin(self) -> list[int]:
        ready = self.progress.begin()
        for buffer in self.program.residents:
            self.arrays.grant(buffer, self.progress.blocks[buffer])
        with ThreadPoolExecutor(2, initializer=self.arrays.storage.enter_thread) as pool:
            list(pool.map(self.arrays.fill_variable, self.program.residents))
        self.later.origin = self.arrays.origin()
        self.workers.start_clock()
        return ready

    def close(self) -> None:
        """Wait for what was launched, and write into the trace when it happened."""
        self.arrays.finish()
        self.later.resolve()

    def _enqueue(self, tasks: list[int]) -> None:
        for task in sorted(tasks):
            if self.program.tasks.kind_of(task) is TaskKind.COMPUTE:
                self.queues[self.workers.lane(self.program.tasks.device[task])].append(task)
            else:
                self._start(task)

    def _dispatch(self) -> None:
        for lane, queue in self.queues.items():
            while queue:
                width = self.workers.width(self.program.tasks.device[queue[0]])
                if self.idle.setdefault(lane, width) == 0:
                    break
                self.idle[lane] -= 1
                self._start(queue.popleft())

    def _give_back_lane(self, task: int) -> None:
        if self.program.tasks.kind_of(task) is TaskKind.COMPUTE:
            self.idle[self.workers.lane(self.program.tasks.device[task])] += 1

    def _start(self, number: int) -> None:
        task = self.program.tasks[number]
        self.progress.start(number, self.workers.now_ps())
        for buffer in task.writes:
            self.arrays.grant(buffer, self.progress.blocks[buffer])

        def work() -> Moments | None:
            return self.arrays.work(task)

        if self.arrays.is_launched(task):
            self.workers.launch(number, work)
        elif task.kind is TaskKind.COMPUTE:
            self.workers.compute(task.device, number, work)
        else:
            self.workers.move(number, work)

    def _finish(self, done: Done) -> list[int]:
        if done.error is not None:
            raise done.error
        tasks = self.program.tasks
        if done.moments is not None:
            self.recorder.launched(done.task, done.start_ps, done.end_ps)
            self.later.note(done.moments)
        self.recorder.started(done.task, done.start_ps)
        self.recorder.finished(done.task, done.end_ps)
        ready = self.progress.finish(done.task, self.workers.now_ps())
        for buffer in (*tasks.reads.row(done.task), *tasks.writes.row(done.task)):
            if self.progress.blocks[buffer] is None:
                self.arrays.grant(buffer, None)
        for follower in ready:
            self.recorder.ready(follower, done.end_ps)
        if self.on_progress is not None:
            self.on_progress(len(self.program.tasks) - self.progress.unfinished, len(self.program.tasks))
        return ready
