"""What a namespace says of itself: `xp.__array_namespace_info__()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simgpu.arrays.dtypes import DEFAULTS, KINDS, STANDARD, dtype_of
from simgpu.arrays.rules import Rules
from simgpu.errors import InvalidValue

if TYPE_CHECKING:
    from simgpu.arrays.runtime import Runtime

MOST_DIMENSIONS = 64  # NumPy's, and so that of everything here


class Info:
    """Capabilities, devices and dtypes of a namespace. Devices are their full names."""

    __slots__ = ("_rules", "_runtime")

    def __init__(self, runtime: Runtime, rules: Rules) -> None:
        self._runtime = runtime
        self._rules = rules

    def capabilities(self) -> dict[str, Any]:
        """Return what can be done. On storage without values, no shape can follow from values."""
        has_values = self._runtime.storage.quiet is not None
        return {
            "boolean indexing": has_values,
            "data-dependent shapes": has_values,
            "max dimensions": MOST_DIMENSIONS,
        }

    def default_device(self) -> str:
        """Return the device of new arrays outside any scope."""
        machine = self._runtime.machine
        if self._rules.default.is_complete:
            return machine.device(str(self._rules.default)).name
        names = [device.name for device in machine.devices if device.kind == "GPU"]
        return names[0] if names else machine.devices[0].name

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """Return the dtypes that new arrays get for each kind: the same on every device."""
        self._check(device)
        return {kind: dtype_of(name) for kind, name in DEFAULTS.items()}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, Any]:
        """Return the standard's dtypes by name, all or those of some kinds: the same on every device."""
        self._check(device)
        kinds = kind if kind is None or isinstance(kind, tuple | list) else (kind,)
        unknown = [one for one in kinds or () if one not in [*KINDS]]
        if unknown:
            raise InvalidValue(f"there is no kind of dtypes {unknown[0]!r}; the kinds are {', '.join(KINDS)}")
        wanted = STANDARD if kinds is None else [name for name in STANDARD if any(name in KINDS[one] for one in kinds)]
        return {name: dtype_of(name) for name in wanted}

    def devices(self) -> Any:
        """Return the names of all devices: a tuple, or for the standard 2024.12 a list."""
        names = tuple(device.name for device in self._runtime.machine.devices)
        return list(names) if self._rules.api_version < "2025.12" else names

    def _check(self, device: Any) -> None:
        if device is not None:
            self._runtime.machine.index(str(device))
