"""`tf.config` over the current runtime: the default one, or the innermost that was entered by `with`.

    import simgpu as sg

    gpus = sg.config.list_physical_devices("GPU")
    half = sg.config.LogicalDeviceConfiguration(memory_limit="2GiB")
    sg.config.set_logical_device_configuration(gpus[0], [half, half])
    sg.config.list_logical_devices("GPU")                                # starts the runtime

Each runtime has the same functions, as methods of `runtime.config`; the rules are told there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Concatenate, ParamSpec, TypeVar

from simgpu.arrays.config import Config
from simgpu.arrays.config_records import LogicalDevice, LogicalDeviceConfiguration, PhysicalDevice
from simgpu.arrays.config_threads import ThreadSettings
from simgpu.arrays.default import current_runtime

__all__ = [
    "LogicalDevice",
    "LogicalDeviceConfiguration",
    "PhysicalDevice",
    "experimental",
    "get_device_details",
    "get_device_policy",
    "get_logical_device_configuration",
    "get_memory_growth",
    "get_memory_info",
    "get_memory_reserve",
    "get_soft_device_placement",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "reset_memory_stats",
    "set_device_policy",
    "set_logical_device_configuration",
    "set_memory_growth",
    "set_memory_reserve",
    "set_soft_device_placement",
    "set_visible_devices",
    "threading",
]

P = ParamSpec("P")
T = TypeVar("T")


def _current(method: Callable[Concatenate[Config, P], T]) -> Callable[P, T]:
    """Return a function that does what a method does, on the runtime that is current when it is called."""

    @wraps(method)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        return method(current_runtime().config, *arguments, **options)

    return call


get_device_details = _current(Config.get_device_details)
get_device_policy = _current(Config.get_device_policy)
get_logical_device_configuration = _current(Config.get_logical_device_configuration)
get_memory_growth = _current(Config.get_memory_growth)
get_memory_info = _current(Config.get_memory_info)
get_memory_reserve = _current(Config.get_memory_reserve)
get_soft_device_placement = _current(Config.get_soft_device_placement)
get_visible_devices = _current(Config.get_visible_devices)
list_logical_devices = _current(Config.list_logical_devices)
list_physical_devices = _current(Config.list_physical_devices)
reset_memory_stats = _current(Config.reset_memory_stats)
set_device_policy = _current(Config.set_device_policy)
set_logical_device_configuration = _current(Config.set_logical_device_configuration)
set_memory_growth = _current(Config.set_memory_growth)
set_memory_reserve = _current(Config.set_memory_reserve)
set_soft_device_placement = _current(Config.set_soft_device_placement)
set_visible_devices = _current(Config.set_visible_devices)

experimental: ModuleType = sys.modules[__name__]
"""This module itself: TensorFlow has some of the functions under `tf.config.experimental`."""

threading: ThreadSettings


def __getattr__(name: str) -> ThreadSettings:
    """Return `threading`, the threads of the current runtime's CPU."""
    if name == "threading":
        return current_runtime().config.threading
    raise AttributeError(f"module 'simgpu.config' has no attribute {name!r}")
