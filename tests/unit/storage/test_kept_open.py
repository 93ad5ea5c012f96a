"""Memory that closed devices leave for those that open next: nothing is taken of the card again, and nothing stays."""

from __future__ import annotations

import gc
import weakref
from threading import Barrier

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import OutOfDeviceMemory
from simgpu.execution import execute
from simgpu.graph import GraphBuilder, TensorSpec
from simgpu.kernels import add_operation
from simgpu.machine import Machine
from simgpu.placement import place
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
MiB = 2**20
FEEDS = {"x": np.arange(64, dtype=np.float32)}


def placed(machine="2 x 1MiB"):
    """A graph over both devices, with a copy between them."""
    builder, spec = GraphBuilder(), TensorSpec((64,), "float32")
    x = add_operation(builder, "Input", spec=spec, name="x")
    y = add_operation(builder, "Neg", x, name="y", device="/gpu:0")
    builder.fetch(*add_operation(builder, "Exp", y, name="z", device="/gpu:1"))
    return place(builder.build(), Machine(machine))


@pytest.fixture
def storage():
    """Storage on a card that writes down what is taken of it."""
    storage = host.host_storage(64 * MiB, poison=True, is_lazy=True)
    storage.taken = []
    for what in ("take", "scratch", "stream"):
        setattr(storage.driver, what, noted(what, storage.taken, getattr(storage.driver, what)))
    yield storage
    gc.collect()
    assert storage.driver.used_bytes == 0


def noted(what, taken, does):
    def noting(*arguments):
        taken.append(what)
        return does(*arguments)

    return noting


def hashes(trace):
    return [trace.ledger_hash(device) for device in range(len(trace.devices))]


def slabs_of(runtime):
    return [place.slab.ptr for memory in runtime.memories[1:] for place in memory.region._places]


def test_runs_that_follow_one_another_take_nothing_more_of_the_card(storage):
    placement, outputs, traces = placed(), [], []
    with storage.kept_open():
        for _ in range(4):
            made, trace = execute(placement, FEEDS, storage=storage)
            outputs.append(made["z"])
            traces.append(trace)
            storage.taken.append("next")
        between = storage.card_use()

    assert storage.taken == [*["stream"] * 3, "scratch", "take"] * 2 + ["next"] * 4
    assert [hashes(trace) for trace in traces] == [hashes(traces[0])] * 4
    for values in outputs:
        np.testing.assert_array_equal(values, np.exp(-FEEDS["x"]))
    assert (between.regions_bytes, between.scratch_bytes) == (0, 0)
    assert (between.held_bytes, between.outside_bytes) == (2 * MiB + 2 * 2**22, 0)
    assert storage.card_use().free_bytes == 64 * MiB


def test_runs_outside_of_it_take_everything_anew_and_give_it_back(storage):
    for _ in range(2):
        execute(placed(), FEEDS, storage=storage)

        assert storage.driver.used_bytes == 0
    assert storage.taken.count("take") == 4


def test_a_device_has_the_memory_again_and_nothing_else_of_what_was_there(storage):
    """Ledger, fences, random numbers and poison begin anew; the bytes are the same."""
    found, slabs = [], []
    with storage.kept_open():
        for _ in range(2):
            with Runtime("2 x 1MiB", storage=storage) as runtime:
                xp, memory = runtime.xp(), runtime.memories[1]
                runtime.start()
                is_empty = memory.statistics().peak_bytes == 0 and not memory.region.fences
                is_poisoned = bool(np.isnan(xp.empty((8,)).value()).all())
                found.append((is_empty, is_poisoned, memory.region.random_state().random()))
                slabs.append(sorted(slabs_of(runtime)))
                xp.full((8,), 5.0).to_device("gpu:1")

    assert slabs[0] == slabs[1]
    assert found == [(True, True, found[0][2])] * 2


def test_memory_in_which_arrays_live_on_is_given_to_no_other_device(storage):
    with storage.kept_open():
        with Runtime("1 x 1MiB", storage=storage) as runtime:
            kept = runtime.xp().full((8,), 5.0)
            first = slabs_of(runtime)
        with Runtime("1 x 1MiB", storage=storage) as runtime:
            runtime.xp().full((8,), 7.0)
            second = slabs_of(runtime)
            del kept
        with Runtime("1 x 1MiB", storage=storage) as runtime:
            runtime.start()
            third = slabs_of(runtime)

    assert first != second
    assert second == third


def test_scratch_memory_in_which_raw_arrays_live_on_is_given_to_no_other_device(storage):
    with storage.kept_open():
        with Runtime("1 x 1MiB", storage=storage) as runtime, runtime.device("/gpu:0"):
            kept = host.cupy.ndarray((8,), np.float32)
        with Runtime("1 x 1MiB", storage=storage) as runtime:
            runtime.start()

            assert runtime.memories[1].region.scratch.used_bytes() == 0
        del kept
    assert storage.taken.count("scratch") == 2


def test_devices_of_other_limits_take_their_own(storage):
    with storage.kept_open():
        for machine in ("2 x 1MiB", "2 x 2MiB", "2 x 1MiB"):
            execute(placed(machine), FEEDS, storage=storage)

        assert storage.card_use().held_bytes == 2 * MiB + 4 * MiB + 2 * 2**22
    assert (storage.taken.count("take"), storage.taken.count("scratch")) == (4, 2)


def test_where_memory_lacks_what_is_kept_goes_back_first(storage):
    with storage.kept_open():
        for machine in ("2 x 20MiB", "2 x 25MiB"):
            execute(placed(machine), FEEDS, storage=storage)
        free = storage.card_use().free_bytes
        with pytest.raises(OutOfDeviceMemory, match=r"with 4 MiB of scratch memory for each .* and 64 MiB of the card"):
            execute(placed("2 x 29MiB"), FEEDS, storage=storage)

    assert free == (64 - 2 * 25 - 2 * 4) * MiB


def test_what_is_kept_counts_as_room_for_those_that_have_it_again():
    storage = host.host_storage(64 * MiB, reserve_bytes=4 * MiB)
    with storage.kept_open():
        for _ in range(3):
            execute(placed("2 x 26MiB"), FEEDS, storage=storage)

            assert storage.card_use().held_bytes == 60 * MiB
    assert storage.driver.used_bytes == 0


def test_devices_that_grow_have_regions_again_and_give_back_what_is_kept_where_they_need_it(storage):
    def grown(*sizes):
        runtime = Runtime("1 x 60MiB", storage=storage)
        (gpu,) = runtime.config.list_physical_devices("GPU")
        runtime.config.set_memory_growth(gpu, True)
        with runtime:
            for size in sizes:
                runtime.xp().zeros((size * MiB,), dtype="uint8")
            return runtime.memories[1].region.taken_bytes // MiB

    with storage.kept_open():
        taken = [grown(1), grown(1), grown(1, 50), storage.taken.count("take"), grown(1)]

    assert taken == [2, 2, 58 + 2, 2, 2]


def test_green_groups_keep_their_streams():
    storage = host.host_storage(partition="green", sm_counts=(8, 16))
    groups = []
    with storage.kept_open():
        for _ in range(3):
            with Runtime("2 x 1MiB", storage=storage) as runtime:
                groups.append([memory.region.stream.group for memory in runtime.memories[1:]])
        streams = storage.driver._streams

    assert (groups, streams) == ([[0, 1]] * 3, 6)


def test_it_may_be_asked_for_inside_itself_and_by_threads(storage):
    barrier = Barrier(3)

    def work(number):
        with storage.kept_open():
            barrier.wait(20)
            for _ in range(10):
                with storage.kept_open():
                    execute(placed(), FEEDS, storage=storage)
            barrier.wait(20)

    assert errors_of(work, range(3)) == []
    assert storage.taken.count("take") <= 2 * 3
    assert storage.driver.used_bytes == 0


def test_what_closes_after_the_end_goes_back_at_once(storage):
    with storage.kept_open():
        runtime = Runtime("1 x 1MiB", storage=storage)
        x = runtime.xp().ones(3)
    open_bytes = storage.driver.used_bytes
    runtime.close()
    del x

    assert (open_bytes, storage.driver.used_bytes) == (MiB + 2**22, 0)


def test_memory_of_a_device_whose_work_has_failed_is_not_kept(storage):
    finish = storage.driver.finish
    with storage.kept_open():
        runtime = Runtime("1 x 1MiB", storage=storage)
        runtime.start()
        storage.driver.finish = fail
        with pytest.raises(OSError, match="the card is gone"):
            runtime.close()
        storage.driver.finish = finish

        assert storage.driver.used_bytes == 0


def fail(stream):
    raise OSError("the card is gone")


def test_storage_that_is_dropped_gives_back_what_it_keeps():
    storage = host.host_storage()
    kept, driver = storage.kept_open(), storage.driver
    kept.__enter__()
    execute(placed(), FEEDS, storage=storage)
    dropped = weakref.ref(storage)
    held = driver.used_bytes
    del kept, storage
    gc.collect()

    assert held > 0
    assert (dropped(), driver.used_bytes) == (None, 0)
