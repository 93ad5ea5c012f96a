"""The same operation on siblings at once: alone and together, on threads and on the queues of a card."""

from itertools import cycle

import pytest

from simgpu.calibration import default_plan, siblings
from simgpu.calibration.bench import Bench
from simgpu.calibration.case import case
from simgpu.calibration.siblings import _held, _launched, contention
from simgpu.storage import NumpyStorage
from simgpu.units import MiB
from tests.unit.calibration.laws import LawStorage

RELU, ADD = case("Relu", (64,)), case("Add", (2**20,), (2**20,))


def test_siblings_are_timed_alone_and_together():
    found = list(contention(NumpyStorage(), [RELU], (2, 4), 60))

    assert [(sample.type, sample.inputs, sample.siblings) for sample in found] == [
        ("Relu", RELU.inputs, 2),
        ("Relu", RELU.inputs, 4),
    ]
    assert min(min(sample.alone_ps, sample.together_ps) for sample in found) > 0
    assert [sample.repetitions for sample in found] == [5, 5]


def test_launched_siblings_take_the_time_of_all_of_them():
    (sample,) = contention(LawStorage(is_asynchronous=True), [ADD], (2,), 60)

    assert sample.together_ps == pytest.approx(2 * sample.alone_ps, rel=0.1)
    assert (sample.spread_ps, sample.repetitions) == (0, 5)


def test_what_the_devices_have_no_room_for_is_left_out():
    found = contention(NumpyStorage(), [case("Add", (2**25,), (2**25,)), RELU], (2,), 60)

    assert [sample.type for sample in found] == ["Relu"]


def test_without_time_nothing_is_measured():
    assert list(contention(NumpyStorage(), [RELU], (2,), 0)) == []


def test_the_plan_has_products_sums_and_what_is_soon_done_from_small_to_large():
    sizes = {}
    for found in default_plan().contention:
        sizes.setdefault(found.type, []).append(found.work.bytes)

    assert set(sizes) == {"MatMul", "Add", "Relu"}
    assert min(map(len, sizes.values())) >= 4
    assert all(max(found) > 500 * min(found) for found in sizes.values())
    assert {found.type for found in default_plan(quick=True).contention} == set(sizes)


@pytest.fixture
def host():
    return pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")


@pytest.fixture
def benches(host):
    storage = host.host_storage(2**30)
    benches = [Bench(storage, 16 * MiB) for _ in range(3)]
    yield benches
    for bench in benches:
        bench.close()


@pytest.mark.parametrize(("total_bytes", "types"), [(64 * MiB, ["Add", "Relu"]), (40 * MiB, ["Relu"])])
def test_siblings_on_a_card_have_much_memory_or_what_there_is(host, monkeypatch, total_bytes, types):
    monkeypatch.setattr(siblings, "_CARD_BYTES", 24 * MiB)
    monkeypatch.setattr(siblings, "_LEAST_BYTES", 8 * MiB)
    storage = host.host_storage(total_bytes)
    found = contention(storage, [ADD, RELU], (2,), 60)

    assert [sample.type for sample in found] == types
    assert storage.card_use().regions_bytes == 0


def test_queues_of_a_card_are_held_until_all_is_launched_and_begin_together(benches):
    card = benches[0].storage.driver
    before = len(card.log)
    times = _launched(benches, RELU)
    last = max(place for place, work in enumerate(card.log) if work.what == "hold")
    hold, kernels = card.log[last], [work for work in card.log[last:] if work.what == "kernel"]

    assert len(times) == 5
    assert min(times) > 0
    assert {work.stream for work in card.log[before:] if work.what == "hold"} == {benches[0].region.stream.number}
    assert {work.stream for work in kernels} == {bench.region.stream.number for bench in benches}
    assert all(card.happens_before(hold, kernel) for kernel in kernels)


def test_each_device_of_another_storage_is_held_by_itself():
    storage = LawStorage(is_asynchronous=True)
    starts = _held([storage.open(MiB) for _ in range(2)], 3)

    assert starts == [2 * 3 * 3_000_000_000] * 2


def test_time_runs_from_the_first_start_to_the_last_end(benches, monkeypatch):
    """Of the device: each takes 10 us for 8 operations, but the second begins 5 us later."""
    origin, starts, ends = [0], [100_000, 105_000], [110_000, 115_000]
    moments, storage, region = cycle([*origin, *starts, *ends]), benches[0].storage, type(benches[0].region)
    monkeypatch.setattr(region, "mark", lambda self: next(moments))
    monkeypatch.setattr(region, "hold", lambda self: None)
    monkeypatch.setattr(storage, "between_ps", lambda earlier, later: later - earlier)
    monkeypatch.setattr(storage.driver, "wait", lambda stream, event: None)

    assert _launched(benches[:2], RELU) == [15_000 // 8] * 5
