"""Do it: run a placed graph on real arrays under hard caps."""

from simgpu.execution.engine import execute

__all__ = ["execute"]
