"""WHERE: pure functions from a graph, a machine and a kernel set to a device for each operation, with a reason."""

from simgpu.placement.catalog import POLICIES, place
from simgpu.placement.placement import Placement, Policy, Problem, Request
from simgpu.placement.reasons import without_neighbour
from simgpu.placement.requests import Rule

__all__ = ["POLICIES", "Placement", "Policy", "Problem", "Request", "Rule", "place", "without_neighbour"]
