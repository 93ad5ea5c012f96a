import pytest

from simgpu.calibration import copies as copies_module
from simgpu.calibration.copies import open_copies
from simgpu.costs.measured_machine import PINNED_WAYS
from simgpu.costs.measured_records import WAYS
from simgpu.errors import ExecutionError
from simgpu.storage import NumpyStorage
from tests.unit.calibration.laws import LawStorage

UNPINNED = [way for way in WAYS if way not in PINNED_WAYS]


def measured(storage, monkeypatch, sizes=(1, 10**6)):
    monkeypatch.setattr(copies_module, "perf_counter_ns", storage.perf_counter_ns)
    return {(copy.way, copy.size_bytes): copy for copy in open_copies(storage, 2**20).samples(sizes)}


def test_every_way_without_pinned_memory_is_measured_for_every_size(monkeypatch):
    found = measured(LawStorage(), monkeypatch)

    assert set(found) == {(way, size) for way in UNPINNED for size in (1, 10**6)}


@pytest.mark.parametrize("is_asynchronous", [False, True])
def test_each_copy_is_measured_again_and_again_and_tells_its_spread(monkeypatch, is_asynchronous):
    copies = measured(LawStorage(is_asynchronous=is_asynchronous), monkeypatch, (1, 4096)).values()

    assert min(copy.repetitions for copy in copies) >= 3
    assert {copy.spread_ps for copy in copies} == {0}


def test_where_nothing_is_asynchronous_a_copy_takes_all_of_its_time(monkeypatch):
    copy = measured(LawStorage(), monkeypatch)["h2d", 10**6]

    assert (copy.host_ps, copy.time_ps) == (0, 2_000_000)


@pytest.mark.parametrize("way", ["h2d", "h2d-pageable"])
def test_a_copy_to_an_asynchronous_device_is_timed_until_it_is_complete(monkeypatch, way):
    copy = measured(LawStorage(is_asynchronous=True), monkeypatch)[way, 10**6]

    assert (copy.host_ps, copy.time_ps) == (5_000_000, 2_000_000)


def test_copies_between_gpus_are_timed_back_to_back(monkeypatch):
    copy = measured(LawStorage(is_asynchronous=True), monkeypatch)["d2d", 10**6]

    assert copy.host_ps == 5_000_000
    assert copy.time_ps == pytest.approx(2_000_000, rel=0.2)


class Small(NumpyStorage):
    """A storage of which no region can have more than 1 MiB."""

    def open(self, limit_bytes, kind="GPU", **_):
        if limit_bytes > 2**20:
            raise ExecutionError("there is no room")
        return super().open(limit_bytes, kind)


def test_a_device_that_is_short_of_memory_gives_as_much_as_it_can():
    copies = open_copies(Small(), 2**24)

    assert [copy.size_bytes for copy in copies.samples((1000,))] == [1000] * len(UNPINNED)


def test_sizes_that_do_not_fit_into_what_a_device_gives_are_left_out():
    copies = open_copies(Small(), 2**24)

    assert [copy.size_bytes for copy in copies.samples((1000, 2**22, 2**24))] == [1000] * len(UNPINNED)
