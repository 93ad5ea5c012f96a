"""`tf.debugging` over the current runtime: a log of where each operation runs."""

from __future__ import annotations

from simgpu.arrays.default import current_runtime

__all__ = ["get_log_device_placement", "set_log_device_placement"]


def set_log_device_placement(enabled: bool) -> None:
    """Log one line for each operation, at level INFO of the logger `simgpu.placement`. May be changed at any time."""
    current_runtime().config.set_log_device_placement(enabled)


def get_log_device_placement() -> bool:
    """Tell whether a line is logged for each operation."""
    return current_runtime().config.get_log_device_placement()
