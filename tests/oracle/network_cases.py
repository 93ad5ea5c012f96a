"""Run cases of links, transfers and computations on the simulator, and tell how far it is from their exact times.

    python -m tests.oracle.network_cases FILE [--engine simpy]

A case has links (`bw` in bytes/s; `policy`: shared, or fatpipe, where each flow has the whole) and operations. An
`xfer` waits for `after` and `start`, pays `lat`, then flows over its `route`, at most at its `rate_cap`; with a `lock`
it has that to itself from the start of its latency to its end. `compute` holds its device, in the order of ready times
and then of the case; `compute_ps` shares its device equally. `exact` has the end of each operation as a rational, as
text.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from simgpu.errors import SimgpuError
from simgpu.simulation import NONE, Workload, run
from simgpu.units import PS_PER_S
from tests.unit.simulation.sketches import Sketch

Case = dict[str, Any]

TOLERANCE = 1e-9
MEANT = {
    "case": {"name", "kind", "tags", "desc", "links", "ops", "closed_form", "exact", "makespan"},
    "link": {"bw", "lat", "policy"},
    "op": {"id", "type", "after", "start", "desc"},
    "xfer": {"route", "bytes", "lat", "rate_cap", "lock"},
    "compute": {"device", "dur"},
    "compute_ps": {"device", "dur"},
}
POLICIES = ("shared", "fatpipe")
MOST_TICKS, MOST_UNITS = 2**58, 2**52
"""Longer times and larger numbers are not handed to an engine: the compiled one has 64 bits, and floats have 53."""


class CaseError(ValueError):
    """A case that cannot be run, and why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The worst relative error of any end, and whose it is; `notes` are what was not understood and left aside."""

    name: str
    error: float
    worst: str
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.error <= TOLERANCE

    def __str__(self) -> str:
        return "; ".join([f"{self.name}: {self.error:.1e} ({self.worst})", *self.notes])


@dataclass(frozen=True, slots=True)
class Scale:
    """What a second and a byte of a case are worth in the ticks and bytes of the simulator.

    A tick is a picosecond unless the case is so short that its times are then too coarse, or so long that they do not
    fit; a byte is a byte unless sizes or rates are not whole.
    """

    ticks_per_s: Fraction
    units_per_byte: Fraction

    def ticks(self, seconds: Any) -> int:
        return round(Fraction(seconds) * self.ticks_per_s)

    def units(self, size_bytes: Any) -> int:
        return round(Fraction(size_bytes) * self.units_per_byte)

    def rate(self, bytes_per_s: Any) -> int:
        return max(1, round(Fraction(bytes_per_s) * self.units_per_byte * PS_PER_S / self.ticks_per_s))


def check(case: Case) -> tuple[str, ...]:
    """Refuse a case that cannot be run; return what is in it beside what is meant."""
    links, known = case.get("links", {}), {operation["id"] for operation in case["ops"]}
    for name, link in links.items():
        if link.get("policy", "shared") not in POLICIES:
            raise CaseError(f"link {name} has the policy {link['policy']!r}; there are {', '.join(POLICIES)}")
        if not link["bw"] > 0:
            raise CaseError(f"link {name} has the bandwidth {link['bw']}; it must be more than 0")
    for operation in case["ops"]:
        who = f"operation {operation['id']}"
        if operation["type"] not in ("xfer", "compute", "compute_ps"):
            raise CaseError(f"{who} has the type {operation['type']!r}; there are xfer, compute, compute_ps")
        for missing in [name for name in operation.get("route", ()) if name not in links]:
            raise CaseError(f"{who} goes over {missing}; there are {', '.join(links) or 'no links'}")
        for missing in [name for name in operation.get("after", ()) if name not in known]:
            raise CaseError(f"{who} comes after {missing}, which is not in the case")
    return tuple(_beside(case))


def _beside(case: Case) -> Iterator[str]:
    records = [("case", case, MEANT["case"])]
    records += [(f"link {name}", link, MEANT["link"]) for name, link in case.get("links", {}).items()]
    records += [(f"operation {it['id']}", it, MEANT["op"] | MEANT[it["type"]]) for it in case["ops"]]
    for who, record, meant in records:
        if beside := sorted(record.keys() - meant):
            yield f"{who}: unknown {', '.join(beside)}"


def scale_of(case: Case) -> Scale:
    """Choose the scale: exact for sizes and rates if numbers allow it, and as fine as it need be for times."""
    times, sizes, rates = [*_times(case)], [*_sizes(case)], [*_rates(case)]
    horizon = sum(times) or Fraction(1)
    shortest = min(filter(None, times), default=horizon)
    ticks_per_s = Fraction(PS_PER_S)
    while shortest * ticks_per_s < PS_PER_S and horizon * ticks_per_s * 10 < MOST_TICKS:
        ticks_per_s *= 10
    while horizon * ticks_per_s > MOST_TICKS:
        ticks_per_s /= 10
    per_s = [rate * PS_PER_S / ticks_per_s for rate in rates]
    units_per_byte = Fraction(math.lcm(*(number.denominator for number in [*sizes, *per_s])))
    while max([*sizes, *per_s], default=0) * units_per_byte > MOST_UNITS:
        units_per_byte /= 2
    return Scale(ticks_per_s, units_per_byte)


def _times(case: Case) -> Iterator[Fraction]:
    """Yield all durations: together they are more than the whole can take."""
    for operation in case["ops"]:
        yield from (Fraction(operation.get(name, 0)) for name in ("start", "dur"))
        yield latency(case, operation)
        limits = [Fraction(case["links"][name]["bw"]) for name in operation.get("route", ())]
        limits += [Fraction(operation["rate_cap"])] if operation.get("rate_cap") else []
        yield Fraction(operation.get("bytes", 0)) / min(limits, default=1)


def _sizes(case: Case) -> Iterator[Fraction]:
    return (Fraction(operation["bytes"]) for operation in case["ops"] if operation["type"] == "xfer")


def _rates(case: Case) -> Iterator[Fraction]:
    yield from (Fraction(link["bw"]) for link in case.get("links", {}).values())
    yield from (Fraction(operation["rate_cap"]) for operation in case["ops"] if operation.get("rate_cap"))


def latency(case: Case, operation: Case) -> Fraction:
    """Return the seconds of an operation's latency: its own, or that of its links."""
    return Fraction(operation.get("lat", sum(Fraction(case["links"][it]["lat"]) for it in operation.get("route", ()))))


class Setting:
    """A case on its way to a workload: queues, routes and gates are made when an operation first needs them."""

    def __init__(self, case: Case, scale: Scale) -> None:
        self.case, self.scale, self.sketch = case, scale, Sketch()
        self.channels = {
            name: self.sketch.channel(scale.rate(link["bw"]), is_fatpipe=link.get("policy") == "fatpipe")
            for name, link in case.get("links", {}).items()
        }
        self.made: dict[Any, int] = {}

    def workload(self) -> Workload:
        numbers = {operation["id"]: number for number, operation in enumerate(self.case["ops"])}
        for number, operation in enumerate(self.case["ops"]):
            self._move(operation) if operation["type"] == "xfer" else self._compute(operation)
            for before in operation.get("after", ()):
                self.sketch.follow(numbers[before], number)
        return self.sketch.workload()

    def _move(self, operation: Case) -> None:
        size, start_ps = self.scale.units(operation["bytes"]), self.scale.ticks(operation.get("start", 0))
        cap = self.scale.rate(operation["rate_cap"]) if operation.get("rate_cap") else 0
        self.sketch.move(self._route(operation), size, cap=cap, out_gate=self._gate(operation), release_ps=start_ps)

    def _compute(self, operation: Case) -> None:
        start_ps = self.scale.ticks(operation.get("start", 0))
        self.sketch.compute(self._queue(operation), self.scale.ticks(operation["dur"]), release_ps=start_ps)

    def _route(self, operation: Case) -> int:
        key = (*operation["route"], latency(self.case, operation))
        if key not in self.made:
            channels = [self.channels[name] for name in operation["route"]]
            self.made[key] = self.sketch.route(*channels, latency_ps=self.scale.ticks(key[-1]))
        return self.made[key]

    def _gate(self, operation: Case) -> int:
        if operation.get("lock") is None:
            return NONE
        key = "lock", operation["lock"]
        if key not in self.made:
            self.made[key] = self.sketch.gate()
        return self.made[key]

    def _queue(self, operation: Case) -> int:
        key = operation["type"], operation["device"]
        if key not in self.made:
            is_shared = operation["type"] == "compute_ps"
            everyone = len(self.case["ops"])
            self.made[key] = self.sketch.queue(everyone, card=self.sketch.card()) if is_shared else self.sketch.queue()
        return self.made[key]


def ends_s(case: Case, engine: str) -> dict[str, Fraction]:
    """Run a case; return the end of each operation in seconds."""
    scale = scale_of(case)
    timeline = run(Setting(case, scale).workload(), engine=engine)
    return {it["id"]: end / scale.ticks_per_s for it, end in zip(case["ops"], timeline.end_ps.tolist(), strict=True)}


def exact_s(case: Case) -> dict[str, Fraction]:
    """Return the ends that a case says are right."""
    given = case["exact"].items()
    return {name: Fraction(exact[0] if isinstance(exact, list) else exact) for name, exact in given}


def error(value: Fraction, exact: Fraction) -> float:
    """Return the relative error; the absolute one where the truth is 0."""
    return float(abs(value - exact) / (exact or 1))


def outcome(case: Case, engine: str) -> Outcome:
    """Run a case and compare. Raises CaseError if it cannot be run."""
    notes, ends, exact = check(case), ends_s(case, engine), exact_s(case)
    if not exact or exact.keys() - ends.keys():
        raise CaseError(f"exact is for {', '.join(exact) or 'nothing'}; the operations are {', '.join(ends)}")
    worst, who = max((error(ends[name], exact[name]), name) for name in exact)
    return Outcome(case["name"], worst, who, notes)


def tried(case: Case, engine: str) -> Outcome:
    """Run a case and compare; a case that cannot be run is infinitely far from the truth."""
    try:
        return outcome(case, engine)
    except (ValueError, KeyError, TypeError, SimgpuError) as refusal:
        return Outcome(str(case.get("name")), math.inf, f"{type(refusal).__name__}: {refusal}")


def outcomes(path: Path, engine: str) -> Iterator[Outcome]:
    """Run all cases of a file: an object with `cases`, or a list of them."""
    told = json.loads(path.read_text())
    for case in told if isinstance(told, list) else told["cases"]:
        yield tried(case, engine)


def main(arguments: list[str] | None = None) -> int:
    """Write a line for each case, and a last one for how many passed; return 1 if one did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.network_cases", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path)
    parser.add_argument("--engine", choices=("simpy", "compiled", "auto"), default="auto")
    asked = parser.parse_args(arguments)
    passed = []
    for each in outcomes(asked.file, asked.engine):
        passed.append(each.passed)
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{sum(passed)} of {len(passed)} cases to {TOLERANCE:.0e}\n")
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
