"""The machine: which devices there are, what they can do, and how they reach each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from simgpu.errors import MachineError, check_type
from simgpu.machine.assembly import assemble
from simgpu.machine.given import as_mapping
from simgpu.machine.hardware import (
    Channel,
    DeviceModel,
    Host,
    Inventory,
    LinkSpec,
    LogicalDevice,
    PhysicalDevice,
    Route,
)
from simgpu.machine.mapping import read_mapping
from simgpu.machine.network import Network
from simgpu.machine.one_line import read_line
from simgpu.machine.refusal import listed, show
from simgpu.machine.split import split_inventory
from simgpu.machine.visibility import limit_inventory
from simgpu.naming import DeviceSpec, short_name

SplitRequest = int | Sequence[int | str] | Mapping[str, object]
"""How one device is cut: into N equal parts, into these limits, or `{"limits": ..., "compute": ...}`."""


class Machine:
    """Frozen data of a machine, from its one-line form or a mapping. Machines with the same data are equal.

    One line: `2 x h100-80g`, `4 x 2GiB`, `h100-80g + 2 x t4`, a box such as `hgx-h100-8`, or `cpu`. A mapping: see
    `from_mapping`. Raises `MachineKeyError`, which knows where in the description the fault is.

    Devices are in TensorFlow's order: by host, each with its CPUs first. They are meant by position in `devices`.
    """

    __slots__ = ("_host_devices", "_inventory", "_network", "_positions")

    def __init__(self, description: str | Mapping[str, object]) -> None:
        if isinstance(description, str):
            plan = read_line(description)
        else:
            plan = read_mapping(as_mapping(description, (), "a machine: one line such as '2 x t4', or a mapping"))
        inventory = assemble(plan)
        self._set(split_inventory(inventory, plan.split, plan.compute))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> Machine:
        """Build a machine from parsed YAML.

        Keys: `gpus` (one line, or a list), `host`, `hosts` (list of `count`, `job`, `task`, `gpus`, `host`), `box`,
        `links` and `topology` (each with `gpu`, `host`, `network`), `ecmp_seed`, `split`, `compute`,
        `inter_op_threads`, `intra_op_threads`.
        """
        return cls(mapping)

    @classmethod
    def from_inventory(cls, inventory: Inventory) -> Machine:
        """Build a machine from data that is complete already."""
        check_type(inventory, Inventory, "inventory", "an Inventory; describe the machine instead: Machine('2 x t4')")
        machine = cls.__new__(cls)
        machine._set(inventory)
        return machine

    def _set(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._network: Network | None = None
        self._positions = {device.name: position for position, device in enumerate(inventory.devices)}
        self._host_devices: dict[int, int] = {}  # the first device of each host is its CPU:0
        for position, device in enumerate(inventory.devices):
            self._host_devices.setdefault(inventory.physical_devices[device.physical].host, position)

    @property
    def inventory(self) -> Inventory:
        """All the data, as one frozen record."""
        return self._inventory

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts, one task each."""
        return self._inventory.hosts

    @property
    def physical_devices(self) -> tuple[PhysicalDevice, ...]:
        """Each host's CPU, then its cards."""
        return self._inventory.physical_devices

    @property
    def devices(self) -> tuple[LogicalDevice, ...]:
        """The logical devices, in TensorFlow's order."""
        return self._inventory.devices

    @property
    def links(self) -> tuple[LinkSpec, ...]:
        """The links, each between two physical devices or switches."""
        return self._inventory.links

    @property
    def switches(self) -> tuple[str, ...]:
        """The names of the nodes that only pass data on."""
        return self._inventory.switches

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What flows compete for: the directions of all links, then the memory of each physical device."""
        return self._paths().channels

    @property
    def inter_op_threads(self) -> tuple[int, ...]:
        """The threads that take operations, for each host."""
        return tuple(host.inter_op_threads for host in self.hosts)

    @property
    def intra_op_threads(self) -> tuple[int, ...]:
        """The threads that share the work of one operation, for each host."""
        return tuple(host.intra_op_threads for host in self.hosts)

    def index(self, name: str) -> int:
        """Return the position of a device. A partial name such as `GPU:1` or `/gpu` means the first task, index 0.

        Raises `MachineError` if the machine has no such device, `DeviceNameError` if it is no name at all.
        """
        try:
            position = self._positions.get(name)
        except TypeError:  # what has no hash is no name
            position = None
        return self._positions[self._completed(name)] if position is None else position

    def device(self, name: str) -> LogicalDevice:
        """Return a device by its name, as `index` finds it."""
        return self.devices[self.index(name)]

    def physical(self, index: int) -> PhysicalDevice:
        """Return the physical device that a logical one is cut from."""
        return self.physical_devices[self.devices[index].physical]

    def model(self, index: int) -> DeviceModel:
        """Return the model of the physical device that a logical one is cut from."""
        return self.physical(index).model

    def host(self, index: int) -> Host:
        """Return the host of a logical device."""
        return self.hosts[self.physical(index).host]

    def host_device(self, index: int) -> int:
        """Return `CPU:0` of the same task, where host memory and the launching of kernels are."""
        return self._host_devices[self.physical(index).host]

    def route(self, source: int, target: int) -> Route:
        """Return the way between two logical devices: no channel to itself, the card's memory between siblings.

        Else the links: avoiding stops in hosts where there is another way, then the fewest, then the least latency,
        then the first names, or with an `ecmp_seed` a hash of it and of both devices. Raises `MachineError` if there is
        no way.
        """
        if source == target:
            return Route((), 0)
        try:
            start, end = self.devices[source].physical, self.devices[target].physical
        except (IndexError, TypeError):
            ends = f"{show(source)} to {show(target)}"
            raise MachineError(f"there is no route from {ends}: devices are meant by position, see `index`") from None
        return self._paths().memory_route(start) if start == end else self._paths().route(start, end)

    def split(self, requests: Mapping[str, SplitRequest], *, compute: str = "shared") -> Machine:
        """Return a machine with physical devices cut into logical ones: `{"GPU:0": ["2GiB", "2GiB"]}`.

        A key names physical devices as they would be named unsplit; a partial one such as `GPU` means all that fit. A
        value is a list of limits, a number of equal parts (rounded down to 512 B), or a mapping with `limits` and
        `compute`. What was split before is cut anew. Raises `MachineKeyError` if the limits exceed the device's memory.
        """
        given = as_mapping(requests, (), 'a mapping from devices to sizes, such as {"GPU:0": ["2GiB", "2GiB"]}')
        return self.from_inventory(split_inventory(self._inventory, given, compute))

    def visible(
        self, cuda_visible_devices: str | None, cuda_device_order: str | None = None, *, host: int | None = None
    ) -> Machine:
        """Return the machine as processes see it under `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER`.

        None: the variable is not set. On every host, or on one only. Logical devices are renumbered; physical ones keep
        their names, which are slots. The rules are in `simgpu.machine.visibility`.
        """
        if host is not None and host not in range(len(self.hosts)):
            raise MachineError(f"the machine has no host {show(host)}; its hosts are 0 to {len(self.hosts) - 1}")
        hosts = range(len(self.hosts)) if host is None else (host,)
        return self.from_inventory(limit_inventory(self._inventory, cuda_visible_devices, cuda_device_order, hosts))

    def __eq__(self, other: object) -> bool:
        return self._inventory == other._inventory if isinstance(other, Machine) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._inventory)

    def __reduce__(self) -> tuple[object, tuple[Inventory]]:
        return Machine.from_inventory, (self._inventory,)

    def __copy__(self) -> Machine:
        return self

    def __deepcopy__(self, memo: object) -> Machine:
        return self

    def __repr__(self) -> str:
        models = Counter(device.model.name for device in self.physical_devices if device.kind == "GPU")
        cards = " + ".join(f"{number} x {name}" for name, number in models.items()) or "no GPU"
        names = listed(short_name(device.name) for device in self.devices)
        return (
            f"<Machine: {_counted(len(self.hosts), 'host')}, {cards}; {_counted(len(self.devices), 'device')}: {names}>"
        )

    def _paths(self) -> Network:
        if self._network is None:
            self._network = Network(self._inventory)
        return self._network

    def _completed(self, name: str) -> str:
        """Return the full name of a device that exists, from one that may leave out its task and its index."""
        spec = DeviceSpec.parse(name)
        first = self.devices[0].spec
        base = DeviceSpec(job=first.job, replica=first.replica, task=first.task, device_index=0)
        full = str(base.merged(spec))
        if spec.device_type is None or full not in self._positions:
            there = listed(short_name(device.name) for device in self.devices)
            raise MachineError(f"the machine has no device {show(name)}; it has {there}")
        return full


def parse_machine(description: str | Mapping[str, object] | Machine) -> Machine:
    """Return the machine of a one-line text or a mapping; a machine is returned as it is."""
    return description if isinstance(description, Machine) else Machine(description)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
