"""The runtime of programs that name none, and the functions that work on it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import Lock
from typing import TYPE_CHECKING, Any

from simgpu.arrays.constants import make_constant
from simgpu.arrays.current import entered_runtime
from simgpu.arrays.recording import Recording
from simgpu.arrays.runtime import Runtime
from simgpu.environment import default_settings, visible_machine
from simgpu.errors import check_type

if TYPE_CHECKING:
    from simgpu.arrays.array import Array

RUNTIME_WANTED = "a Runtime; make one: Runtime('2 x 4GiB'), or leave it out for the current one"
"""What is said of an argument that is no Runtime."""

_lock = Lock()
_default: Runtime | None = None


def default_runtime() -> Runtime:
    """Return the default runtime; the first call makes it, from what environment variables say.

    Its first use takes all the memory of every visible GPU, shared with other programs of the same user. Limits, memory
    growth and `CUDA_VISIBLE_DEVICES` leave room for others.
    """
    global _default
    with _lock:
        if _default is None or _default.is_closed:
            _default = _new_default()
        return _default


def set_default_runtime(runtime: Runtime | None) -> Runtime | None:
    """Make a runtime the default one, or let the next use make one (None). Returns what was; it is not closed."""
    global _default
    check_type(
        runtime, Runtime | None, "runtime", "a Runtime; make one: Runtime('2 x 4GiB'), or give None for a new one"
    )
    with _lock:
        before, _default = _default, runtime
        return before


def current_runtime() -> Runtime:
    """Return the innermost runtime entered by `with` on this thread or asyncio task, or else the default one."""
    return entered_runtime() or default_runtime()


def chosen_runtime(runtime: Runtime | None) -> Runtime:
    """Return the runtime that a caller gives, or the current one for None. Raises InvalidValue for anything else."""
    if runtime is None:
        return current_runtime()
    check_type(runtime, Runtime, "runtime", RUNTIME_WANTED)
    return runtime


def device(name: object) -> AbstractContextManager[object]:
    """Return a scope in which operations are asked to be on a device: `with sg.device("/gpu:1"):`.

    Scopes nest and merge as TensorFlow's; None clears the outer ones. It is one of the current runtime.
    """
    return current_runtime().device(name)


def constant(value: Any, dtype: Any = None, *, runtime: Runtime | None = None) -> Array:
    """Return an array of the caller's values on the device that scopes and kernels give it.

    Python's floats become float32 and its ints int32, as in TensorFlow; NumPy's values keep their dtype. `dtype` is a
    name, or a dtype of the namespace or of NumPy.
    """
    return make_constant(chosen_runtime(runtime), value, dtype)


def record(runtime: Runtime | None = None) -> Recording:
    """Return a recording of what runs inside it, on a runtime or the current one: `with sg.record() as program:`."""
    return chosen_runtime(runtime).record()


def _new_default() -> Runtime:
    settings = default_settings()
    runtime = Runtime(visible_machine(settings.machine), storage=settings.storage, kernels=settings.kernels, share=True)
    runtime.config.forced_growth = settings.forced_growth
    if settings.reserve_bytes is not None:
        runtime.config.set_memory_reserve(settings.reserve_bytes)
    return runtime
