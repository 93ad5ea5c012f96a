"""Measuring a device: how long operations, copies and launches take on it, as data for `simgpu.costs.Measured`."""

from simgpu.calibration.calibrate import calibrate
from simgpu.calibration.case import Case
from simgpu.calibration.file import read_calibration, write_calibration
from simgpu.calibration.plan import Plan, default_plan

__all__ = ["Case", "Plan", "calibrate", "default_plan", "read_calibration", "write_calibration"]
