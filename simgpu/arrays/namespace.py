"""The array API namespace of a runtime: what programs call `xp`.

Its functions are plain functions, shared by all namespaces: an operation takes runtime, device and rules from its
arrays. Only those that make arrays, and what the namespace says of itself, belong to one runtime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from simgpu.arrays import (
    namespace_creation,
    namespace_dtypes,
    namespace_elementwise,
    namespace_fft,
    namespace_linalg,
    namespace_manipulation,
    namespace_statistics,
)
from simgpu.arrays.dtypes import STANDARD, dtype_of
from simgpu.arrays.info import Info
from simgpu.arrays.namespace_creation import OF_A_RUNTIME, Creation
from simgpu.arrays.rules import Rules
from simgpu.errors import InvalidValue

if TYPE_CHECKING:
    from simgpu.arrays.runtime import Runtime

API_VERSIONS = ("2025.12", "2024.12")
CONSTANTS: Mapping[str, Any] = {"e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None, "pi": math.pi}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **namespace_creation.FUNCTIONS,
    **namespace_dtypes.FUNCTIONS,
    **namespace_elementwise.FUNCTIONS,
    **namespace_linalg.MAIN,
    **namespace_manipulation.FUNCTIONS,
    **namespace_statistics.FUNCTIONS,
}
_SINCE_2025 = frozenset({"broadcast_shapes", "isin", "eig", "eigvals"})
_LISTS_BEFORE_2025 = frozenset({"broadcast_arrays", "meshgrid"})


class Namespace:
    """All functions, dtypes and constants of the array API standard, for the devices of one runtime."""

    __name__ = "simgpu.xp"

    def __init__(self, runtime: Runtime, rules: Rules) -> None:
        self._info = Info(runtime, rules)
        self.__array_api_version__ = rules.api_version
        creation = Creation(runtime, rules)
        contents = {**CONSTANTS} | _of_version(FUNCTIONS, rules.api_version)
        contents |= {name: getattr(creation, name) for name in OF_A_RUNTIME}
        contents |= {name: dtype_of(name) for name in [*STANDARD, "float16"]}
        for name, value in contents.items():
            setattr(self, name, value)
        frequencies = {"fftfreq": creation.fftfreq, "rfftfreq": creation.rfftfreq}
        self.linalg = Extension("simgpu.xp.linalg", _of_version(namespace_linalg.FUNCTIONS, rules.api_version))
        self.fft = Extension("simgpu.xp.fft", namespace_fft.FUNCTIONS | frequencies)

    def __array_namespace_info__(self) -> Info:
        """Return what the namespace says of itself."""
        return self._info

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the array API standard {self.__array_api_version__} has no {name!r}")

    def __dir__(self) -> list[str]:
        return sorted(name for name in [*vars(self), "__array_namespace_info__"] if name != "_info")

    def __repr__(self) -> str:
        return f"<namespace simgpu.xp, array API {self.__array_api_version__}, on {self._info.default_device()}>"


class Extension(SimpleNamespace):
    """The functions of an extension of the standard."""

    def __init__(self, name: str, functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(**functions)
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the array API standard has no {name!r} in {vars(self).get('__name__')}")

    def __repr__(self) -> str:
        return f"<namespace {self.__name__}>"


def check_version(api_version: str) -> str:
    """Return a version of the standard. Raises InvalidValue for one that there is not here."""
    if api_version not in API_VERSIONS:
        raise InvalidValue(f"api_version is {api_version!r}; this namespace is of {' or '.join(API_VERSIONS)}")
    return api_version


def _of_version(functions: Mapping[str, Callable[..., Any]], version: str) -> dict[str, Any]:
    if version >= "2025.12":
        return dict(functions)
    kept = {name: function for name, function in functions.items() if name not in _SINCE_2025}
    return {name: _giving_list(function) if name in _LISTS_BEFORE_2025 else function for name, function in kept.items()}


def _giving_list(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    @wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> list[Any]:
        return list(function(*arguments, **named))

    return wrapped
