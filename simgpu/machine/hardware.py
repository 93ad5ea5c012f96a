"""What a machine is made of: frozen records of hosts, cards, their logical slices, links and routes. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from simgpu.naming import DeviceSpec

DeviceKind = Literal["CPU", "GPU"]
Compute = Literal["shared", "exclusive"]
Duplex = Literal["full", "half", "fatpipe"]
LinkKind = Literal["host", "gpu", "network"]

COMPUTES: tuple[Compute, ...] = ("shared", "exclusive")
DUPLEXES: tuple[Duplex, ...] = ("full", "half", "fatpipe")


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """A part that one can buy. `cores` are the SMs of a GPU or the cores of a host's CPUs; peaks are dense.

    `peak_flop_per_s` has a key for each type that the part has units for, `tensorfloat32` among them; see `peak_for`.
    `host_link` names the link of the catalog that a GPU is made for; a CPU has none.
    """

    name: str
    kind: DeviceKind
    memory_bytes: int
    memory_bandwidth_bytes_per_s: int
    peak_flop_per_s: Mapping[str, int] = field(hash=False)
    launch_overhead_ps: int
    copy_engines: int
    cores: int
    compute_capability: tuple[int, int] | None
    source: str
    title: str = ""
    host_link: str = ""

    def peak_for(self, dtype: str) -> int:
        """Return the peak in FLOP/s for a type; a type without units of its own runs at the rate of float32."""
        return self.peak_flop_per_s.get(dtype, self.peak_flop_per_s["float32"])


@dataclass(frozen=True, slots=True)
class PhysicalDevice:
    """One card, or the CPUs of one host together.

    `name` is its slot, such as `host0/GPU:3`, and stays when others hide. `host` is the position of its host in the
    machine. A CPU has neither PCI bus id nor UUID.
    """

    name: str
    host: int
    model: DeviceModel
    pci_bus_id: str = ""
    uuid: str = ""

    @property
    def kind(self) -> DeviceKind:
        """`"CPU"` or `"GPU"`."""
        return self.model.kind


@dataclass(frozen=True, slots=True)
class LogicalDevice:
    """What a program sees: a whole physical device, or a slice of its memory with a hard limit.

    `physical` is a position in the machine's physical devices. With `compute` `shared` the slices of a card share its
    speed; an `exclusive` one is as fast as the whole card.
    """

    name: str
    kind: DeviceKind
    physical: int
    memory_limit_bytes: int
    compute: Compute
    spec: DeviceSpec


@dataclass(frozen=True, slots=True)
class Host:
    """One computer, which runs one task. Thread counts are those of its CPU device."""

    name: str
    job: str
    replica: int
    task: int
    inter_op_threads: int
    intra_op_threads: int


@dataclass(frozen=True, slots=True)
class LinkType:
    """A link to buy: `host` joins GPU and host, `gpu` a GPU and the switch between GPUs, `network` hosts."""

    name: str
    kind: LinkKind
    bandwidth_bytes_per_s: int
    latency_ps: int
    duplex: Duplex = "full"
    source: str = ""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A link between two nodes: physical devices or switches, by name. Latency is paid once per transfer.

    The bandwidth is that of one direction if `full`, of both together if `half`, and of each flow if `fatpipe`.
    """

    name: str
    ends: tuple[str, str]
    bandwidth_bytes_per_s: int
    latency_ps: int
    duplex: Duplex = "full"


@dataclass(frozen=True, slots=True)
class Channel:
    """What flows compete for: one direction of a link, a half-duplex link, or the memory of one physical device.

    The two directions of a link are `out`, from its first end to its second, and `in`. On a fat pipe flows do not
    compete: each has the full bandwidth.
    """

    name: str
    bandwidth_bytes_per_s: int
    latency_ps: int
    is_fatpipe: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The way from one device to another: positions in the machine's channels, in order, and their latencies' sum."""

    channels: tuple[int, ...]
    latency_ps: int


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a physical device's memory, not yet numbered."""

    memory_limit_bytes: int
    compute: Compute = "shared"


@dataclass(frozen=True, slots=True)
class Inventory:
    """All the data of one machine. Each host's physical devices are its CPU, then its GPUs; hosts in order."""

    hosts: tuple[Host, ...]
    physical_devices: tuple[PhysicalDevice, ...]
    devices: tuple[LogicalDevice, ...]
    links: tuple[LinkSpec, ...]
    switches: tuple[str, ...]
