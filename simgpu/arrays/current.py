"""Which runtime a program means that names none: the innermost one that it entered, or the default one.

Like device scopes, entered runtimes belong to a thread or asyncio task: new threads start without any.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simgpu.arrays.runtime import Runtime

_entered: ContextVar[Runtime | None] = ContextVar("simgpu runtime", default=None)


def entered_runtime() -> Runtime | None:
    """Return the innermost runtime that was entered by `with`, if any."""
    return _entered.get()


def enter_runtime(runtime: Runtime) -> Runtime | None:
    """Make a runtime the innermost one, and return what was."""
    before = _entered.get()
    _entered.set(runtime)
    return before


def leave_runtime(before: Runtime | None) -> None:
    """Make what was the innermost one again."""
    _entered.set(before)
