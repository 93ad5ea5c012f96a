"""Run every benchmark, print a table, and keep the figures under `benchmarks/results/`.

Times are CPU seconds, medians of several runs: the clock on the wall says little on a busy machine.
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.cases import BENCHMARKS
from benchmarks.measuring import Figure

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("simgpu", "numpy", "simpy", "onnx")


def main() -> None:
    """Run all, or those whose names contain one of the arguments; only a full run is kept."""
    wanted = sys.argv[1:]
    figures: list[Figure] = []
    for name, benchmark in BENCHMARKS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        for figure in benchmark():
            print(f"{name:<12} {figure.what:<58} {figure.value:>12,.3f} {figure.unit}", flush=True)
            figures.append(figure)
    if not wanted:
        print(f"kept in {keep(figures)}")


def keep(figures: list[Figure]) -> Path:
    """Write the figures with date, machine and versions; one file a day."""
    now = datetime.now(UTC)
    record = {
        "date": now.isoformat(timespec="seconds"),
        "machine": {"processor": _processor(), "system": platform.platform(), "python": platform.python_version()},
        "versions": {package: version(package) for package in PACKAGES},
        "figures": [{"what": figure.what, "value": round(figure.value, 6), "unit": figure.unit} for figure in figures],
    }
    path = RESULTS / "cpu" / f"{now:%Y-%m-%d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


if __name__ == "__main__":
    main()
