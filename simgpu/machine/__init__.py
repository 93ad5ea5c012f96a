"""WHAT hardware: hosts, physical devices, their logical split, links and routes; a catalog of real parts.

Frozen data, without a clock and without knowledge of any program.
"""

from simgpu.machine.hardware import (
    Channel,
    DeviceModel,
    Host,
    Inventory,
    LinkSpec,
    LinkType,
    LogicalDevice,
    PhysicalDevice,
    Route,
)
from simgpu.machine.machine import Machine, SplitRequest, parse_machine
from simgpu.machine.refusal import MachineKeyError

__all__ = [
    "Channel",
    "DeviceModel",
    "Host",
    "Inventory",
    "LinkSpec",
    "LinkType",
    "LogicalDevice",
    "Machine",
    "MachineKeyError",
    "PhysicalDevice",
    "Route",
    "SplitRequest",
    "parse_machine",
]
