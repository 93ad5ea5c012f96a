"""`simgpu.function`: Python functions as graphs, one for each signature of their arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Mapping
from threading import RLock
from typing import Any, Generic, ParamSpec, TypeVar, overload

from simgpu.arrays.array import Array
from simgpu.arrays.default import RUNTIME_WANTED, current_runtime
from simgpu.arrays.nests import form_of, mapped
from simgpu.arrays.runtime import Runtime
from simgpu.arrays.symbols import Tracer
from simgpu.arrays.traced import Trace, trace_of
from simgpu.arrays.variable import Variable
from simgpu.errors import InvalidValue, check_type
from simgpu.graph import Graph

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Function(Generic[P, R]):
    """A function whose body runs once for each signature, on symbols; calls then run the graph that this gave.

    A signature is the shape, dtype and rules of each array, for arrays of the Array API their device, and all other
    arguments by value. Arrays may be in tuples, lists and dicts. Arrays and variables that the body finds outside are
    captured: each call sees their values of that time.
    """

    def __init__(self, function: Callable[P, R], runtime: Runtime | None = None) -> None:
        check_type(function, Callable, "function", "a function; decorate one: @simgpu.function")
        check_type(runtime, Runtime | None, "runtime", RUNTIME_WANTED)
        functools.update_wrapper(self, function)
        self._function = function
        self._runtime = runtime
        self._signature = _signature_of(function)
        self._traces: dict[Hashable, tuple[Runtime, Trace]] = {}
        self._tracing = RLock()
        self.trace_count = 0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the graph for these arguments, after tracing the function if there is none yet."""
        given = self._bound(args, kwargs)
        runtime = self._runtime_of(given)
        if isinstance(runtime, Tracer) or runtime.scopes.tracer() is not None:
            return self._function(*args, **kwargs)  # called in the body of another one: a part of that
        result: R = self._trace(runtime, given).run(runtime, _arrays(given))
        return result

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R]:
        """Bind the function to an object, as methods are; objects are told apart by identity."""
        return self if instance is None else functools.partial(self, instance)  # type: ignore[arg-type]

    def graph(self, *args: P.args, **kwargs: P.kwargs) -> Graph:
        """Return the graph for these arguments: for any placer and both engines. Its inputs are fed by `feeds`."""
        given = self._bound(args, kwargs)
        return self._trace(self._runtime_of(given), given).graph()

    def feeds(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """Return the values of the arguments under the names of the graph's inputs."""
        given = self._bound(args, kwargs)
        names = self._trace(self._runtime_of(given), given).arguments
        return {names[path]: array.value() for path, array in _arrays(given).items()}

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def _runtime_of(self, given: Mapping[str, Any]) -> Runtime:
        arrays = _arrays(given).values()
        return next((array._kind.runtime for array in arrays), self._runtime or current_runtime())

    def _trace(self, runtime: Runtime, given: Mapping[str, Any]) -> Trace:
        key = (_Same(runtime), form_of(given, self._key_of))
        with self._tracing:
            if key not in self._traces:
                open_ones = {key: trace for key, trace in self._traces.items() if not trace[0].is_closed}
                self._traces = {**open_ones, key: (runtime, self._new_trace(runtime, given))}
            return self._traces[key][1]

    def _new_trace(self, runtime: Runtime, given: Mapping[str, Any]) -> Trace:
        self.trace_count += 1
        tracer = Tracer(runtime)
        symbols: dict[str, Array] = {}

        def symbol(path: str, leaf: Any) -> Any:
            if isinstance(leaf, Array):
                symbols[path] = leaf = tracer.symbol(leaf, path)
            return leaf

        bound = inspect.BoundArguments(self._signature, mapped(given, _named(symbol)))
        with tracer.body():
            returned = self._function(*bound.args, **bound.kwargs)
        return trace_of(tracer, returned, symbols)

    def _key_of(self, path: str, leaf: Any) -> Hashable:
        if isinstance(leaf, Array):
            kind = leaf._kind
            return kind.spec, kind.rules, kind.site.device if kind.rules.follows_inputs else None
        if isinstance(leaf, float | complex):
            return type(leaf), repr(leaf)  # tells 0.0 from -0.0, and NaN is like NaN
        if isinstance(leaf, Variable):
            return _Same(leaf)
        try:
            hash(leaf)
        except TypeError:
            raise InvalidValue(
                f"{self.__name__} is given a {type(leaf).__name__} as {path[1:]}, which has no hash, so its graph "  # type: ignore[attr-defined]
                "cannot be found again; give an array of this library, or values that can be keys of a dict"
            ) from None
        return type(leaf), leaf


class _Same:
    """Equal to what holds the same object."""

    __slots__ = ("_held",)

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held

    def __hash__(self) -> int:
        return id(self._held)


@overload
def function(function: Callable[P, R], /) -> Function[P, R]: ...
@overload
def function(*, runtime: Runtime | None = None) -> Callable[[Callable[P, R]], Function[P, R]]: ...
def function(
    function: Callable[P, R] | None = None, /, *, runtime: Runtime | None = None
) -> Function[P, R] | Callable[[Callable[P, R]], Function[P, R]]:
    """Make a function that is traced to a graph for each signature of its arguments: `@sg.function`.

    `runtime` is for functions without array arguments; the default is the current one. Calls raise GraphError for what
    no graph can keep: branches on values, shapes that follow from values, changes of arrays and variables outside.
    """
    if function is None:
        return lambda decorated: Function(decorated, runtime)
    return Function(function, runtime)


def _signature_of(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError as error:
        raise InvalidValue(
            f"{function!r:.60} does not tell its arguments; call it in a function of your own"
        ) from error


def _named(visit: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Return a visitor whose paths start with the name of a parameter."""
    return lambda path, leaf: visit(path[1:], leaf)


def _arrays(given: Mapping[str, Any]) -> dict[str, Array]:
    """Return the arrays among the arguments by their paths."""
    arrays: dict[str, Array] = {}

    def note(path: str, leaf: Any) -> None:
        if isinstance(leaf, Array):
            arrays[path[1:]] = leaf

    mapped(dict(given), note)
    return arrays
