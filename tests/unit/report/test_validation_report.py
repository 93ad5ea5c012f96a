"""What people see of a validation."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from simgpu.errors import MissingDependency
from simgpu.report import as_text, exceeded, validation_report, write_validation_plot
from simgpu.validation import BusyPair, Outcome, Signature, SpanPair, Validation
from tests.messages import exactly

US = 10**6
GPU = "/job:localhost/replica:0/task:0/device:GPU:0"
RELU = Signature("Relu", ("float32[4]",), ("float32[4]",), "{}")
FACTS = {
    "date": "2026-01-02T03:04:05+00:00",
    "storage": "numpy",
    "runs": 3,
    "calibration": {"name": "a device", "date": "2026-01-01T00:00:00+00:00"},
}


def outcome(name: str, predicted_us: int, measured_us: int, family: str = "chains", **more) -> Outcome:
    pairs = (
        SpanPair("compute", "relu", GPU, RELU, 0, 0, predicted_us * US, 0, measured_us * US),
        SpanPair("transfer", "x", "GPU:0 -> GPU:1", None, 64, 0, 3 * US, 0, 4 * US),
    )
    busy = (
        BusyPair("compute", GPU, predicted_us * US, measured_us * US),
        BusyPair("transfer", "GPU:0 -> GPU:1", 3 * US, 4 * US),
    )
    runs = tuple(measured_us * US + change for change in (-US, 0, US))
    return Outcome(
        workload=name, family=family, predicted_ps=predicted_us * US, runs_ps=runs, busy=busy, pairs=pairs, **more
    )


MADE = Validation(
    facts=FACTS,
    outcomes=(
        outcome("near", 110, 100),
        outcome("far", 150, 100, warnings=("it lies beyond",)),
        outcome("quick", 90, 100, family="rings"),
        Outcome(workload="lost", family="rings", predicted_ps=5 * US, failure="not run: MemoryError: no room"),
    ),
)
TEXT = """\
Predicted and measured: a device, numpy storage
Each workload ran once to warm up, then 3 times: the median counts
Run 2026-01-02T03:04:05+00:00; calibrated 2026-01-01T00:00:00+00:00

Errors of predicted makespans: |predicted - measured| / measured; bias is the mean with its sign
+--------+-----------+--------+--------+--------+---------+---------+
| Class  | Workloads | Failed |   Mean | Median | Largest |    Bias |
+--------+-----------+--------+--------+--------+---------+---------+
| chains |         2 |      0 | 30.0 % | 30.0 % |  50.0 % | +30.0 % |
| rings  |         1 |      1 | 10.0 % | 10.0 % |  10.0 % | -10.0 % |
| all    |         3 |      1 | 23.3 % | 10.0 % |  50.0 % | +16.7 % |
+--------+-----------+--------+--------+--------+---------+---------+

Workloads: makespans, and the sum of the times of their operations
+----------+--------+-----------+----------+--------+---------+---------------+--------------+
| Workload | Class  | Predicted | Measured | Spread |   Error | Ops predicted | Ops measured |
+----------+--------+-----------+----------+--------+---------+---------------+--------------+
| near     | chains |    110 us |   100 us |  2.0 % | +10.0 % |        110 us |       100 us |
| far      | chains |    150 us |   100 us |  2.0 % | +50.0 % |        150 us |       100 us |
| quick    | rings  |     90 us |   100 us |  2.0 % | -10.0 % |         90 us |       100 us |
| lost     | rings  |      5 us |        - |      - |  FAILED |             - |            - |
+----------+--------+-----------+----------+--------+---------+---------------+--------------+
lost FAILED: not run: MemoryError: no room
Predictions with warnings: 1; the first, of far: it lies beyond

Sums over all workloads, the largest difference first (at most 10)
+----------+----------------+-------+-----------+----------+---------+
| Kind     | Work           | Spans | Predicted | Measured |   Error |
+----------+----------------+-------+-----------+----------+---------+
| compute  | Relu           |     3 |    350 us |   300 us | +16.7 % |
| transfer | GPU:0 -> GPU:1 |     3 |      9 us |    12 us | -25.0 % |
+----------+----------------+-------+-----------+----------+---------+

far: +50.0 %. Busy time of devices and ways
+----------+----------------+-----------+----------+
| Kind     | Where          | Predicted | Measured |
+----------+----------------+-----------+----------+
| compute  | GPU:0          |    150 us |   100 us |
| transfer | GPU:0 -> GPU:1 |      3 us |     4 us |
+----------+----------------+-----------+----------+
Operations furthest off: 1 of 1
+-----------+--------------------------------+--------------+-------------+
| Operation | Work                           | Predicted us | Measured us |
+-----------+--------------------------------+--------------+-------------+
| relu      | Relu(float32[4]) -> float32[4] |        150.0 |       100.0 |
+-----------+--------------------------------+--------------+-------------+
"""


def test_the_report_tells_errors_and_what_explains_the_worst_first():
    text = as_text(validation_report(MADE))

    assert text[: len(TEXT)] == TEXT
    assert [line for line in text.splitlines() if "Busy time" in line] == [
        "far: +50.0 %. Busy time of devices and ways",
        "near: +10.0 %. Busy time of devices and ways",
        "quick: -10.0 %. Busy time of devices and ways",
    ]


def test_all_are_explained_on_request_in_their_order():
    many = Validation(facts=FACTS, outcomes=tuple(outcome(f"w{number}", 100 + number, 100) for number in range(5)))

    assert as_text(validation_report(many)).count("Busy time") == 3
    assert [line[:2] for line in as_text(validation_report(many, explain_all=True)).splitlines() if "Busy" in line] == [
        "w0",
        "w1",
        "w2",
        "w3",
        "w4",
    ]


def test_nothing_that_ran_is_no_error():
    text = as_text(validation_report(Validation(facts={}, outcomes=())))

    assert "| all   |         0 |      0 |    - |      - |       - |    - |" in text


@pytest.mark.parametrize(
    ("limits", "complaints"),
    [
        ({"mean": 24, "largest": 50.1}, []),
        ({"mean": None, "largest": None}, []),
        ({"mean": 23.3, "largest": None}, ["the mean error, 23.3 %, is more than 23.3 %"]),
        (
            {"mean": 15, "largest": 40},
            ["the mean error, 23.3 %, is more than 15 %", "the largest error, 50.0 %, is more than 40 %"],
        ),
    ],
)
def test_limits_of_errors_are_of_all_workloads_together(limits, complaints):
    assert exceeded(MADE, **limits) == complaints


def test_a_limit_is_not_kept_where_nothing_ran():
    nothing = Validation(facts={}, outcomes=())

    assert exceeded(nothing, mean=15, largest=None) == [
        "there is no mean error to hold against 15 %: no workload has run"
    ]


class Figure:
    """Notes what a picture is made of."""

    made: Figure

    def __init__(self) -> None:
        self.traces: list[dict[str, object]] = []
        Figure.made = self

    def add_trace(self, trace: dict[str, object]) -> None:
        self.traces.append(trace)

    def update_layout(self, **layout: object) -> None:
        self.layout = layout

    def write_html(self, path: str) -> None:
        with open(path, "w") as file:
            file.write("picture")


def test_the_plot_has_a_band_and_the_points_of_each_class(tmp_path, monkeypatch):
    plotly, shapes = ModuleType("plotly"), ModuleType("plotly.graph_objects")
    shapes.Figure, shapes.Scatter = Figure, dict
    monkeypatch.setitem(sys.modules, "plotly", plotly)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", shapes)
    write_validation_plot(MADE, tmp_path / "plot.html")
    traces = {trace["name"]: (trace["x"], trace["y"]) for trace in Figure.made.traces}

    assert traces == {
        "-15%": ([0.1, 0.1], [0.085, 0.085]),
        "as measured": ([0.1, 0.1], [0.1, 0.1]),
        "+15%": ([0.1, 0.1], [pytest.approx(0.115)] * 2),
        "chains": ([0.1, 0.1], [0.11, 0.15]),
        "rings": ([0.1], [0.09]),
    }
    assert (Figure.made.layout["xaxis"]["type"], Figure.made.layout["yaxis"]["type"]) == ("log", "log")
    assert (tmp_path / "plot.html").read_text() == "picture"


def test_without_plotly_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    words = (
        "the plot of predicted against measured times needs plotly (import of plotly.graph_objects halted; None in "
        "sys.modules): pip install 'simgpu[plot]'"
    )

    with pytest.raises(MissingDependency, match=exactly(words)):
        write_validation_plot(MADE, tmp_path / "plot.html")
    assert [*tmp_path.iterdir()] == []
