"""The metrics of a run for programs."""

from __future__ import annotations

from typing import Any

from simgpu.metrics import Metrics
from simgpu.trace import Trace

_DEVICE = "busy_ps idle_ps waiting_ps mean_queue longest_queue launch_ps launch_waiting_ps"
_WAY = "transfers size_bytes busy_ps waiting_ps mean_queue longest_queue"
_LINK = "transfers size_bytes busy_ps waiting_ps bandwidth_bytes_per_s utilization"
_STEP = "kind name resource start_ps end_ps after"
_DIGITS = 6


def metrics_json(metrics: Metrics, trace: Trace, *, details: bool = False) -> dict[str, Any]:
    """Return metrics as plain data. With `details`, also each step of the critical path, and the slack of each span."""
    path = metrics.critical_path
    data: dict[str, Any] = {
        "critical_path": {f"{kind}_ps": spent_ps for kind, spent_ps in path.by_kind_ps().items()},
        "bubble": {"devices": list(metrics.bubble.devices), **_figures(metrics.bubble, "pipeline inner")},
        "devices": [{"device": it.name, **_figures(it, _DEVICE)} for it in metrics.devices],
        "ways": [{"way": it.name, **_figures(it, _WAY)} for it in metrics.ways],
        "links": [{"link": it.name, **_figures(it, _LINK)} for it in metrics.links],
    }
    if details:
        data["critical_path"]["steps"] = [_figures(step, _STEP) for step in path.steps]
        data["slack"] = [
            {**_figures(span, "kind name resource"), "slack_ps": slack_ps}
            for span, slack_ps in zip(trace.spans, metrics.slack_ps.tolist(), strict=True)
        ]
    return data


def _figures(record: object, names: str) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in names.split()}
    return {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in values.items()}
