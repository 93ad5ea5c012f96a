"""When: the modelled clock, the queues of devices, and the links between them."""

from simgpu.simulation.engine import simulate
from simgpu.simulation.links import LINK_POLICIES

__all__ = ["LINK_POLICIES", "simulate"]
