"""How long an operation takes on a device."""

from simgpu.costs.cost import Cost, CostModel, MoveCost
from simgpu.costs.given import Given
from simgpu.costs.roofline import Roofline
from simgpu.costs.timed import Timed

__all__ = ["Cost", "CostModel", "Given", "MoveCost", "Roofline", "Timed"]
