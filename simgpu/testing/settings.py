"""What a test run, and each test in it, asks for: how many simulated GPUs, of what size, in which storage.

Plugins are imported in every run of pytest, so whatever costs time is imported where it is first needed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest

from simgpu.errors import SimgpuError

if TYPE_CHECKING:
    from simgpu.machine import Machine

OPTION = "--simgpu"
MARKER = "multi_gpu"
DEVICES, MEMORY, STORAGE = "simgpu_devices", "simgpu_memory", "simgpu_storage"
FEWEST_OF_SEVERAL = 2
_BARE = 0  # `--simgpu` without a number
_WHOLE_NUMBER: Literal["int", "string"] = "int" if pytest.version_tuple >= (8, 4) else "string"
_FORM = "write multi_gpu(n=2, memory='256MiB', storage='numpy'), any of them left out"


class Settings(NamedTuple):
    """The devices of a test. With `is_on`, every test has a runtime and is checked for leaks.

    A tuple, because it is made much faster than a dataclass in runs that do without.
    """

    is_on: bool = False
    devices: int = 2
    memory_bytes: int = 256 * 2**20
    storage: str = "numpy"

    @property
    def machine(self) -> Machine:
        """The machine with these devices."""
        return _machine(self.devices, self.memory_bytes)

    def __str__(self) -> str:
        from simgpu.units import format_size

        cards = "1 simulated GPU" if self.devices == 1 else f"{self.devices} simulated GPUs"
        return f"{cards} of {format_size(self.memory_bytes)} ({self.storage} storage)"


def add_options(parser: pytest.Parser) -> None:
    """Declare the option and the settings of the configuration file."""
    group = parser.getgroup("simgpu", "simulated GPUs")
    group.addoption(
        OPTION,
        dest="simgpu",
        nargs="?",
        const=_BARE,
        default=None,
        metavar="N",
        help=f"give every test N simulated GPUs of its own (default: {DEVICES}); write --simgpu=N, or a bare --simgpu "
        "behind the paths",
    )
    parser.addini(DEVICES, "number of simulated GPUs of a test (default: 2)", type=_WHOLE_NUMBER, default="")
    parser.addini(MEMORY, "memory of each simulated GPU (default: 256MiB)", type="string", default="")
    where = "where the bytes are: numpy (default), cupy, a real GPU, or shape, which has none"
    parser.addini(STORAGE, where, type="string", default="")


def read_settings(config: pytest.Config) -> Settings:
    """Return what options and configuration file say of all tests. Raises UsageError for what cannot be meant."""
    flag = config.getoption("simgpu")
    devices, memory, storage = (_ini(config, name) for name in (DEVICES, MEMORY, STORAGE))
    if (flag, devices, memory, storage) == (None, "", "", ""):
        return Settings()
    settings = _changed(Settings(is_on=flag is not None), _count(devices, DEVICES), memory, storage, prefix="simgpu_")
    return _checked(settings._replace(devices=_count(flag or "", OPTION) or settings.devices))


def settings_of(item: pytest.Item, settings: Settings) -> Settings:
    """Return the settings of one test: those of the run, changed by its `multi_gpu` markers, the closest last.

    Without a number in any of them, there are at least two devices. Raises UsageError for what cannot be meant.
    """
    marks = list(item.iter_markers(MARKER))
    if marks:
        settings = settings._replace(devices=max(settings.devices, FEWEST_OF_SEVERAL))
    for mark in reversed(marks):
        settings = _marked(settings, mark)
    return _checked(settings)


def _marked(settings: Settings, mark: pytest.Mark) -> Settings:
    try:
        n, memory, storage = _arguments(*mark.args, **mark.kwargs)
    except TypeError:
        given = [*map(repr, mark.args), *(f"{name}={value!r}" for name, value in mark.kwargs.items())]
        raise pytest.UsageError(f"multi_gpu({', '.join(given)}) is not understood; {_FORM}") from None
    return _changed(settings, _count(n, "multi_gpu n"), memory, storage, prefix="multi_gpu ")


def _arguments(n: Any = "", memory: Any = "", storage: Any = "") -> tuple[Any, Any, Any]:
    """Return the arguments of the marker as Python binds them."""
    return n, memory, storage


def _changed(settings: Settings, devices: int, memory: Any, storage: Any, *, prefix: str) -> Settings:
    """Return settings with what is not empty replaced."""
    return settings._replace(
        devices=devices or settings.devices,
        memory_bytes=_size(memory, f"{prefix}memory") if memory not in ("", None) else settings.memory_bytes,
        storage=_storage(storage, f"{prefix}storage") if storage not in ("", None) else settings.storage,
    )


def _checked(settings: Settings) -> Settings:
    try:
        _machine(settings.devices, settings.memory_bytes)
    except SimgpuError as error:
        raise pytest.UsageError(f"{settings} cannot be had: {error}") from error
    return settings


def _ini(config: pytest.Config, name: str) -> Any:
    try:
        return config.getini(name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        value = str(error).rpartition(": ")[2]  # pytest ends with it
        reason = f"{value} is not a number of devices; give an int of 1 or more" if name == DEVICES else str(error)
        raise pytest.UsageError(f"{name}: {reason}") from error


def _count(value: object, what: str) -> int:
    """Read a number of devices; 0 if nothing is given."""
    if value in ("", None):
        return 0
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        hint = "write --simgpu=N, or a bare --simgpu behind the paths" if what == OPTION else "give an int of 1 or more"
        raise pytest.UsageError(f"{what}: {value!r} is not a number of devices; {hint}")
    return int(text)


def _size(value: Any, what: str) -> int:
    from simgpu.units import parse_size

    try:
        return parse_size(value, what=what)
    except SimgpuError as error:
        raise pytest.UsageError(str(error)) from error


def _storage(value: object, what: str) -> str:
    if value == "numpy":
        return "numpy"
    from simgpu.storage import STORAGES

    if not isinstance(value, str) or value not in STORAGES:
        raise pytest.UsageError(f"{what}: {value!r} is no storage; choose {', '.join(STORAGES)}")
    return value


@cache
def _machine(devices: int, memory_bytes: int) -> Machine:
    from simgpu.machine import Machine

    return Machine(f"{devices} x {memory_bytes} B")
