"""How good predictions are: predict workloads, run them, and compare."""

from simgpu.validation.files import read_validation, write_validation
from simgpu.validation.outcome import BusyPair, ErrorSummary, KindOfWork, Outcome, Validation
from simgpu.validation.pairing import Signature, SpanPair
from simgpu.validation.validating import PREDICTED_FILE, VALIDATION_FILE, validate
from simgpu.validation.workload import Workload
from simgpu.validation.workloads import FAMILIES, standard_workloads

__all__ = [
    "FAMILIES",
    "PREDICTED_FILE",
    "VALIDATION_FILE",
    "BusyPair",
    "ErrorSummary",
    "KindOfWork",
    "Outcome",
    "Signature",
    "SpanPair",
    "Validation",
    "Workload",
    "read_validation",
    "standard_workloads",
    "validate",
    "write_validation",
]
