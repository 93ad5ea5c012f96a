"""Random eager programs under TensorFlow's rules and the Array API's: scopes, dtypes, variables, copies, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np

import simgpu as sg
from simgpu.arrays import Runtime
from simgpu.errors import SimgpuError
from simgpu.machine import Machine

SCOPES = ("", "/gpu:0", "/gpu:1", "/cpu:0", "/gpu:7", "/cpu", "/gpu", "/device:XPU:0", "/job:w/gpu:0")
VALUES = (1.5, 2, True, [1.0, 2.0], [1, 2], [[1.0, 2.0], [3.0, 4.0]], 1 + 2j)
DTYPES = ("float32", "float64", "int32", "int64", "bool", "float16")
CASTS = ("float32", "float64", "complex64", "bool")
"""None that depends on the hardware: what is beyond an integer dtype becomes on a card another integer."""
OPERATIONS = ("add", "multiply", "matmul", "sum", "equal", "astype", "negative", "bitwise_and")
STEPS = ("constant", "variable", "operation", "operation", "assign", "move", "array", "view", "drop")

steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 40), st.integers(0, 40), st.sampled_from(SCOPES)),
    max_size=20,
)


@dataclass(frozen=True)
class Rules:
    """How a runtime places: its kernel set, whether softly, and what becomes of inputs elsewhere."""

    kernels: str
    soft: bool
    mixed: str


rules = st.builds(
    Rules, st.sampled_from(("float-only", "tensorflow", "all")), st.booleans(), st.sampled_from(("copy", "raise"))
)


class PlacedProgram:
    """Runs steps, and notes of each what came of it: where a result is, or what was refused in which words."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.xp = runtime.xp()
        self.held: list[Any] = []
        self.outcomes: list[tuple[str, ...]] = []
        self.has_values = runtime.storage.name != "shape"

    def step(self, name: str, first: int, second: int, scope: str) -> None:
        """Do one step inside a scope, if there is one, and note what came of it."""
        try:
            if not scope:
                made = getattr(self, name)(first, second)
            else:
                with self.runtime.device(scope):
                    made = getattr(self, name)(first, second)
        except (SimgpuError, TypeError) as error:
            self.outcomes.append((name, type(error).__name__, str(error)))
            return
        if made is not None:
            self.held.append(made)
            self.outcomes.append(told(name, made))

    def values(self) -> list[Any]:
        """Return the values of all arrays that are there."""
        return [array_of(it).value() for it in self.held] if self.has_values else []

    def constant(self, first: int, second: int) -> Any:
        return sg.constant(VALUES[first % len(VALUES)])

    def variable(self, first: int, second: int) -> Any:
        # Names of variables are counted in a process, so they are given here.
        return sg.Variable(VALUES[first % len(VALUES)], name=f"v{len(self.outcomes)}")

    def array(self, first: int, second: int) -> Any:
        dtype = getattr(self.xp, DTYPES[second % len(DTYPES)])
        device = (None, None, "gpu:0", "gpu:1", "cpu:0", "gpu:5")[first % 6]
        return self.xp.ones((2, 2), dtype=dtype, device=device)

    def operation(self, first: int, second: int) -> Any:
        if not self.held:
            return None
        x, y = (array_of(self.held[number % len(self.held)]) for number in (first, second))
        name = OPERATIONS[(first + second) % len(OPERATIONS)]
        if name == "astype":
            return self.xp.astype(x, getattr(self.xp, CASTS[second % len(CASTS)]))
        return getattr(self.xp, name)(x) if name in ("sum", "negative") else getattr(self.xp, name)(x, y)

    def assign(self, first: int, second: int) -> None:
        variables = [it for it in self.held if isinstance(it, sg.Variable)]
        if variables:
            variables[first % len(variables)].assign(array_of(self.held[second % len(self.held)]))

    def move(self, first: int, second: int) -> Any:
        if not self.held:
            return None
        return array_of(self.held[first % len(self.held)]).to_device(("gpu:0", "gpu:1", "cpu:0", "gpu:9")[second % 4])

    def view(self, first: int, second: int) -> Any:
        return array_of(self.held[first % len(self.held)])[..., None] if self.held else None

    def drop(self, first: int, second: int) -> None:
        if self.held:
            del self.held[first % len(self.held)]


def array_of(held: Any) -> Any:
    """Return the array of a variable; an array as it is."""
    return held.array if isinstance(held, sg.Variable) else held


def told(name: str, made: Any) -> tuple[str, ...]:
    """Return what a result says of its place."""
    array = array_of(made)
    return (name, array.device, array.backing_device, str(array.dtype), str(array.shape))


@dataclass(frozen=True)
class Ran:
    """What a program has shown: outcomes, ledgers, and where each operation was placed and why; values beside it."""

    outcomes: tuple[tuple[str, ...], ...]
    ledgers: tuple[str, ...]
    decisions: tuple[tuple[str, str, str], ...]


def run(program: list[tuple[str, int, int, str]], rules: Rules, storage: Any) -> tuple[Ran, list[Any]]:
    """Run a program on new devices, and return what it has shown, and the values of its arrays."""
    machine = Machine("1 x 1MiB").split({"GPU:0": ["16KiB", "16KiB"]})
    options = {"kernels": rules.kernels, "soft": rules.soft, "mixed": rules.mixed}
    with Runtime(machine, storage=storage, **options) as runtime, runtime.record() as recording:
        running = PlacedProgram(runtime)
        for step in program:
            running.step(*step)
        values = running.values()
        outcomes = tuple(running.outcomes)
        running.held.clear()
        trace = recording.trace
        ledgers = tuple(trace.ledger_hash(number) for number in range(len(trace.devices)))
    decisions = tuple((it.operation, it.device, it.reason) for it in trace.decisions)
    return Ran(outcomes, ledgers, decisions), values


def assert_same_values(found: list[Any], expected: list[Any]) -> None:
    """Hold values of a card against those of NumPy."""
    assert len(found) == len(expected)
    for value, answer in zip(found, expected, strict=True):
        tolerance = 1e-2 if answer.dtype == np.float16 else 1e-3
        np.testing.assert_allclose(value, answer, rtol=tolerance, atol=1e-5, strict=True)
