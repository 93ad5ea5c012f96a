"""The prediction of a workload, before anything of it has run."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from simgpu.costs import Calibration, CostModel
from simgpu.placement import Placement
from simgpu.simulation import SimulationOptions, simulate
from simgpu.trace import Trace
from simgpu.validation.workload import Workload


@dataclass(frozen=True, slots=True)
class Prediction:
    """A workload with its placement and the predicted run; or why there is none."""

    workload: Workload
    placement: Placement | None = None
    trace: Trace | None = None
    warnings: tuple[str, ...] = ()
    failure: str = ""


def predict(workload: Workload, calibration: Calibration, costs: CostModel, options: SimulationOptions) -> Prediction:
    """Predict a run. Whatever goes wrong is the failure of this workload alone."""
    placement = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            placement = workload.placed(calibration.machine(workload.limits_bytes))
            trace = simulate(placement, costs=costs, options=options)
        except Exception as error:  # the others are to be predicted all the same
            return Prediction(workload, placement, failure=f"not predicted: {words_of(error)}")
    return Prediction(workload, placement, trace, tuple(dict.fromkeys(str(it.message) for it in caught)))


def words_of(error: Exception) -> str:
    """Return what an error says, with its type, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
