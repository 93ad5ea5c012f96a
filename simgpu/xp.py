"""The array API namespace of the current runtime as a module: `import simgpu.xp as xp`.

It is that of the innermost runtime entered by `with`, or else of the default one, looked up at each use.
"""

from __future__ import annotations

from typing import Any

from simgpu.arrays.default import current_runtime


def __getattr__(name: str) -> Any:
    """Return what the namespace has under a name."""
    if name.startswith("__") and name not in ("__array_api_version__", "__array_namespace_info__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(current_runtime().xp(), name)


def __dir__() -> list[str]:
    return dir(current_runtime().xp())
