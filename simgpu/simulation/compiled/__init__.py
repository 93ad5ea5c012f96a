"""The compiled engine: the same rules as `engine`, in machine code made by Numba, for hundreds of thousands of tasks.

It gives the same timeline, array by array. Python's integers have no end, and machine code's have 64 bits: `covering`
says what it leaves to the SimPy engine. Nothing here imports Numba before a workload is run.
"""

from simgpu.simulation.compiled.covering import NotCovered, why_not_covered
from simgpu.simulation.compiled.engine import is_installed, is_made, run_compiled

__all__ = ["NotCovered", "is_installed", "is_made", "run_compiled", "why_not_covered"]
