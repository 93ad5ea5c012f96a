"""Recorded cases of links, transfers and computations, with the exact times at which each operation ends.

An exact rational solver made them, and SimGrid agrees. A small harness runs each on the clock, the shares and the
queues of the simulator: a transfer waits for `after` and `start`, pays `lat`, then flows over its `route`, at most at
its `rate_cap`; or it has its `lock` to itself from the start of its latency to its end. `compute` holds a device, in
order of ready time and then of the case; `compute_ps` shares it equally.
"""

import json
import math
from fractions import Fraction

import hypothesis.strategies as st
from hypothesis import given

from simgpu.costs import Cost
from simgpu.simulation.clock import Clock
from simgpu.simulation.devices import GpuQueue
from simgpu.simulation.links import FifoLinks
from simgpu.simulation.sharing import FairShare
from simgpu.units import PS_PER_S


class Wires:
    """What `FifoLinks` needs of a machine: its channels."""

    def __init__(self, links):
        self.channels = [Wire(link["bw"], ticks(link["lat"])) for link in links.values()]


class Wire:
    is_fatpipe = False

    def __init__(self, bandwidth_bytes_per_s, latency_ps):
        self.bandwidth_bytes_per_s, self.latency_ps = bandwidth_bytes_per_s, latency_ps


class Way:
    def __init__(self, channels):
        self.channels = channels


def ticks(seconds):
    return math.ceil(Fraction(str(seconds)) * PS_PER_S)


class Run:
    """One case under way. Operations are numbered as in the case."""

    def __init__(self, case):
        self.operations = case["ops"]
        self.number = {operation["id"]: number for number, operation in enumerate(self.operations)}
        self.clock = Clock()
        self.ended, self.waiting = {}, [len(operation["after"]) for operation in self.operations]
        links, devices = case.get("links", {}), {o["device"]: None for o in self.operations if "device" in o}
        self.channel = {name: number for number, name in enumerate(links)}
        capacities = [link["bw"] for link in links.values()]
        self.caps = {}
        for number, operation in enumerate(self.operations):
            if "rate_cap" in operation:  # as a link that no other operation uses
                self.caps[number] = (len(capacities),)
                capacities.append(operation["rate_cap"])
        self.links, self.locks = FairShare(self.clock, capacities), FifoLinks(self.clock, Wires(links))
        self.device = {name: number for number, name in enumerate(devices)}
        self.cards = FairShare(self.clock, [PS_PER_S] * len(devices))
        self.queues = [GpuQueue(self.clock, number, 0, self.clock.after, self) for number in range(len(devices))]
        self.ready, self.is_open = [], False

    def times_s(self):
        """Let all operations happen; return the end of each in seconds."""
        for number, operation in enumerate(self.operations):
            self.clock.after(ticks(operation["start"]), lambda number=number: self._started(number))
            self.waiting[number] += 1
        self.clock.run()
        return {self.operations[number]["id"]: Fraction(end, PS_PER_S) for number, end in self.ended.items()}

    def _started(self, number):
        self.waiting[number] -= 1
        if self.waiting[number] == 0:
            self.ready.append(number)
            self._open()

    def _open(self):
        if not self.is_open:
            self.is_open = True
            self.clock.at_end_of_instant(self._close)

    def _close(self):
        self.is_open = False
        ready, self.ready = sorted(self.ready), []
        for number in ready:
            self._begin(number, self.operations[number])
        for queue in self.queues:
            queue.dispatch()

    def _begin(self, number, operation):
        def done():
            self.finished(number)

        if operation["type"] == "compute":
            self.queues[self.device[operation["device"]]].submit(number, Cost(ticks(operation["dur"])))
        elif operation["type"] == "compute_ps":
            self.cards.start(ticks(operation["dur"]), (self.device[operation["device"]],), done)
        elif "lock" in operation:
            assert operation["route"] == [operation["lock"]]
            self.locks.transfer(Way((self.channel[operation["lock"]],)), operation["bytes"], lambda: None, done)
        else:
            route = (*(self.channel[link] for link in operation["route"]), *self.caps.get(number, ()))
            flow = lambda: self.links.start(operation["bytes"], route, done)  # noqa: E731
            self.clock.after(ticks(operation["lat"]), flow)

    def started(self, number):
        pass

    def finished(self, number):
        self.ended[number] = self.clock.now_ps
        for other, operation in enumerate(self.operations):
            if self.operations[number]["id"] in operation["after"]:
                self._started(other)

    def changed(self, queue):
        self._open()


def worst_error(case):
    """Return the largest relative error of any end, and the operation that has it."""
    times = Run(case).times_s()
    assert times.keys() == case["exact"].keys()
    errors = {}
    for name, (rational, _) in case["exact"].items():
        exact = Fraction(rational)
        errors[name] = float(abs(times[name] - exact) / (exact or 1))
    return max((error, name) for name, error in errors.items())


def test_every_operation_of_every_case_ends_when_the_exact_solver_says(cases_dir):
    cases = json.loads((cases_dir / "network.json").read_text())["cases"]
    errors = {case["name"]: worst_error(case) for case in cases}

    assert len(errors) >= 44
    assert {name: error for name, error in errors.items() if error[0] > 1e-9} == {}


def exact_ends(capacities, flows):
    """Return when flows (start, amount, route) end, in seconds, by progressive filling with rationals."""
    left = {number: Fraction(amount) for number, (_, amount, _) in enumerate(flows)}
    now, ends = Fraction(0), {}
    while left:
        active = [number for number in left if flows[number][0] <= now]
        rates = max_min_rates(capacities, {number: flows[number][2] for number in active})
        ends_at = {number: now + left[number] / rates[number] for number in active}
        starts = [Fraction(flows[number][0]) for number in left if number not in rates]
        then = min([*ends_at.values(), *starts])
        for number in active:
            left[number] -= rates[number] * (then - now)
            if ends_at[number] == then:
                ends[number] = then
                del left[number]
        now = then
    return [ends[number] for number in range(len(flows))]


def max_min_rates(capacities, routes):
    rates = {}
    while len(rates) < len(routes):
        shares = {}
        for link, capacity in enumerate(capacities):
            users = [number for number, route in routes.items() if link in route and number not in rates]
            taken = sum(rates[number] for number, route in routes.items() if link in route and number in rates)
            if users:
                shares[link] = ((capacity - taken) / Fraction(len(users)), users)
        share, users = min(shares.values())
        rates.update(dict.fromkeys(users, share))
    return rates


@st.composite
def flows_on_links(draw):
    capacities = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=5))
    route = st.sets(st.integers(0, len(capacities) - 1), min_size=1).map(sorted).map(tuple)
    flow = st.tuples(st.integers(0, 3), st.integers(1, 10**9), route)
    return capacities, draw(st.lists(flow, min_size=1, max_size=8))


@given(flows_on_links())
def test_flows_that_nobody_recorded_end_when_they_should_too(case):
    capacities, flows = case
    links = {str(number): {"bw": capacity, "lat": 0} for number, capacity in enumerate(capacities)}
    operations = [
        {"id": number, "type": "xfer", "route": map(str, route), "bytes": amount, "after": [], "start": start, "lat": 0}
        for number, (start, amount, route) in enumerate(flows)
    ]
    times = Run({"links": links, "ops": operations}).times_s()
    tick = Fraction(len(flows), PS_PER_S)

    for number, exact in enumerate(exact_ends(capacities, flows)):
        assert abs(times[number] - exact) <= exact * Fraction(1, 10**9) + tick
