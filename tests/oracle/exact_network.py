"""The same cases, solved with rational numbers and without haste: every time here is exact.

Whenever something begins or ends, the rates of all flows are found anew by filling the links: all flows grow alike
until a link is full, or one has all that it may have; those stop, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple


class Flow(NamedTuple):
    """Which shared links a flow uses, and the most that it may have by itself."""

    links: Sequence[Any]
    limit: Fraction | None = None


def max_min(flows: Mapping[Any, Flow], capacity: Mapping[Any, Fraction]) -> dict[Any, Fraction]:
    """Return the max-min fair rate of each flow."""
    rates: dict[Any, Fraction] = {}
    while open_flows := {name: flow for name, flow in flows.items() if name not in rates}:
        users: dict[Any, list[Any]] = {}
        for name, flow in open_flows.items():
            for link in flow.links:
                users.setdefault(link, []).append(name)
        left = dict(capacity)
        for name, rate in rates.items():
            for link in flows[name].links:
                left[link] -= rate
        shares = {link: left[link] / Fraction(len(names)) for link, names in users.items()}
        own = {name: flow.limit for name, flow in open_flows.items() if flow.limit is not None}
        level = min([*shares.values(), *own.values()])
        full = {name for link, share in shares.items() if share == level for name in users[link]}
        rates |= dict.fromkeys(full | {name for name, limit in own.items() if limit == level}, level)
    return rates


class ExactRun:
    """One case under way. Operations are numbered as in the case."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.operations: Sequence[Any] = case["ops"]
        self.links: Mapping[str, Any] = case.get("links", {})
        self.capacity: dict[Any, Fraction] = {name: Fraction(link["bw"]) for name, link in self.links.items()}
        self.now = Fraction(0)
        self.ends: dict[int, Fraction] = {}
        self.timers = [(Fraction(it.get("start", 0)), n, self.released) for n, it in enumerate(self.operations)]
        self.waits_for = [1 + len(set(it.get("after", ()))) for it in self.operations]
        self.flows: dict[int, Flow] = {}
        self.left: dict[int, Fraction] = {}
        self.queues: dict[Any, list[tuple[Fraction, int]]] = {}
        self.holders: dict[Any, int] = {}

    def run(self) -> dict[str, Fraction]:
        """Let everything happen; return when each operation ended."""
        while self.timers or self.left:
            self.step(max_min(self.flows, self.capacity))
        assert len(self.ends) == len(self.operations)
        return {self.operations[number]["id"]: end for number, end in self.ends.items()}

    def step(self, rates: Mapping[int, Fraction]) -> None:
        """Go on to the next instant at which something ends."""
        flows_end = {number: self.now + left / rates[number] for number, left in self.left.items()}
        then = min([*flows_end.values(), *(time for time, _, _ in self.timers)])
        for number, rate in rates.items():
            self.left[number] -= rate * (then - self.now)
        self.now = then
        due = [(number, what) for time, number, what in self.timers if time == then]
        due += [(number, self.finished) for number, end in flows_end.items() if end == then]
        self.timers = [timer for timer in self.timers if timer[0] != then]
        for number, what in due:
            what(number)
        for place in self.queues:
            self.serve(place)

    def released(self, number: int) -> None:
        """Count down what an operation waits for; with nothing left, it queues for its place, or begins."""
        self.waits_for[number] -= 1
        if self.waits_for[number] == 0:
            place = self.place(number)
            if place is None:
                self.begin(number)
            else:
                self.queues.setdefault(place, []).append((self.now, number))

    def place(self, number: int) -> Any:
        """Return what an operation has to itself while it runs."""
        operation = self.operations[number]
        if operation["type"] == "compute":
            return "device", operation["device"]
        return ("lock", operation["lock"]) if "lock" in operation else None

    def serve(self, place: Any) -> None:
        """Begin with who has waited longest, and among those the first of the case."""
        if self.queues[place] and place not in self.holders:
            first = min(self.queues[place])
            self.queues[place].remove(first)
            self.holders[place] = first[1]
            self.begin(first[1])

    def begin(self, number: int) -> None:
        operation = self.operations[number]
        if operation["type"] == "compute":
            self.timers.append((self.now + Fraction(operation["dur"]), number, self.finished))
        else:
            self.timers.append((self.now + Fraction(operation.get("lat", 0)), number, self.flow))

    def flow(self, number: int) -> None:
        operation = self.operations[number]
        if operation["type"] == "compute_ps":
            core = "core", operation["device"]
            self.capacity[core] = Fraction(1)
            flow, amount = Flow([core]), Fraction(operation["dur"])
        else:
            pipes = [name for name in operation["route"] if self.links[name]["policy"] == "fatpipe"]
            limits = [*map(self.capacity.__getitem__, pipes), *map(Fraction, {operation.get("rate_cap", 0)} - {0})]
            shared = [name for name in operation["route"] if name not in pipes]
            flow, amount = Flow(shared, min(limits, default=None)), Fraction(operation["bytes"])
        if amount and (flow.links or flow.limit):
            self.flows[number], self.left[number] = flow, amount
        else:
            self.timers.append((self.now, number, self.finished))

    def finished(self, number: int) -> None:
        self.ends[number] = self.now
        self.flows.pop(number, None)
        self.left.pop(number, None)
        if self.holders.get(self.place(number)) == number:
            del self.holders[self.place(number)]
        for other, operation in enumerate(self.operations):
            if self.operations[number]["id"] in operation.get("after", ()):
                self.released(other)


def exact_ends(case: Mapping[str, Any]) -> dict[str, Fraction]:
    """Return when each operation of a case ends, exactly."""
    return ExactRun(case).run()
