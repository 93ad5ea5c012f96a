"""How long an operation takes on a device."""

from simgpu.costs.cost import Cost, CostModel, MoveCost, MoveCostModel
from simgpu.costs.given import Given
from simgpu.costs.measured import Measured
from simgpu.costs.measured_records import (
    Calibration,
    ContentionSample,
    CopySample,
    DeviceFacts,
    OperationSample,
    Overheads,
)
from simgpu.costs.roofline import Roofline
from simgpu.costs.timed import Timed

__all__ = [
    "Calibration",
    "ContentionSample",
    "CopySample",
    "Cost",
    "CostModel",
    "DeviceFacts",
    "Given",
    "Measured",
    "MoveCost",
    "MoveCostModel",
    "OperationSample",
    "Overheads",
    "Roofline",
    "Timed",
]
