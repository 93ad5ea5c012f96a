"""What devices take of one card: checked for all of them before they start, and never twice by those that grow."""

from __future__ import annotations

from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest

from simgpu.arrays import Runtime
from simgpu.calibration.copies import Copies
from simgpu.calibration.siblings import contention
from simgpu.cards import SharedCards
from simgpu.errors import OutOfDeviceMemory
from simgpu.graph import TensorSpec
from simgpu.machine import Machine
from simgpu.storage import NumpyStorage, Opening, ShapeStorage
from simgpu.storage.card_account import Balance, account_of
from tests.messages import exactly
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB = 2**20
TWO = Machine("1 x 64MiB").split({"GPU:0": ["30MiB", "24MiB"]})
TOGETHER = (
    "2 devices cannot start together: GPU:0 30 MiB, GPU:1 24 MiB ask for 54 MiB; with 4 MiB of scratch memory for each "
    "and a reserve of 8 MiB for CUDA that is 70 MiB, and 64 MiB of the card's 64 MiB are free; lower the limits, or "
    "scratch_bytes and reserve_bytes of CupyStorage"
)


@pytest.fixture
def storage():
    """Storage on a card that writes down how much is taken of it, and in what for."""
    storage = host.host_storage(64 * MiB, reserve_bytes=8 * MiB)
    storage.taken = []
    for what in ("take", "scratch"):
        setattr(storage.driver, what, noted(storage.taken, getattr(storage.driver, what)))
    return storage


def noted(taken, does):
    def noting(size_bytes, *more):
        taken.append(size_bytes)
        return does(size_bytes, *more)

    return noting


def gpus(*limits, grows=False):
    return [Opening(f"GPU:{number}", "GPU", limit, grows) for number, limit in enumerate(limits)]


def test_devices_that_do_not_fit_together_are_refused_before_anything_is_taken(storage, tmp_path):
    cards = SharedCards(tmp_path / "cards")
    with pytest.raises(OutOfDeviceMemory, match=exactly(TOGETHER)) as caught:
        Runtime(TWO, storage=storage, share=cards).start()

    assert storage.taken == []
    shortage = caught.value.shortage
    assert (shortage.device, shortage.owner) == ("GPU:0, GPU:1", "the start of the devices")
    assert (shortage.requested_bytes, shortage.needed_bytes) == (54 * MiB, 70 * MiB)
    assert (shortage.used_bytes, shortage.limit_bytes, shortage.largest_hole_bytes) == (0, 64 * MiB, 64 * MiB)
    assert cards.snapshot() == ()


def test_devices_that_just_fit_together_start(storage):
    storage.check_start(gpus(24 * MiB, 24 * MiB))
    with Runtime(Machine("1 x 64MiB").split({"GPU:0": ["24MiB", "24MiB"]}), storage=storage) as runtime:
        runtime.start()

        assert storage.card_use().free_bytes == 8 * MiB


def test_devices_that_grow_count_by_their_first_region_and_cpus_not_at_all(storage):
    storage.check_start([*gpus(2**40, 2**40, 2**20, grows=True), Opening("CPU:0", "CPU", 2**50)])
    with pytest.raises(OutOfDeviceMemory) as caught:
        storage.check_start([*gpus(*[2**40] * 9, 2**20, grows=True), Opening("CPU:0", "CPU", 2**50)])

    asked = ", ".join(f"GPU:{number} 2 MiB to grow from" for number in range(8))
    assert str(caught.value) == (
        f"10 devices cannot start together: {asked} and 2 more ask for 19 MiB; with 4 MiB of scratch memory for each "
        "and a reserve of 8 MiB for CUDA that is 67 MiB, and 64 MiB of the card's 64 MiB are free; lower the limits, "
        "or scratch_bytes and reserve_bytes of CupyStorage"
    )
    assert storage.taken == []


def test_a_device_that_grows_does_not_start_where_its_first_region_does_not_fit(storage):
    storage.driver.used_bytes = 51 * MiB
    says = (
        "/gpu:1 cannot start: its first region of 2 MiB, 4 MiB of scratch memory and a reserve of 8 MiB for CUDA are "
        "14 MiB, and 13 MiB of the card's 64 MiB are free; lower the limits, or scratch_bytes and reserve_bytes of "
        "CupyStorage"
    )
    with pytest.raises(OutOfDeviceMemory, match=exactly(says)):
        storage.open(2**40, device="/gpu:1", grows=True)

    assert storage.taken == []
    storage.driver.used_bytes = 0


@pytest.mark.parametrize("storage", [NumpyStorage(), ShapeStorage()], ids=lambda it: it.name)
def test_storage_without_a_card_has_nothing_to_refuse_and_nothing_to_look_at(storage):
    storage.check_start(gpus(2**62, 2**62))

    assert storage.look(now=True) is None


def test_the_devices_of_a_calibration_are_refused_together_too(storage):
    with pytest.raises(OutOfDeviceMemory, match="2 devices cannot start together: GPU:0 28 MiB, GPU:1 28 MiB ask"):
        Copies(storage, 28 * MiB)
    with pytest.raises(OutOfDeviceMemory, match=r"4 devices cannot start together: GPU:0 96 MiB, .* ask for 384 MiB"):
        list(contention(storage, [], (2, 4), 1.0))

    assert storage.taken == []


@pytest.mark.parametrize("opens", [False, True], ids=["growing", "opening"])
def test_devices_that_take_memory_at_once_never_go_below_the_reserve(opens):
    storage, meeting = host.host_storage(64 * MiB, reserve_bytes=8 * MiB), Barrier(2)
    regions = [] if opens else [storage.open(2**40, device=f"GPU:{number}", grows=True) for number in range(2)]
    take = storage.driver.take

    def take_together(size_bytes):
        with suppress(BrokenBarrierError):  # who has looked at the card has it alone, and meets nobody
            meeting.wait(0.3)
        return take(size_bytes)

    storage.driver.take = take_together

    def work(number):
        if opens:
            regions.append(storage.open(26 * MiB))
        else:
            regions[number].grow(26 * MiB)

    errors = errors_of(work, range(2))

    assert storage.card_use().free_bytes >= 8 * MiB
    assert [type(error) for error in errors] == [OutOfDeviceMemory]
    for region in regions:
        region.close()


def test_storages_on_one_card_have_one_account():
    driver = host.Card(64 * MiB)
    first, second = (host.CupyStorage(driver, scratch_bytes=MiB, reserve_bytes=0) for _ in range(2))
    regions = [first.open(8 * MiB), second.open(16 * MiB)]

    uses = [storage.card_use() for storage in (first, second)]
    assert [(use.regions_bytes, use.held_bytes) for use in uses] == [(8 * MiB, 17 * MiB), (16 * MiB, 9 * MiB)]
    assert [use.outside_bytes for use in uses] == [0, 0]
    for region in regions:
        region.close()


def test_memory_that_arrays_keep_from_a_closed_device_is_held_and_not_outside(storage):
    region = storage.open(8 * MiB)
    array = region.arrays(TensorSpec((3,), "float32"))(0)
    region.close()
    use = storage.card_use()
    del array
    after = storage.card_use()

    assert (use.regions_bytes, use.held_bytes, use.outside_bytes) == (0, 8 * MiB, 0)
    assert (after.held_bytes, after.outside_bytes, after.free_bytes) == (0, 0, 64 * MiB)


def test_scratch_memory_in_which_raw_arrays_live_on_is_held_until_they_are_gone(storage):
    region = storage.open(8 * MiB)
    with region.inside():
        array = host.cupy.ndarray((3,), "float32")
    region.close()
    use = storage.card_use()
    del array
    after = storage.card_use()

    assert (use.held_bytes, use.outside_bytes, use.free_bytes) == (4 * MiB, 0, 60 * MiB)
    assert (after.held_bytes, after.outside_bytes, after.free_bytes) == (0, 0, 64 * MiB)


def test_memory_that_is_just_being_taken_is_never_seen_outside(storage):
    seen, take = [], storage.driver.take

    def looked_at(size_bytes):
        seen.append(storage.card_use().outside_bytes)
        slab = take(size_bytes)
        seen.append(storage.card_use().outside_bytes)
        return slab

    storage.driver.take = looked_at
    region = storage.open(8 * MiB)
    storage.driver.take = take
    region.close()

    assert seen == [0, 0]


def test_a_refused_piece_of_memory_is_on_no_account(storage):
    region = storage.open(2**40, grows=True)
    with pytest.raises(OutOfDeviceMemory):
        region.grow(2**39)
    account = account_of(storage.driver)

    assert (account.slabs.total_bytes(), account.scratch.total_bytes()) == (0, 4 * MiB)
    region.close()
    assert account.scratch.total_bytes() == 0


def test_a_tally_counts_what_has_not_ended():
    balance = Balance()
    numbers = [balance.add(size) for size in (1, 10, 100)]
    balance.end(numbers[1])
    balance.end(numbers[1])

    assert balance.total_bytes() == 101
