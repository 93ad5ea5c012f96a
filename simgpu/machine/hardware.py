"""What a machine is made of: frozen records of hosts, cards, their logical slices, links and routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from simgpu.errors import MachineError
from simgpu.naming import DeviceSpec
from simgpu.units import LARGEST

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
    `host_link` and `gpu_link` name the links of the catalog that a GPU is made for: its slot, and its NVLink if it has
    one on every lane. A CPU has none.
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
    gpu_link: str = ""

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
    """A link to buy: `host` joins GPU and host, `gpu` a GPU and others, `network` hosts.

    `lanes` is how many equal ones a GPU has, which together make the bandwidth; 0: they are not counted.
    """

    name: str
    kind: LinkKind
    bandwidth_bytes_per_s: int
    latency_ps: int
    duplex: Duplex = "full"
    source: str = ""
    lanes: int = 0


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A link between two nodes: physical devices or switches, by name. Latency is paid once per transfer.

    The bandwidth is that of one direction if `full`, of both together if `half`, and of each flow if `fatpipe`. Raises
    `MachineError` for one that cannot carry anything.
    """

    name: str
    ends: tuple[str, str]
    bandwidth_bytes_per_s: int
    latency_ps: int
    duplex: Duplex = "full"

    def __post_init__(self) -> None:
        _check_figure(self.name, "bandwidth_bytes_per_s", self.bandwidth_bytes_per_s, least=1)
        _check_figure(self.name, "latency_ps", self.latency_ps, least=0)
        if self.ends[0] == self.ends[1]:
            raise MachineError(f"link {self.name!r} leads from {self.ends[0]} to itself; give it two ends")
        if self.duplex not in DUPLEXES:
            raise MachineError(f"link {self.name!r}: duplex is one of {', '.join(DUPLEXES)}, not {self.duplex!r}")


def _check_figure(link: str, what: str, figure: object, *, least: int) -> None:
    if isinstance(figure, bool) or not isinstance(figure, int) or not least <= figure <= LARGEST:
        raise MachineError(f"link {link!r}: {what} is a whole number from {least} to 2**63 - 1, not {figure!r}")


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
    """All the data of one machine. Each host's physical devices are its CPU, then its GPUs; hosts in order.

    With an `ecmp_seed`, equally good routes are shared out among pairs of devices; None: all take the first by name.
    """

    hosts: tuple[Host, ...]
    physical_devices: tuple[PhysicalDevice, ...]
    devices: tuple[LogicalDevice, ...]
    links: tuple[LinkSpec, ...]
    switches: tuple[str, ...]
    ecmp_seed: int | None = None
