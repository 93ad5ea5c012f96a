"""When: the modelled clock, the queues of devices, and the links between them."""

from simgpu.simulation.disciplines import DISCIPLINES, Discipline
from simgpu.simulation.links import LINK_POLICIES
from simgpu.simulation.options import CHOICES, SimulationOptions
from simgpu.simulation.perturbations import Fails, Flaky, LinkChange, Perturbation, Slow, check_perturbation
from simgpu.simulation.running import run
from simgpu.simulation.simulate import simulate
from simgpu.simulation.timeline import Timeline
from simgpu.simulation.workload import COMPUTE, DELAY, MOVE, NONE, Resources, Workload, follower_arrays, ints

__all__ = [
    "CHOICES",
    "COMPUTE",
    "DELAY",
    "DISCIPLINES",
    "LINK_POLICIES",
    "MOVE",
    "NONE",
    "Discipline",
    "Fails",
    "Flaky",
    "LinkChange",
    "Perturbation",
    "Resources",
    "SimulationOptions",
    "Slow",
    "Timeline",
    "Workload",
    "check_perturbation",
    "follower_arrays",
    "ints",
    "run",
    "simulate",
]
