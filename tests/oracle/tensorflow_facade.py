"""As much of TensorFlow's names over simgpu as the recorded cases use: `tf`, `v1` and `L`, for code that is eager.

Values, devices, settings and errors are simgpu's own, by its public API. What stands here is only how TensorFlow calls
things, and which constants it makes on the way from Python's values to an operation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

import simgpu as sg
from tests.oracle.tensorflow_journal import Journal
from tests.oracle.tensorflow_names import BINARY, DTYPES, NEURAL, REDUCTIONS, UNARY


class Tensor:
    """An array, with what only TensorFlow's tensors have."""

    def __init__(self, facade: Facade, array: sg.Array) -> None:
        self._facade, self.array = facade, array
        self.device, self.backing_device = array.device, array.backing_device

    def gpu(self, gpu_index: int = 0) -> Tensor:
        return Tensor(self._facade, self.array.to_device(f"gpu:{gpu_index}"))

    def cpu(self) -> Tensor:
        return Tensor(self._facade, self.array.to_device("cpu:0"))

    def numpy(self) -> Any:
        return self.array.value()

    def __add__(self, other: object) -> Tensor:
        return self._facade.run("Add", self, other)

    def __radd__(self, other: object) -> Tensor:
        return self._facade.run("Add", other, self)

    def __sub__(self, other: object) -> Tensor:
        return self._facade.run("Sub", self, other)

    def __mul__(self, other: object) -> Tensor:
        return self._facade.run("Mul", self, other)

    def __matmul__(self, other: object) -> Tensor:
        return self._facade.run("MatMul", self, other)

    def __neg__(self) -> Tensor:
        return self._facade.run("Neg", self)


class Facade:
    """TensorFlow over one runtime, which is the current one while code runs."""

    def __init__(self, runtime: sg.Runtime) -> None:
        self.runtime = runtime
        self.journal = Journal()
        runtime.observers = (self.journal,)
        self.graph: sg.GraphBuilder | None = None
        self._seeds = itertools.count()

    def names(self) -> dict[str, Any]:
        """Return what the code of a case finds as global names."""
        graph = SimpleNamespace(as_default=self._building)
        refused = ("disable_eager_execution", "disable_v2_behavior", "ConfigProto", "Session")
        v1 = SimpleNamespace(Graph=lambda: graph, **dict.fromkeys(refused, _refuse_graph_mode))
        return {"tf": self._tf(v1), "v1": v1, "L": sg.config.LogicalDeviceConfiguration}

    def run(self, type: str, *inputs: object, **attributes: Any) -> Tensor:
        """Run an operation on tensors, variables and Python's values, which become constants first."""
        if self.graph is not None:
            return self._in_graph(type, inputs, attributes)
        arrays = [self._array(value) for value in inputs]
        return Tensor(self, sg.current_runtime().apply(type, arrays, attributes)[0])

    def constants(self, *values: object, dtype: str | None = None) -> None:
        """Make constants that TensorFlow hands to an operation, and simgpu does not need: shapes, axes, bounds."""
        for value in values:
            self._constant(value, dtype)

    def _constant(self, value: Any, dtype: str | None = None, **_: Any) -> Any:
        if self.graph is None:
            return Tensor(self, sg.constant(value, dtype))
        values = np.asarray(value, dtype or ("float32" if isinstance(value, float) else None))
        spec = sg.TensorSpec(values.shape, values.dtype.name)
        return self._in_graph("Variable", (), {"spec": spec, "initializer": sg.Data(values)})

    def _in_graph(self, type: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """Add an operation to the graph that is being built; nothing runs."""
        assert self.graph is not None
        tensors = [it if isinstance(it, sg.Tensor) else self._constant(it) for it in inputs]
        return sg.add_operation(self.graph, type, tensors, **attributes)[0]

    @contextmanager
    def _building(self) -> Iterator[sg.GraphBuilder]:
        self.graph, before = sg.GraphBuilder(), self.graph
        yield self.graph
        self.graph = before

    def _device(self, name: Any) -> Any:
        return sg.device(name) if self.graph is None else self.graph.device(name)

    def _array(self, value: Any) -> Any:
        if isinstance(value, Tensor | sg.Variable):
            return value.array
        return value if isinstance(value, sg.Array) else self._constant(value).array

    def _tf(self, v1: SimpleNamespace) -> SimpleNamespace:
        own = sg.config
        elementwise = {name: self._pointwise(type) for name, type in {**BINARY, **UNARY}.items()}
        return SimpleNamespace(
            **{name: name for name in DTYPES.split()},
            **elementwise,
            **{name: self._reduction(type) for name, type in REDUCTIONS.items()},
            config=own,
            debugging=sg.debugging,
            compat=SimpleNamespace(v1=v1),
            math=SimpleNamespace(**elementwise),
            nn=SimpleNamespace(**{name: self._pointwise(type) for name, type in NEURAL.items()}),
            linalg=SimpleNamespace(matmul=elementwise["matmul"]),
            raw_ops=SimpleNamespace(AddV2=lambda x, y: self.run("Add", x, y)),
            test=SimpleNamespace(is_gpu_available=_is_gpu_available, gpu_device_name=_gpu_device_name),
            random=SimpleNamespace(uniform=self._uniform, normal=self._normal),
            strings=SimpleNamespace(length=self._pointwise("StringLength")),
            Graph=v1.Graph,
            device=self._device,
            DeviceSpec=sg.DeviceSpec,
            function=_function(self),
            constant=self._constant,
            convert_to_tensor=self._constant,
            Variable=lambda *given, **named: JournalledVariable(self, *given, **named),
            zeros=lambda shape, dtype="float32": self._fill(shape, 0, dtype),
            ones=lambda shape, dtype="float32": self._fill(shape, 1, dtype),
            fill=lambda shape, value: self._fill(shape, value, "float32" if isinstance(value, float) else "int32"),
            range=self._range,
            cast=lambda x, dtype: self.run("Cast", x, dtype=dtype),
            gather=self._gather,
            argmax=lambda x, axis=0: self._with_constants("ArgMax", x, axis, axis=axis, keepdims=0),
            reshape=lambda x, shape: self._with_constants("reshape", x, shape, shape=tuple(shape)),
            transpose=self._transpose,
            expand_dims=lambda x, axis: self._with_constants("expand_dims", x, axis, axis=axis),
            squeeze=lambda x: self._squeeze(x),
            tile=lambda x, multiples: self._with_constants("tile", x, multiples, repetitions=tuple(multiples)),
            cumsum=lambda x, axis=0: self._with_constants("cumulative_sum", x, axis, axis=axis),
            where=lambda condition, x=None, y=None: self._where(condition, x, y),
            concat=lambda values, axis: self._concat(values, axis),
            stack=lambda values, axis=0: self.run("stack", *values, axis=axis),
        )

    def _pointwise(self, type: str) -> Callable[..., Tensor]:
        return lambda *inputs, name=None: self.run(type, *inputs)

    def _reduction(self, type: str) -> Callable[..., Tensor]:
        """TensorFlow computes the axes by an operation of its own if none are given."""

        def reduce(x: Any, axis: int | None = None) -> Tensor:
            array = self._array(x)
            if axis is None:
                self._range(array.ndim)
            self.constants(0 if axis is None else axis)
            axes = tuple(range(array.ndim)) if axis is None else (axis,)
            return self.run(type, array, axes=axes, keepdims=0)

        return reduce

    def _with_constants(self, type: str, x: Any, given: object, **attributes: Any) -> Tensor:
        array = self._array(x)
        self.constants(given)
        return self.run(type, array, **attributes)

    def _concat(self, values: Sequence[Any], axis: int) -> Tensor:
        arrays = [self._array(value) for value in values]
        self.constants(axis)
        return self.run("concat", *arrays, axis=axis)

    def _transpose(self, x: Any) -> Tensor:
        array = self._array(x)
        axes = tuple(reversed(range(array.ndim)))
        return self._with_constants("permute_dims", array, list(axes), axes=axes)

    def _squeeze(self, x: Any) -> Tensor:
        array = self._array(x)
        return self.run("squeeze", array, axis=tuple(axis for axis, length in enumerate(array.shape) if length == 1))

    def _where(self, condition: Any, x: Any, y: Any) -> Tensor:
        return self.run("nonzero", condition) if x is None else self.run("Where", condition, x, y)

    def _gather(self, params: Any, indices: Any) -> Tensor:
        arrays = [self._array(params), self._array(indices)]
        self.constants(0)
        return self.run("Gather", *arrays, axis=0)

    def _fill(self, shape: Sequence[int], value: float, dtype: str) -> Tensor:
        self.constants(list(shape), dtype="int32")
        self.constants(value, dtype=dtype)
        name = {0: "zeros", 1: "ones"}.get(value)
        if name is None:
            return self.run("full", shape=tuple(shape), fill_value=value, dtype=dtype)
        return self.run(name, shape=tuple(shape), dtype=dtype)

    def _range(self, start: int, stop: int | None = None, step: int = 1) -> Tensor:
        start, stop = (0, start) if stop is None else (start, stop)
        dtype = "float32" if any(isinstance(it, float) for it in (start, stop, step)) else "int32"
        self.constants(start, stop, step, dtype=dtype)
        return self.run("arange", start=start, stop=stop, step=step, dtype=dtype)

    def _uniform(
        self, shape: Sequence[int], minval: float = 0, maxval: float | None = None, dtype: str = "float32", **_: Any
    ) -> Tensor:
        self.constants(list(shape), dtype="int32")
        given = {"shape": tuple(shape), "dtype": dtype, "seed": (next(self._seeds),)}
        if dtype in ("int32", "int64"):
            assert maxval is not None
            self.constants(minval, maxval, dtype=dtype)
            return self.run("RandomUniformInt", low=int(minval), high=int(maxval), **given)
        return self.run("RandomUniform", low=float(minval), high=1.0 if maxval is None else float(maxval), **given)

    def _normal(self, shape: Sequence[int], dtype: str = "float32", **_: Any) -> Tensor:
        self.constants(list(shape), dtype="int32")
        made = self.run("RandomNormal", shape=tuple(shape), dtype=dtype, seed=(next(self._seeds),))
        return made * 1.0 + 0.0


class JournalledVariable(sg.Variable):
    """A variable whose operations are noted by the names that TensorFlow has for them."""

    __slots__ = ("_facade", "_journal")

    def __init__(self, facade: Facade, *given: Any, **named: Any) -> None:
        self._facade, self._journal = facade, facade.journal
        super().__init__(*map(_unwrapped, given), **named)
        self._journal.executed += [["VarHandleOp", self.device], ["AssignVariableOp", self.device]]

    def assign(self, value: Any) -> JournalledVariable:
        super().assign(_unwrapped(value))
        self._journal.executed.append(["AssignVariableOp", self.device])
        return self

    def assign_add(self, delta: Any) -> JournalledVariable:
        super().assign_add(_unwrapped(delta))
        assert self._journal.executed.pop() == ["AddV2", self.device]
        self._journal.executed.append(["AssignAddVariableOp", self.device])
        return self

    def assign_sub(self, delta: Any) -> JournalledVariable:
        super().assign_sub(_unwrapped(delta))
        assert self._journal.executed.pop() == ["Sub", self.device]
        self._journal.executed.append(["AssignSubVariableOp", self.device])
        return self

    def value(self) -> Tensor:
        return Tensor(self._facade, self.array)


def _function(facade: Facade) -> Callable[..., Any]:
    """Return `tf.function`, over `simgpu.function`."""

    def function(traced: Callable[..., Any]) -> Callable[..., Any]:
        compiled = sg.function(lambda *given: _unwrapped(traced(*given)))
        return lambda *given: _wrapped(facade, compiled(*map(_unwrapped, given)))

    return function


def _unwrapped(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) else value


def _wrapped(facade: Facade, value: Any) -> Any:
    return Tensor(facade, value) if isinstance(value, sg.Array) else value


def _is_gpu_available() -> bool:
    return bool(sg.config.list_logical_devices("GPU"))


def _gpu_device_name() -> str:
    gpus = sg.config.list_logical_devices("GPU")
    return gpus[0].name if gpus else ""


def _refuse_graph_mode(*_: object, **__: object) -> None:
    raise NotImplementedError("simgpu has no graph mode of TensorFlow 1")
