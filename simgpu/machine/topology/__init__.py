"""How nodes are joined: rings, tori, meshes, switches, fat-trees, PCIe trees. All make links and switches."""

from simgpu.machine.topology.direct import Mesh, Pair, Pairs, Torus
from simgpu.machine.topology.pcie import PcieTree
from simgpu.machine.topology.switched import FatTree, Star, TwoLevel
from simgpu.machine.topology.wiring import Topology, Wiring

__all__ = ["FatTree", "Mesh", "Pair", "Pairs", "PcieTree", "Star", "Topology", "Torus", "TwoLevel", "Wiring"]
