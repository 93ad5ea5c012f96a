"""The critical path: what the makespan consists of, from its end back to its beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from simgpu.metrics.columns import NONE
from simgpu.metrics.history import History, history_of
from simgpu.trace import SpanKind, Table, Trace

StepKind = SpanKind | Literal["waiting", "release"]
After = Literal["dependency", "turn", "nothing"]

_AFTER: tuple[After, ...] = ("dependency", "turn", "nothing")
_GAPS: tuple[StepKind, ...] = ("waiting", "release")


class Step(NamedTuple):
    """A piece of the critical path: a span, or what `name` spent before it started.

    `span` is the number of that span in the trace. `after` says why the step comes after the one before it: it depends
    on that one, or it waited for its turn until that one had ended. A step of kind `waiting` is a wait that no span
    explains, one of kind `release` the time before the operation was released or given to the program.
    """

    kind: StepKind
    name: str
    resource: str
    start_ps: int
    end_ps: int
    span: int
    after: After


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """Steps from the start of a run to its end. Each begins where the one before it ends."""

    steps: Sequence[Step]

    @property
    def makespan_ps(self) -> int:
        """The sum of all steps."""
        return sum(self.by_kind_ps().values())

    def by_kind_ps(self) -> dict[StepKind, int]:
        """Return how long the steps of each kind are together."""
        kinds: tuple[StepKind, ...] = ("compute", "transfer", "launch", "waiting", "release")
        spent = dict.fromkeys(kinds, 0)
        for step in self.steps:
            spent[step.kind] = spent.get(step.kind, 0) + step.end_ps - step.start_ps
        return spent


def critical_path(trace: Trace) -> CriticalPath:
    """Return the path that ends with the last span: at each step, to what the span came right after.

    What that is, is said in `simgpu.metrics.history`. In a simulation the path has no gaps but for releases, and for
    waits on a later hop of store-and-forward links. Durations are as they were: a span that shared its link or its
    card with others lies on the path with all the time that it took. Of spans that end at the same time, the path takes
    the one that started last.
    """
    return path_of(history_of(trace))


def path_of(history: History) -> CriticalPath:
    """Return the critical path of spans of which it is known what they came after."""
    columns = history.columns
    table = Table(Step, [*columns.kinds, *_GAPS], columns.names, columns.resources, None, None, None, _AFTER)
    for step in reversed(list(_steps_back(history))):
        table.append(*step)
    return CriticalPath(table)


def _steps_back(history: History) -> Iterator[tuple[int, ...]]:
    """Yield the numbers of each step, from the end back to the beginning."""
    columns = history.columns
    waiting, release = len(columns.kinds), len(columns.kinds) + 1
    span = int(history.order.end.argmax()) if len(columns) else NONE
    while span != NONE:
        earlier = int(history.before[span])
        after = _AFTER.index("nothing") if earlier == NONE else int(history.is_turn[span])
        ready_ps, start_ps, end_ps = (int(it[span]) for it in (columns.ready_ps, columns.start_ps, columns.end_ps))
        words = int(columns.name[span]), int(columns.resource[span])
        yield int(columns.kind[span]), *words, start_ps, end_ps, span, after
        before_ps = ready_ps if earlier == NONE else int(columns.end_ps[earlier])
        if before_ps < start_ps:
            yield waiting, *words, before_ps, start_ps, span, after
        if earlier == NONE and ready_ps:
            yield release, *words, 0, ready_ps, span, after
        span = earlier
