"""PCIe: GPUs in slots of their host, or behind switches that share an uplink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from simgpu.machine.hardware import LinkType
from simgpu.machine.refusal import MachineKeyError
from simgpu.machine.topology.wiring import Wiring, join, spread


@dataclass(frozen=True, slots=True)
class PcieTree:
    """A tree from the host, its root complex, down to its GPUs.

    `switches` is the number of switches on each level, top first; none: each GPU has its own way to the host. Each
    switch has one `uplink`; None: the fastest slot of its host's GPUs.
    """

    switches: tuple[int, ...] = ()
    uplink: LinkType | None = None

    def check(self, gpus: int) -> None:
        """Raise MachineKeyError if a switch would be left without a GPU."""
        if self.switches and self.switches[-1] > gpus:
            reason = f"{self.switches[-1]} switches are more than the {gpus} GPUs of a host to share out"
            raise MachineKeyError(reason, ("switches",))

    def wire(self, gpus: Mapping[str, LinkType], root: str, place: str) -> Wiring:
        """Join GPUs, each with the link of its slot, to the lowest switches, and these to the host."""
        if not gpus:
            return Wiring()
        levels = [[root], *(_names(place, depth, number) for depth, number in enumerate(self.switches, start=1))]
        uplink = self.uplink or max(gpus.values(), key=lambda link: link.bandwidth_bytes_per_s)
        slots = spread(levels[-1], len(gpus))
        links = [join(gpu, parent, link) for (gpu, link), parent in zip(gpus.items(), slots, strict=True)]
        for above, below in pairwise(levels):
            ports = spread(above, len(below))
            links += [join(switch, parent, uplink) for switch, parent in zip(below, ports, strict=True)]
        return Wiring(tuple(links), tuple(switch for level in levels[1:] for switch in level))


def _names(place: str, depth: int, number: int) -> list[str]:
    level = "pcie" if depth == 1 else f"pcie-{depth}"
    return [f"{place}/{level}:{switch}" for switch in range(number)]
