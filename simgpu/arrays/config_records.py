"""What `config` speaks of: cards, logical devices, and how a card is to be cut. TensorFlow's names and fields."""

from __future__ import annotations

from typing import NamedTuple

from simgpu.errors import InvalidValue
from simgpu.naming import DeviceSpec
from simgpu.units import MiB, parse_size


class PhysicalDevice(NamedTuple):
    """A card, or the CPU: `/physical_device:GPU:0`. It is for `config` alone; scopes take logical devices."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that programs use, such as `/device:GPU:0`; the whole name if it belongs to another task."""

    name: str
    device_type: str

    @property
    def spec(self) -> DeviceSpec:
        """The name in its parts. So a logical device can be given as a scope."""
        return DeviceSpec.parse(self.name)


class LogicalDeviceConfiguration(NamedTuple):
    """One part of a card. `memory_limit` is in MiB as TensorFlow's, or text with a unit, such as `"2GiB"`.

    The other two are TensorFlow's; streams here have no priority, so they can only be None.
    """

    memory_limit: int | str | None = None
    experimental_priority: int | None = None
    experimental_device_ordinal: int | None = None


def limit_bytes(configuration: LogicalDeviceConfiguration, device: PhysicalDevice) -> int:
    """Return the limit of a part of a GPU in bytes. Raises InvalidValue for what cannot be meant."""
    limit = configuration.memory_limit
    if isinstance(limit, str):
        size = parse_size(limit, what=f"{device.name}: memory_limit")
    elif type(limit) is int:
        size = limit * MiB
    else:
        raise InvalidValue(_refusal(device, limit, "is neither whole MiB nor text"))
    if size <= 0:
        raise InvalidValue(_refusal(device, limit, "leaves no memory"))
    return size


def _refusal(device: PhysicalDevice, limit: object, why: str) -> str:
    return (
        f"{device.name}: memory_limit={limit!r} {why}; give a whole number of MiB of 1 or more, or text with a unit, "
        "such as '512MiB'"
    )
