"""Settings of one runtime, with the names and rules of `tf.config`.

What shapes the devices must be set before they are first used; giving the value that is set already is accepted at any
time. Three things may change later: soft placement, the policy for inputs on other devices, and the log of placements.
Devices are those of the program's own host, the first one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

from simgpu.arrays.config_choices import Choices, Reserve
from simgpu.arrays.config_devices import (
    check_order,
    check_parts,
    limits_of,
    logical_device,
    number_physical_devices,
    of_type,
    positions_elsewhere,
)
from simgpu.arrays.config_policy import POLICIES, policy_of, rules_for
from simgpu.arrays.config_records import LogicalDevice, LogicalDeviceConfiguration, PhysicalDevice
from simgpu.arrays.config_threads import ThreadSettings
from simgpu.arrays.memory import DeviceMemory
from simgpu.arrays.observer import Observer
from simgpu.arrays.placement_log import PLACEMENT_LOG
from simgpu.arrays.rules import Rules
from simgpu.errors import DeviceNameError, InvalidValue, MachineError, RuntimeStartedError
from simgpu.machine import Machine
from simgpu.naming import DeviceSpec, short_name
from simgpu.units import parse_size

Configuration = LogicalDeviceConfiguration


class Configured(Protocol):
    """What settings need of their runtime."""

    described: Machine
    soft: bool
    rules: Rules
    observers: tuple[Observer, ...]

    @property
    def is_started(self) -> bool:
        """True from its first use on."""

    @property
    def machine(self) -> Machine:
        """The machine that it runs on. Starts the runtime."""

    @property
    def memories(self) -> Sequence[DeviceMemory]:
        """The memory of each device. Starts the runtime."""


class Config:
    """The settings of one runtime. `tf.config.experimental` is here, too: `experimental` is this object itself."""

    def __init__(self, runtime: Configured) -> None:
        self._runtime = runtime
        self._positions = number_physical_devices(runtime.described)
        self._visible = list(self._positions)
        self._growth: dict[PhysicalDevice, bool | None] = {
            device: None for device in self._positions if device.device_type == "GPU"
        }
        self._parts: dict[PhysicalDevice, tuple[Configuration, ...]] = {}
        self._reserve: Reserve = 0
        self.forced_growth: bool | None = None
        self.threading = ThreadSettings(lambda: runtime.is_started)

    @property
    def experimental(self) -> Config:
        """The same settings: TensorFlow has some of them under `tf.config.experimental`."""
        return self

    def list_physical_devices(self, device_type: str | None = None) -> list[PhysicalDevice]:
        """Return the CPU and the cards, before any split. Does not start the runtime."""
        return of_type(self._positions, device_type)

    def list_logical_devices(self, device_type: str | None = None) -> list[LogicalDevice]:
        """Return the devices that operations run on. Starts the runtime."""
        return of_type(map(logical_device, self._runtime.machine.devices), device_type)

    def get_visible_devices(self, device_type: str | None = None) -> list[PhysicalDevice]:
        """Return the physical devices that the runtime uses, in their own order."""
        return of_type(self._visible, device_type)

    def set_visible_devices(
        self, devices: PhysicalDevice | Sequence[PhysicalDevice], device_type: str | None = None
    ) -> None:
        """Use these physical devices only; of one type, or, without a type, of all: then the CPU must be among them.

        Logical devices are numbered from 0. Cards keep their order: a list in another order is refused.
        """
        is_one = isinstance(devices, PhysicalDevice | str) or not isinstance(devices, Iterable)
        chosen: list[PhysicalDevice] = [devices] if is_one else list(devices)  # type: ignore[list-item, arg-type]
        for device in chosen:
            self._check(device)
            if device_type is not None and device.device_type != device_type:
                raise InvalidValue(f"{device.name} is no {device_type}; choose among {self._there(device_type)}")
        check_order(chosen, list(self._positions))
        others = [] if device_type is None else [it for it in self._visible if it.device_type != device_type]
        visible = [device for device in self._positions if device in others or device in chosen]
        if visible != self._visible:
            self._check_unused("visible devices")
            self._visible = visible

    def get_logical_device_configuration(self, device: PhysicalDevice) -> list[Configuration] | None:
        """Return how a physical device is cut; None if that was not set."""
        parts = self._parts.get(self._check(device))
        return None if parts is None else list(parts)

    def set_logical_device_configuration(
        self, device: PhysicalDevice, logical_devices: Sequence[Configuration]
    ) -> None:
        """Cut a physical device into logical ones. Parts of a GPU need a limit each, parts of the CPU have none."""
        parts = tuple(logical_devices) if isinstance(logical_devices, Iterable) else (logical_devices,)
        model = self._runtime.described.physical_devices[self._positions[self._check(device)]].model
        check_parts(device, parts, model.memory_bytes)
        if self._parts.get(device) != parts:
            self._check_unused("logical devices")
            self._parts[device] = parts

    def get_device_details(self, device: PhysicalDevice) -> dict[str, Any]:
        """Return what is known of a GPU: `device_name` and, if it has one, `compute_capability`; nothing of a CPU."""
        model = self._runtime.described.physical_devices[self._positions[self._check(device)]].model
        if device.device_type != "GPU":
            return {}
        capability = model.compute_capability
        return {"device_name": model.name} | ({} if capability is None else {"compute_capability": capability})

    def get_memory_growth(self, device: PhysicalDevice) -> bool | None:
        """Tell whether a GPU's memory is taken as it is needed; None if that was not set."""
        return self._growth[self._check_gpu(device)]

    def set_memory_growth(self, device: PhysicalDevice, enable: bool) -> None:
        """Take a GPU's memory as it is needed, and not all at the first use. The same for all visible GPUs.

        It holds for the logical devices of a GPU, too, and must be set before those.
        """
        if self._check(device) in self._parts:
            raise InvalidValue(
                f"memory growth of {device.name} cannot be set: its logical devices are set already; set growth first"
            )
        self._check_gpu(device)
        if type(enable) is not bool:
            raise InvalidValue(f"memory growth of {device.name} is {enable!r}; give True or False")
        if self._growth[device] is not enable:
            self._check_unused("memory growth")
            self._growth[device] = enable

    def grows(self, position: int) -> bool:
        """Tell whether the GPU at a position among all physical devices takes its memory as needed."""
        if self.forced_growth is not None:
            return self.forced_growth
        return any(enable for device, enable in self._growth.items() if self._positions[device] == position)

    def get_memory_reserve(self) -> Reserve:
        """Return what is left out of every GPU that is not cut, in bytes, or `tensorflow`."""
        return self._reserve

    def set_memory_reserve(self, reserve: int | str) -> None:
        """Leave so much out of every GPU that is not cut: a size, or `tensorflow`: what it would leave to CUDA.

        The default is 0: nothing but this program's tensors is on a simulated card.
        """
        value: Reserve = "tensorflow" if reserve == "tensorflow" else parse_size(reserve, what="memory reserve")
        if value != self._reserve:
            self._check_unused("memory reserve")
            self._reserve = value

    def get_soft_device_placement(self) -> bool:
        """Tell whether a device that cannot be had gives way to another."""
        return self._runtime.soft

    def set_soft_device_placement(self, enabled: bool) -> None:
        """Let a device that cannot be had give way to another, or make it an error. May be changed at any time."""
        self._runtime.soft = bool(enabled)

    def get_device_policy(self) -> str:
        """Return what becomes of inputs on other devices: see `set_device_policy`."""
        return policy_of(self._runtime.rules, self._runtime.observers)

    def set_device_policy(self, device_policy: str | None) -> None:
        """Say what becomes of inputs on other devices, for arrays made from now on. May be changed at any time.

        `silent` (and None): they are copied; `warn`: copied with a warning; `explicit`: DeviceMismatchError;
        `silent_for_int32`: int32 is copied, all else an error.
        """
        policy = "silent" if device_policy is None else device_policy
        if not isinstance(policy, str) or policy not in POLICIES:
            raise InvalidValue(f"device_policy={device_policy!r} is not one of {', '.join(POLICIES)}")
        self._runtime.rules, self._runtime.observers = rules_for(policy, self._runtime.rules, self._runtime.observers)

    def get_log_device_placement(self) -> bool:
        """Tell whether a line is logged for each operation."""
        return PLACEMENT_LOG in self._runtime.observers

    def set_log_device_placement(self, enabled: bool) -> None:
        """Log one line for each operation, at level INFO of the logger `simgpu.placement`."""
        others = tuple(observer for observer in self._runtime.observers if observer is not PLACEMENT_LOG)
        self._runtime.observers = (*others, PLACEMENT_LOG) if enabled else others

    def get_memory_info(self, device: str) -> dict[Literal["current", "peak"], int]:
        """Return the bytes of a GPU that are in use now and were at most. `GPU:0`, or a full name.

        The accounts of all devices, the CPU among them, and more figures: `runtime.memory_statistics`.
        """
        account = self._gpu_memory(device).statistics()
        return {"current": account.current_bytes, "peak": account.peak_bytes}

    def reset_memory_stats(self, device: str) -> None:
        """Let the peak of a GPU start anew from what is in use now."""
        self._gpu_memory(device).reset_peak()

    def choices(self) -> Choices:
        """Return what was chosen, to start with. Raises InvalidValue for what does not go together."""
        visible = [device for device in self._visible if device.device_type == "GPU"]
        self._check_growth(visible)
        for device in visible:
            if self._parts.get(device) == ():
                raise InvalidValue(
                    f"{device.name} is cut into no logical devices; give it one, or hide it: set_visible_devices"
                )
        return Choices(
            visible=frozenset(self._positions[device] for device in self._visible)
            | positions_elsewhere(self._runtime.described),
            parts={self._positions[device]: limits_of(device, parts) for device, parts in self._parts.items()},
            threads=self.threading.chosen,
            reserve=self._reserve,
        )

    def _check_growth(self, visible: Iterable[PhysicalDevice]) -> None:
        growths = {device: self._growth[device] for device in visible}
        if self._parts or self.forced_growth is not None or len(set(growths.values())) <= 1:
            return
        shown = ", ".join(f"{device.name} {growth}" for device, growth in growths.items())
        raise InvalidValue(f"memory growth differs between visible GPUs ({shown}); set it alike for all, or hide some")

    def _check(self, device: PhysicalDevice) -> PhysicalDevice:
        if not isinstance(device, PhysicalDevice) or device not in self._positions:
            raise InvalidValue(f"{device!r} is no physical device here; choose among {self._there(None)}")
        return device

    def _check_gpu(self, device: PhysicalDevice) -> PhysicalDevice:
        if self._check(device).device_type != "GPU":
            raise InvalidValue(f"memory growth is for GPUs; {device.name} is a {device.device_type}")
        return device

    def _check_unused(self, what: str) -> None:
        if self._runtime.is_started:
            raise RuntimeStartedError(
                f"{what} cannot be changed: the runtime is in use; set them before the first array, variable or device "
                "scope, or make another runtime"
            )

    def _gpu_memory(self, device: str) -> DeviceMemory:
        machine = self._runtime.machine
        there = ", ".join(short_name(it.name) for it in machine.devices if it.kind == "GPU") or "none"
        try:
            spec = DeviceSpec.parse(device)
            found = self._runtime.memories[machine.index(device)]
        except (DeviceNameError, MachineError) as error:
            raise InvalidValue(f"no GPU is called {device!r}; there are: {there}") from error
        if spec.device_index is None or found.device.kind != "GPU":
            raise InvalidValue(
                f"memory info is kept of one GPU at a time, and {device!r} names none; there are: {there}"
            )
        return found

    def _there(self, device_type: str | None) -> str:
        return ", ".join(device.name for device in self.list_physical_devices(device_type)) or "none"
