"""Copies between a card and pinned memory, on a card that stands in host memory."""

from dataclasses import replace

import pytest

from simgpu.calibration import calibrate, copies, pinned
from simgpu.calibration.copies import Copies
from simgpu.calibration.pinned import PinnedCopies, pinned_copies
from simgpu.graph import TensorSpec
from simgpu.storage import NumpyStorage
from simgpu.units import PS_PER_NS, MiB
from tests.unit.calibration.test_calibrate import PLAN

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
LAUNCH_PS, HOLD_NS, LATENCY_NS = 3 * PS_PER_NS, 5_000_000, 1500


class TimedEvent(host.HostEvent):
    def __init__(self, card, work, is_timed):
        super().__init__(work, is_timed, time_ns=max(card.now_ns, card.busy_ns))


class TimedCard(host.Card):
    """A card with a clock: to launch a copy takes 3 ns of the host, to do it 1500 ns and 1 ns for each 16 bytes."""

    now_ns = busy_ns = 0

    def record(self, stream, *, is_timed=False):
        return TimedEvent(self, self._give(stream, "event"), is_timed)

    def hold(self, stream, time_us):
        super().hold(stream, time_us)
        self._keep_busy(HOLD_NS)

    def copy_bytes(self, target_ptr, source_ptr, size_bytes, stream):
        super().copy_bytes(target_ptr, source_ptr, size_bytes, stream)
        self.now_ns += 3
        self._keep_busy(LATENCY_NS + size_bytes // 16)

    def finish(self, stream):
        super().finish(stream)
        self.now_ns = max(self.now_ns, self.busy_ns)

    def _keep_busy(self, time_ns):
        self.busy_ns = max(self.busy_ns, self.now_ns) + time_ns


@pytest.fixture
def card(monkeypatch):
    card = TimedCard()
    monkeypatch.setattr(pinned, "perf_counter_ns", lambda: card.now_ns)
    return card


@pytest.fixture
def region(card):
    region = host.CupyStorage(card, reserve_bytes=0, scratch_bytes=2**22).open(MiB)
    yield region
    region.close()


def copies_of(card, region, largest_bytes=MiB, most_bytes=2**40):
    return PinnedCopies(host.CupyStorage(card, reserve_bytes=0, scratch_bytes=2**22), region, largest_bytes, most_bytes)


@pytest.mark.parametrize("way", ["h2d-pinned", "d2h-pinned"])
def test_a_copy_takes_what_the_link_takes_and_its_launch_stands_apart(card, region, way):
    sample = copies_of(card, region).sample(way, 16_000)

    assert (sample.way, sample.size_bytes, sample.host_ps) == (way, 16_000, LAUNCH_PS)
    assert (sample.time_ps, sample.spread_ps, sample.repetitions) == (2500 * PS_PER_NS, 0, 7)


@pytest.mark.parametrize(("way", "is_in"), [("h2d-pinned", True), ("d2h-pinned", False)])
def test_each_copy_is_one_of_bytes_between_pinned_memory_and_the_device_behind_a_hold(card, region, way, is_in):
    found, before = copies_of(card, region), len(card.log)
    found.sample(way, 4096)
    work = card.log[before:]
    (hold,), moved = ([it for it in work if it.what == what] for what in ("hold", "copy"))
    ptr = region.arrays(TensorSpec((4096,), "uint8"))(0).data.ptr
    inside, outside = (ptr, ptr + 4096), (found._memory.ptr, found._memory.ptr + 4096)

    assert {(it.reads, it.writes) for it in moved} == {((outside,), (inside,)) if is_in else ((inside,), (outside,))}
    assert all(card.happens_before(hold, it) for it in moved)


def test_bytes_arrive(card, region):
    found = copies_of(card, region)
    found._memory.array[:4] = [1, 2, 3, 4]
    found.sample("h2d-pinned", 4)

    assert host.on_host(region.arrays(TensorSpec((4,), "uint8"))(0)).tolist() == [1, 2, 3, 4]


def test_no_more_is_pinned_than_the_host_allows(card, region):
    asked, take = [], card.pinned

    def scarce(size):
        asked.append(size)
        if size > 70_000:
            raise RuntimeError("cudaErrorMemoryAllocation: out of memory")
        return take(size)

    card.pinned = scarce
    found = copies_of(card, region, MiB, 600_000)

    assert asked == [600_000, 150_000, 37_500]
    assert found.limit_bytes == 37_500


def test_a_host_that_pins_nothing_leaves_no_sizes(card, region):
    def refuse(size):
        raise MemoryError

    card.pinned = refuse

    assert copies_of(card, region).limit_bytes == 0


def test_nothing_is_pinned_on_numpy_storage():
    storage = NumpyStorage()

    assert pinned_copies(storage, storage.open(MiB), MiB, MiB) is None
    assert not {"h2d-pinned", "d2h-pinned"} & {sample.way for sample in Copies(storage, MiB).samples((1, 4096))}


def test_a_calibration_of_a_card_has_copies_with_pinned_memory_of_each_size():
    found = calibrate(host.host_storage(), plan=replace(PLAN, operations=PLAN.operations[:1], contention=()))

    for way in ("h2d-pinned", "d2h-pinned"):
        assert [sample.size_bytes for sample in found.copies_of(way)] == [1, 4096]
        assert all(sample.repetitions >= 3 and sample.time_ps >= 0 for sample in found.copies_of(way))


def test_sizes_that_the_host_does_not_pin_are_left_out_and_told(monkeypatch):
    monkeypatch.setattr(copies, "free_host_bytes", lambda: 4 * 4095)
    with pytest.warns(UserWarning, match="left out") as caught:
        found = calibrate(host.host_storage(), plan=replace(PLAN, operations=(), contention=()))

    assert [str(warning.message) for warning in caught] == [
        "cupy storage: the host does not pin as much memory as copies of 4 KiB need; they are left out"
    ]
    assert [sample.size_bytes for sample in found.copies_of("h2d-pinned")] == [1]
    assert [sample.size_bytes for sample in found.copies_of("h2d")] == [1, 4096]
