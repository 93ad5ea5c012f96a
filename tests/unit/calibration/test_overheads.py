from collections import Counter
from types import SimpleNamespace

import pytest

from simgpu.calibration import overheads as module
from simgpu.calibration.overheads import overheads
from simgpu.costs import Overheads
from simgpu.machine import Machine
from simgpu.placement import place
from simgpu.program import TaskKind, lower

US = 10**6
GIVEN = {"Input", "Variable"}


def operations_of(graph):
    return [operation for operation in graph if operation.type not in GIVEN]


def test_the_operations_that_are_measured_by_themselves_are_those_of_the_chain():
    chain = operations_of(module._chain(3, ("GPU:0",)))
    cases = module._cases()

    def told(it, inputs):
        return it.type, tuple(inputs), repr(sorted(it.attributes.items()))

    assert Counter(told(it, it.input_specs) for it in chain) == Counter(3 * [told(it, it.inputs) for it in cases])
    assert len(cases) == 10


def test_with_two_devices_in_turn_there_is_one_transfer_for_each_operation_and_none_of_weights():
    chain = module._chain(2, ("GPU:0", "GPU:1"))
    tasks = lower(place(chain, Machine("1 x 32MiB").split({"GPU:0": ["8MiB", "8MiB"]}))).tasks

    moved = Counter(tasks.graph.operation(tasks.graph.producer(tasks.subject[it])).type for it in transfers(tasks))
    assert sum(moved.values()) == 2 * 10 - 1
    assert "Variable" not in moved


def transfers(tasks):
    return [number for number in range(len(tasks)) if tasks.kind_of(number) is TaskKind.TRANSFER]


class Executed:
    """Runs that take what they are made of: a link takes so long of the host, and its spans so long of that."""

    def __init__(self, link_us, span_us):
        self.link_us, self.span_us = link_us, span_us

    def __call__(self, placement, feeds, *, storage):
        done = operations_of(placement.graph)
        is_away = any(it.device.endswith("1") for it in done)
        link_ps = (self.link_us + (20 if is_away else 0)) * US
        spans = [SimpleNamespace(start_ps=0, end_ps=self.span_us * US) for _ in done]
        return {}, SimpleNamespace(makespan_ps=900 * US + link_ps * len(done), spans=spans)


class SameBench:
    """Says of every operation that it takes the host three microseconds to launch."""

    def sample(self, case):
        return SimpleNamespace(host_ps=3 * US)


@pytest.mark.parametrize(
    ("is_asynchronous", "expected"),
    [
        (False, Overheads(compute_ps=30 * US, transfer_ps=20 * US)),  # 40 us for a link, 10 of them computing
        (True, Overheads(compute_ps=37 * US, transfer_ps=15 * US)),  # 3 us to launch an operation, 5 for a copy
    ],
)
def test_an_overhead_is_what_a_link_adds_less_what_is_known_of_it(monkeypatch, is_asynchronous, expected):
    monkeypatch.setattr(module, "execute", Executed(link_us=40, span_us=10))
    storage = SimpleNamespace(is_asynchronous=is_asynchronous)

    assert overheads(storage, SameBench(), (20, 120), copy_ps=5 * US) == expected
