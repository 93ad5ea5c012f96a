"""Run every benchmark, print a table, and keep the figures under `benchmarks/results/`.

Times are CPU seconds, medians of several runs: the clock on the wall says little on a busy machine. The exit status is
1 if engines that ought to agree did not.
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.cases import BENCHMARKS
from benchmarks.measuring import Figure
from benchmarks.tables import is_agreed, scaling_table, speed_table

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("simgpu", "numpy", "numba", "simpy", "onnx")


def main() -> None:
    """Run all, or those whose names contain one of the arguments; only a run of all is kept, as far as it came."""
    wanted = sys.argv[1:]
    figures: list[Figure] = []
    for name, benchmark in BENCHMARKS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        for figure in benchmark():
            print(f"{name:<12} {figure.what:<58} {figure.value:>12,.3f} {figure.unit}", flush=True)
            figures.append(figure)
        if not wanted:
            keep(figures, is_complete=name == [*BENCHMARKS][-1])
    for table in filter(None, (speed_table(figures), scaling_table(figures))):
        print(f"\n{table}")
    if not wanted:
        print(f"\nkept in {keep(figures, is_complete=True)}")
    if not is_agreed(figures):
        sys.exit("some engines came to other results: see `same results` above")


def keep(figures: list[Figure], *, is_complete: bool) -> Path:
    """Write the figures with date, machine and versions; one file a day."""
    now = datetime.now(UTC)
    record = {
        "date": now.isoformat(timespec="seconds"),
        "machine": {"processor": _processor(), "system": platform.platform(), "python": platform.python_version()},
        "versions": _versions(figures),
        "is_complete": is_complete,
        "figures": [{**it._asdict(), "value": round(it.value, 6), "details": dict(it.details)} for it in figures],
    }
    path = RESULTS / "cpu" / f"{now:%Y-%m-%d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _versions(figures: list[Figure]) -> dict[str, str]:
    """Name the packages that are installed, and those that only their own figures tell of."""
    installed = {package: version(package) for package in PACKAGES if find_spec(package)}
    others = {it.details["engine"]: it.details["version"] for it in figures if "version" in it.details}
    return installed | others


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


if __name__ == "__main__":
    main()
