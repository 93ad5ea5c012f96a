"""What a trace says of a run: where its time went, what waited for what, and why another run took longer."""

from simgpu.metrics.bubble import Bubble, bubble
from simgpu.metrics.critical_path import CriticalPath, Step, critical_path
from simgpu.metrics.explanation import Difference, Explanation, WayDifference, explain
from simgpu.metrics.metrics import Metrics, metrics_of
from simgpu.metrics.over_time import StepFunction, memory_use, queue_lengths
from simgpu.metrics.replications import Replications, replications, student_t
from simgpu.metrics.slack import slack_ps
from simgpu.metrics.use import DeviceUse, LinkUse, WayUse

__all__ = [
    "Bubble",
    "CriticalPath",
    "DeviceUse",
    "Difference",
    "Explanation",
    "LinkUse",
    "Metrics",
    "Replications",
    "Step",
    "StepFunction",
    "WayDifference",
    "WayUse",
    "bubble",
    "critical_path",
    "explain",
    "memory_use",
    "metrics_of",
    "queue_lengths",
    "replications",
    "slack_ps",
    "student_t",
]
