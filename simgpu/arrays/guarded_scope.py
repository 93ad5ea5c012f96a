"""Device scopes on CuPy storage: inside, raw calls of CuPy are the device's, too, and under its limit."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING

from simgpu.arrays.scopes import ANYWHERE, DeviceScope, last_entry
from simgpu.storage import CupyRegion, CupyStorage

if TYPE_CHECKING:
    from simgpu.arrays.runtime import Runtime

Entered = tuple["GuardedScope", ExitStack]
"""A scope, and what is to be done when it is left."""

_entered: ContextVar[tuple[Entered, ...]] = ContextVar("simgpu guarded scopes", default=())


class GuardedScope(AbstractContextManager["GuardedScope"]):
    """A device scope in which CuPy itself works on the device. It may be entered many times, as other scopes.

    What each entry changed is kept for the thread or asyncio task that made it.
    """

    def __init__(self, runtime: Runtime, scope: DeviceScope) -> None:
        self._runtime = runtime
        self._scope = scope

    def __enter__(self) -> GuardedScope:
        storage = self._runtime.storage
        assert isinstance(storage, CupyStorage), "only CuPy storage has guards"
        with ExitStack() as stack:
            stack.enter_context(self._scope)
            stack.enter_context(storage.guards.scope(self._region()))
            _entered.set((*_entered.get(), (self, stack.pop_all())))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        entered = _entered.get()
        number = last_entry(entered, self)
        _entered.set(entered[:number] + entered[number + 1 :])
        entered[number][1].__exit__(kind, error, traceback)
        if error is None:
            self._runtime.look()

    def _region(self) -> CupyRegion | None:
        """Return the memory of the device that the open scopes ask for; None for a CPU, or none that there is."""
        asked, machine = self._runtime.scopes.current(), self._runtime.machine
        devices = [number for number, device in enumerate(machine.devices) if device.spec == asked]
        if asked == ANYWHERE or not devices:
            return None
        region = self._runtime.memories[devices[0]].region
        return region if isinstance(region, CupyRegion) else None
