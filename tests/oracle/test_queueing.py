"""Queues against queueing theory: mean waiting times, and Little's law.

The means are those of independent replications, whose first customers, who find the queue emptier than it will be, do
not count. The theory must lie within their 99 % confidence interval (Student's t), which must be narrow, too: a wide
one would hold anything. With other seeds, one interval in a hundred would miss; the seeds are fixed, so none does by
chance. (L. Kleinrock, Queueing Systems I, 1975: M/M/1, M/M/c, M/G/1; II, 1976: priorities, sharing.)
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from simgpu.simulation import NONE, run
from simgpu.units import PS_PER_US
from tests.engines import each_engine
from tests.unit.simulation.sketches import Sketch

REPLICATIONS, CUSTOMERS, UNCOUNTED = 20, 2200, 200
CONFIDENCE, WIDEST = 0.99, 0.18
SERVICE_PS = PS_PER_US
SEED = 20260101

Times = np.ndarray
"""In picoseconds, by replication and customer."""


class Customers(NamedTuple):
    """When they came, of what rank they were, and when their service began and ended."""

    arrival: Times
    rank: np.ndarray
    start: Times
    end: Times

    @property
    def waiting(self) -> Times:
        return self.start - self.arrival

    @property
    def sojourn(self) -> Times:
        return self.end - self.arrival


def exponential(generator: np.random.Generator) -> Times:
    return np.rint(generator.exponential(SERVICE_PS, CUSTOMERS)).astype(np.int64)


def constant(generator: np.random.Generator) -> Times:
    return np.full(CUSTOMERS, SERVICE_PS)


def mixed(generator: np.random.Generator) -> Times:
    """Draw a tenth of them nine times as long as the others, on the average: the mean of the squares is 50 / 9."""
    mean_ps = np.where(generator.random(CUSTOMERS) < 0.1, 5.0, 5 / 9) * SERVICE_PS
    return np.rint(generator.exponential(mean_ps)).astype(np.int64)


SQUARES = {exponential: 2.0, constant: 1.0, mixed: 50 / 9}
"""Means of the squares of services, in units of the square of their mean."""


@functools.cache
def served(engine, load, services=exponential, *, servers=1, is_shared=False, ranks=1) -> Customers:
    """Run one queue for each replication. Customers come at random, so many that the servers have this load."""
    sketch, arrivals, wanted, given_ranks = Sketch(), [], [], []
    for seed in np.random.SeedSequence(SEED).spawn(REPLICATIONS):
        generator = np.random.default_rng(seed)
        gaps = generator.exponential(SERVICE_PS / (load * servers), CUSTOMERS)
        arrivals.append(np.rint(np.cumsum(gaps)).astype(np.int64))
        wanted.append(services(generator))
        given_ranks.append(generator.integers(ranks, size=CUSTOMERS))
        queue = sketch.queue(CUSTOMERS if is_shared else servers, card=sketch.card() if is_shared else NONE)
        columns = (column[-1].tolist() for column in (arrivals, wanted, given_ranks))
        for arrival_ps, service_ps, rank in zip(*columns, strict=True):
            sketch.compute(queue, service_ps, release_ps=arrival_ps, rank=rank)
    timeline = run(sketch.workload(), engine=engine)
    start, end = (it.reshape(REPLICATIONS, CUSTOMERS) for it in (timeline.start_ps, timeline.end_ps))
    return Customers(np.array(arrivals), np.array(given_ranks), start, end)


def interval(means: Times) -> tuple[float, float]:
    """Return the middle and half the width of the confidence interval of a mean, in services."""
    middle, error = means.mean() / SERVICE_PS, means.std(ddof=1) / math.sqrt(len(means)) / SERVICE_PS
    return middle, stats.t.ppf((1 + CONFIDENCE) / 2, len(means) - 1) * error


def agrees(means: Times, theory: float) -> bool:
    """Tell whether the confidence interval of a mean is narrow and holds what theory says, in services."""
    middle, half = interval(means)
    assert half < WIDEST * theory, (middle, half)
    return bool(abs(middle - theory) <= half)


def counted(times: Times) -> Times:
    """Return the mean of each replication."""
    return times[:, UNCOUNTED:].mean(axis=1)


@each_engine
@pytest.mark.parametrize(("services", "load"), [(exponential, 0.5), (constant, 0.7)])
def test_customers_wait_as_long_as_pollaczek_and_khinchine_say(services, load, engine):
    waiting = served(engine, load, services).waiting

    assert agrees(counted(waiting), load * SQUARES[services] / (2 * (1 - load)))


def test_a_wait_a_little_longer_or_shorter_is_told_apart():
    waiting = counted(served("simpy", 0.5).waiting)

    assert not agrees(waiting * 1.15, 0.5 / (1 - 0.5))
    assert not agrees(waiting / 1.15, 0.5 / (1 - 0.5))


def erlang_c(servers: int, load: float) -> float:
    """Return how likely a customer has to wait."""
    offered = servers * load
    waiting = offered**servers / math.factorial(servers) / (1 - load)
    return waiting / (sum(offered**busy / math.factorial(busy) for busy in range(servers)) + waiting)


@each_engine
@pytest.mark.parametrize(("servers", "load"), [(2, 0.5), (4, 0.6)])
def test_customers_of_several_servers_wait_as_often_and_as_long_as_erlang_says(servers, load, engine):
    waiting = served(engine, load, servers=servers).waiting

    assert agrees(counted(waiting), erlang_c(servers, load) / (servers * (1 - load)))
    assert agrees(counted(waiting > 0) * SERVICE_PS, erlang_c(servers, load))


@each_engine
@pytest.mark.parametrize("services", [constant, exponential, mixed])
def test_where_customers_share_a_server_only_the_mean_of_their_services_matters(services, engine):
    assert agrees(counted(served(engine, 0.5, services, is_shared=True).sojourn), 1 / (1 - 0.5))


@each_engine
def test_customers_of_lower_rank_wait_less_as_cobham_says(engine):
    customers = served(engine, 0.6, ranks=2)
    waiting, rank = customers.waiting[:, UNCOUNTED:], customers.rank[:, UNCOUNTED:]
    first, second = ((waiting * (rank == it)).sum(axis=1) / (rank == it).sum(axis=1) for it in (0, 1))

    assert agrees(first, 0.6 / (1 - 0.3))
    assert agrees(second, 0.6 / ((1 - 0.3) * (1 - 0.6)))


def mean_number_present(arrival: Times, end: Times, since: int, until: int) -> float:
    """Return how many there are on the average between two instants, by watching them come and go."""
    instants = np.concatenate([[since], arrival, end, [until]]).clip(since, until)
    changes = np.concatenate([[0], np.ones_like(arrival), -np.ones_like(end), [0]])
    order = np.argsort(instants, kind="stable")
    return float((np.cumsum(changes[order])[:-1] * np.diff(instants[order])).sum() / (until - since))


@each_engine
@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (2, 0.5)])
def test_as_many_are_there_as_come_while_one_is_there(servers, load, engine):
    customers = served(engine, load, servers=servers)
    rows = zip(customers.arrival, customers.end, strict=True)
    present = np.array([mean_number_present(*row, row[0][UNCOUNTED], row[0][-1]) for row in rows])
    come = load * servers * counted(customers.sojourn) / SERVICE_PS
    middle, half = interval((present - come) * SERVICE_PS)

    assert abs(middle) <= half < WIDEST * present.mean()
    assert agrees(present * SERVICE_PS, erlang_c(servers, load) * load / (1 - load) + load * servers)
