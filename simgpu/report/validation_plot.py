"""Predicted against measured makespans as a picture: an HTML page that needs nothing else. The one user of plotly."""

from __future__ import annotations

import os

from simgpu.errors import MissingDependency
from simgpu.validation import Validation

BAND = 0.15
"""Part of the measured time by which a prediction may be off and still be inside the band that is drawn."""


def write_validation_plot(validation: Validation, path: str | os.PathLike[str]) -> None:
    """Write the page. Raises MissingDependency without plotly."""
    try:
        import plotly.graph_objects as shapes
    except ImportError as error:
        raise MissingDependency(
            f"the plot of predicted against measured times needs plotly ({error}): pip install 'simgpu[plot]'"
        ) from error
    measured_ms = [(it.measured_ps or 0) / 1e9 for it in validation.outcomes if it.error is not None]
    figure = shapes.Figure()
    for factor, name in ((1 - BAND, f"-{BAND:.0%}"), (1.0, "as measured"), (1 + BAND, f"+{BAND:.0%}")):
        ends = [min(measured_ms), max(measured_ms)] if measured_ms else []
        line = {"dash": "solid" if factor == 1 else "dot", "color": "grey"}
        figure.add_trace(shapes.Scatter(x=ends, y=[factor * end for end in ends], mode="lines", name=name, line=line))
    for family in validation.families:
        figure.add_trace(shapes.Scatter(mode="markers", name=family, **_points(validation, family)))
    axis = {"type": "log", "title": {"text": "measured (ms)"}}
    figure.update_layout(
        title={"text": f"Predicted and measured makespans: {validation.facts.get('calibration', {}).get('name', '')}"},
        xaxis=axis,
        yaxis={**axis, "title": {"text": "predicted (ms)"}},
    )
    figure.write_html(os.fspath(path))


def _points(validation: Validation, family: str) -> dict[str, list[object]]:
    shown = [it for it in validation.outcomes if it.family == family and it.error is not None]
    return {
        "x": [(it.measured_ps or 0) / 1e9 for it in shown],
        "y": [(it.predicted_ps or 0) / 1e9 for it in shown],
        "text": [f"{it.workload}: {100 * (it.error or 0):+.1f} %" for it in shown],
    }
