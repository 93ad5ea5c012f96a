"""Recordings: what ran eagerly, as a graph for any placer and both engines, and as a trace.

    with sg.record() as program:
        y = step(x)
    program.fetch(y)
    predicted = sg.simulate(sg.place(program.graph, sg.Machine("4 x h100-80g")))

A recording only notes what happens; nothing is slower than the noting, and every array dies when it would die
otherwise. Graph and trace are made when they are asked for, also while the recording goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from threading import Lock
from time import perf_counter_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any

from simgpu.arrays.array import Array
from simgpu.arrays.recorded import Computed, Copied, Entry, Fed, Granted, Returned, Seen, Viewed
from simgpu.arrays.recorded_trace import RecordedTrace
from simgpu.arrays.versions import Versions, name_of
from simgpu.errors import GraphError, InvalidValue, check_type
from simgpu.graph import Constant, Data, Graph, Initializer, Tensor, TensorSpec
from simgpu.memory import Block
from simgpu.trace import Span, Trace

if TYPE_CHECKING:
    from simgpu.arrays.deciding import Decision
    from simgpu.arrays.rules import Rules
    from simgpu.arrays.runtime import Runtime


class Recording:
    """What ran on a runtime inside `with runtime.record() as program:`. Recordings may be nested.

    Operations on all threads are noted. Copies between devices are no operations: engines add the transfers that a
    placement needs. Views become operations when they are read, changes in place new tensors.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._log: deque[Entry] = deque()  # what `_followed` has not yet taken
        self._known: dict[int, set[int]] = {}  # id of a live block -> ids of the storage arrays that have a tensor
        self._following = Lock()
        self._versions: Versions | None = None
        self._trace: RecordedTrace | None = None
        self._kernels: set[str] = set()
        self._fetches: list[Tensor] = []
        self._is_open = False

    def __enter__(self) -> Recording:
        if self._versions is not None:
            raise InvalidValue("a recording is made once; start a new one: `with runtime.record() as program:`")
        devices = self._runtime.machine.devices
        self._versions = Versions()
        self._trace = RecordedTrace(devices, perf_counter_ns())
        self._is_open = True
        self._runtime.watch(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._runtime.unwatch(self)
        self._is_open = False
        self._followed()

    @property
    def graph(self) -> Graph:
        """What ran, each operation with the device on which it ran as its request. Inputs are fed by `feeds`."""
        return self.graph_for()

    @property
    def feeds(self) -> dict[str, Any]:
        """The values of the graph's inputs, as they were; empty on storage that has no values."""
        values = self._followed().values
        return {name: value for name, value in values.items() if not isinstance(value, TensorSpec)}

    @property
    def kernels(self) -> str:
        """The kernel set under which everything ran, or `all` if there were several: for `place(graph, …)`."""
        self._followed()
        return next(iter(self._kernels)) if len(self._kernels) == 1 else "all"

    @property
    def trace(self) -> Trace:
        """Spans, memory events and decisions, on the host's clock. What was alive before is granted at time 0.

        What a card computes by itself has the span of its launch.
        """
        operations = self._followed().operations
        assert self._trace is not None, "whoever has versions has a trace"
        return self._trace.finished(operations)

    @property
    def transfers(self) -> tuple[Span, ...]:
        """The copies between memories, in the order in which they ended."""
        return tuple(span for span in self.trace.spans if span.kind == "transfer")

    def peak_bytes(self, device: str = "GPU:0") -> int:
        """Return the largest number of bytes in use at one time on a device, as its ledger counts."""
        return self.trace.peak_bytes(self._runtime.machine.index(device))

    def graph_for(self, *, keep_devices: bool = True, as_variables: bool = False) -> Graph:
        """Return what ran, as a graph.

        Without `keep_devices` no operation asks for a device, so that a placer decides; with `as_variables`, what came
        from outside is in the graph, and nothing need be fed. Raises GraphError where memory was changed in a way that
        no graph can tell.
        """
        versions = self._followed()
        if versions.problem:
            raise GraphError(f"what was recorded cannot become a graph: {versions.problem}")
        initializers = {name: _recipe(value) for name, value in versions.values.items()} if as_variables else {}
        return versions.graph(keep_devices=keep_devices, initializers=initializers, fetches=self._fetches)

    def fetch(self, *arrays: Array) -> tuple[str, ...]:
        """Have these arrays returned by runs of the graph; return their names there.

        An array is fetched as it is now, or as it was at the end of the recording. Raises InvalidValue for one that
        took no part in it.
        """
        for array in arrays:
            check_type(array, Array, "fetch", "an array; of a variable, give its `array`")
            array.check_live()
            if array._kind.runtime is not self._runtime:
                raise InvalidValue(f"this {array._kind.spec} is of another runtime than what was recorded")
            if self._is_open:
                self._note_origin(self._seen(array))
        versions = self._followed()
        for array in arrays:
            if not versions.knows(self._seen(array)):
                raise InvalidValue(f"this {array._kind.spec} on {array.device} took no part in what was recorded")
        tensors = [versions.tensor(self._seen(array)) for array in arrays]
        self._fetches += tensors
        return tuple(map(name_of, tensors))

    def computed(
        self,
        type: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        decision: Decision,
        start_ns: int,
    ) -> None:
        """Note an operation."""
        end_ns = perf_counter_ns()
        read, made = tuple(map(self._seen, inputs)), tuple(map(self._seen, outputs))
        for array in read:
            self._note_origin(array)
        rules, resource = _rules_of(outputs), self._runtime.machine.devices[decision.device].name
        device = self._request(rules, resource, is_new=not inputs)
        kept = _kept(attributes)
        self._log.append(Computed(type, kept, read, made, rules, device, resource, decision.reason, start_ns, end_ns))
        if rules is not None:
            self._kernels.add(rules.kernels)
        for array in made:
            self._note_known(array)

    def copied(self, source: Array, target: Array, start_ns: int) -> None:
        """Note a copy."""
        end_ns = perf_counter_ns()
        read, made = self._seen(source), self._seen(target)
        self._note_origin(read)
        self._log.append(Copied(read, made, start_ns, end_ns))
        self._note_known(made)

    def viewed(self, type: str, attributes: Mapping[str, Any], source: Array, view: Array) -> None:
        """Note a view."""
        self._note_origin(self._seen(source))
        self._log.append(Viewed(type, _kept(attributes), self._seen(source), self._seen(view)))
        self._note_known(self._seen(view))

    def changing(self, array: Array) -> None:
        """Note the values of an array before they change, if it comes from outside."""
        self._note_origin(self._seen(array))

    def granted(self, device: int, block: Block, owner: str) -> None:
        """Note that memory was granted."""
        self._known[id(block)] = set()
        self._log.append(Granted(device, block, owner, perf_counter_ns()))

    def returned(self, device: int, block: Block) -> None:
        """Note that memory came back."""
        self._log.append(Returned(device, block, perf_counter_ns()))
        self._known.pop(id(block), None)

    def _seen(self, array: Array) -> Seen:
        """Note which array this is."""
        kind = array._kind
        device = self._runtime.machine.devices[kind.site.device].name
        return Seen(array._buffer.block, array._data, kind.spec, device, kind.site.memory, kind.rules)

    def _request(self, rules: Rules | None, device: str, *, is_new: bool) -> str:
        """Return what an operation asks for in the graph that ran on a device. `is_new`: it had no inputs."""
        return device

    def _value_of(self, array: Seen) -> Any:
        """Return the values of an array that came from outside."""
        return self._runtime.storage.read(array.data)

    def _name_of(self, array: Seen) -> str:
        """Return the name of the Input for an array that came from outside."""
        return "Input"

    def _note_origin(self, array: Seen) -> None:
        """Note the values of an array that comes from outside."""
        if id(array.data) not in self._known.get(id(array.block), ()):
            self._log.append(Fed(array, self._value_of(array), self._name_of(array)))
            self._note_known(array)

    def _note_known(self, array: Seen) -> None:
        self._known.setdefault(id(array.block), set()).add(id(array.data))

    def _followed(self) -> Versions:
        """Take what was noted since the last time."""
        if self._versions is None or self._trace is None:
            raise InvalidValue("nothing was recorded yet; use the recording as a context manager: `with … as program:`")
        with self._following:
            while self._log:
                entry = self._log.popleft()
                self._trace.take(entry, self._versions.take(entry))
        return self._versions


def _kept(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return attributes that the caller cannot change any more, not even the values of a constant."""
    kept = dict(attributes)
    given = kept.get("initializer")
    if isinstance(given, Data):
        kept["initializer"] = Data(given.array.copy())
    return kept


def _rules_of(outputs: Sequence[Array]) -> Rules | None:
    return outputs[0]._kind.rules if outputs else None


def _recipe(value: Any) -> Initializer:
    return Constant(0) if isinstance(value, TensorSpec) else Data(value)
