"""Device scopes of eager programs: `with runtime.device("/gpu:1"):`, nested and merged as TensorFlow does.

Scopes belong to the thread or asyncio task that enters them: new threads start without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from simgpu.errors import DeviceScopeError, GraphError
from simgpu.naming import LOCALHOST, DeviceSpec, as_device_spec, merge_scopes

if TYPE_CHECKING:
    from simgpu.arrays.symbols import Tracer

ANYWHERE = DeviceSpec()
_BASE = LOCALHOST.merged(DeviceSpec.parse("/cpu:0"))
Scopes = tuple[Any, ...]
"""A DeviceSpec or None for each open scope, from the outermost in; before them a `Body` while a function is traced."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Marks where the body of a traced function begins. What runs there goes to `tracer` instead."""

    tracer: Tracer


def requested(base: DeviceSpec, scopes: Scopes) -> DeviceSpec:
    """Return what scopes ask for together, from the outermost in; a complete name, or nothing at all.

    The outermost is completed by `base`, the first CPU of this task, so `/gpu` means its GPU:0; None clears the outer
    ones.
    """
    return merge_scopes(scopes, base=base)


class ScopeStack:
    """The scopes that are open, from the outermost in; one stack for each thread and asyncio task."""

    def __init__(self, base: DeviceSpec = _BASE) -> None:
        self.requested = lru_cache(maxsize=4096)(partial(requested, base))
        self._open: ContextVar[Scopes] = ContextVar("simgpu device scopes", default=())

    def current(self) -> DeviceSpec:
        """Return what the open scopes ask for."""
        scopes = self._open.get()
        if scopes and scopes[0].__class__ is Body:
            scopes = scopes[1:]
        return self.requested(scopes) if scopes else ANYWHERE

    def tracer(self) -> Tracer | None:
        """Return where things go instead, if they happen in the body of a function that is being traced."""
        scopes = self._open.get()
        return scopes[0].tracer if scopes and scopes[0].__class__ is Body else None

    def refuse_in_body(self, what: str) -> None:
        """Raise GraphError in the body of a function that is being traced. `what` is what it tries to do."""
        if self.tracer() is not None:
            raise GraphError(
                f"a traced function cannot {what}: it would happen once, and not at each call; "
                "return the new value and assign it outside"
            )

    @contextmanager
    def only(self, *scopes: DeviceSpec | Body | None) -> Iterator[None]:
        """Let these scopes, and not those that are open, count for a while."""
        token = self._open.set(scopes)
        try:
            yield
        finally:
            self._open.reset(token)

    def scope(self, device: object) -> DeviceScope:
        """Return a scope to enter. Raises DeviceNameError for what is no device name."""
        return DeviceScope(self._open, as_device_spec(device))


class BodyScopes(ScopeStack):
    """The scopes of the body of a traced function. Those around the call are no part of them."""

    def __init__(self, stack: ScopeStack) -> None:
        self._open = stack._open
        self.requested = stack.requested

    def asked(self) -> str:
        """Return what the scopes of the body ask for, as it is in a graph: possibly partial, or nothing."""
        return str(merge_scopes(self._open.get()[1:]))

    def tracer(self) -> None:
        """Return None: what happens here need go nowhere else."""


_entered: ContextVar[tuple[tuple[DeviceScope, Scopes, Scopes], ...]] = ContextVar("simgpu device scopes", default=())
"""The scopes that a thread or asyncio task has entered, each with those that were open before and after that."""


def last_entry(entered: Sequence[tuple[Any, ...]], scope: object) -> int:
    """Return the place of the last entry of a scope among those entered. Raises DeviceScopeError if there is none."""
    for number in reversed(range(len(entered))):
        if entered[number][0] is scope:
            return number
    raise DeviceScopeError("a device scope is left by a thread or task that has not entered it")


class DeviceScope:
    """A context manager that asks for a device. It may be entered many times, inside itself and by threads at once."""

    __slots__ = ("_open", "_spec")

    def __init__(self, open_scopes: ContextVar[Scopes], spec: DeviceSpec | None) -> None:
        self._open = open_scopes
        self._spec = spec

    def __enter__(self) -> DeviceScope:
        before = self._open.get()
        opened = (*before, self._spec)
        _entered.set((*_entered.get(), (self, before, opened)))
        self._open.set(opened)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        entered = _entered.get()
        number = last_entry(entered, self)
        _, before, opened = entered[number]
        is_innermost = self._open.get() is opened
        _entered.set(entered[:number] + tuple(it for it in entered[number + 1 :] if it[0]._open is not self._open))
        self._open.set(before)
        if not is_innermost:
            raise DeviceScopeError("a device scope is left that is not the innermost one; leave scopes in order")
