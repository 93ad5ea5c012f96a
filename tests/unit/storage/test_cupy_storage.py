"""CuPy storage over host memory: regions, views, growth, what is given back and what is left on the card."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.cards import SharedCards
from simgpu.errors import ExecutionError, InvalidValue, OutOfDeviceMemory
from simgpu.graph import TensorSpec
from simgpu.kernels import rule
from simgpu.machine import Machine
from simgpu.storage import CardUse, cupy_storage
from simgpu.storage.cupy_region import span_of
from tests.messages import exactly
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
cupy = host.cupy
MiB = 2**20
WRONG_COUNTS = (
    "sm_counts={} with partition='{}': a green partition needs a number of multiprocessors for each device, such as "
    "(64, 64), and no other has one"
)


def floats(*shape):
    return TensorSpec(shape, "float32")


@pytest.fixture
def storage():
    return host.host_storage(64 * MiB)


@pytest.fixture
def region(storage):
    region = storage.open(4096)
    yield region
    region.close()


def filled(storage, region, *shape):
    """Return an array of this shape with the values 0, 1, 2 ..., and the same of NumPy."""
    values = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    array = region.arrays(floats(*shape))(0)
    storage.write(array, values)
    return array, values


def test_arrays_are_those_of_cupy_and_lie_at_their_offset(region):
    array = region.arrays(TensorSpec((2, 3), "int64"))(512)

    assert type(array) is cupy.ndarray
    assert (array.shape, array.dtype, array.flags.c_contiguous) == ((2, 3), np.int64, True)
    assert array.data.ptr == region._places[0].slab.ptr + 512


@pytest.mark.parametrize(("offset", "count"), [(0, 1025), (4096, 1), (3584, 129), (10**9, 1)])
def test_no_array_reaches_beyond_its_region(region, offset, count):
    with pytest.raises(ExecutionError, match=exactly(f"GPU: {4 * count} B at offset {offset} reach beyond its memory")):
        region.arrays(floats(count))(offset)


def test_a_region_can_be_filled_to_its_last_byte(region):
    assert region.holds(region.arrays(TensorSpec((1,), "uint8"))(4095))


def test_an_array_of_no_bytes_lies_anywhere_also_where_nothing_is_taken_yet(storage, region):
    growing = storage.open(4096, grows=True)

    assert region.holds(region.arrays(floats(0, 3))(4096))
    assert growing.arrays(floats(0, 3))(0).shape == (0, 3)
    assert storage.card_use().regions_bytes == 4096
    growing.close()


def test_a_region_holds_its_own_arrays_and_their_views_and_no_others(storage):
    regions = [storage.open(4096) for _ in range(3)]
    arrays = [region.arrays(floats(1024))(0) for region in regions]

    assert [[region.holds(array) for array in arrays] for region in regions] == np.eye(3, dtype=bool).tolist()
    assert regions[0].holds(arrays[0][1000:])
    assert regions[0].holds(arrays[0][::-1])
    assert not regions[0].holds(np.zeros(4))
    for region in regions:
        region.close()


def test_strings_are_refused(region):
    with pytest.raises(ExecutionError, match=exactly("GPU: strings live in the memory of CPUs alone, not string[2]")):
        region.arrays(TensorSpec((2,), "string"))


SHOWS = {
    "slice": lambda x: x[1:, ::2],
    "backwards": lambda x: x[::-1, ::-3],
    "one of them": lambda x: x[2, ...],
    "element": lambda x: x[1, 2, ...],
    "new axes": lambda x: x[None, :, None],
    "transposed": lambda x: x.T,
    "swapped": lambda x: x[:, None].swapaxes(0, 2),
    "broadcast": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "broadcast in": lambda x: np.broadcast_to(x[:, :1], (3, 5)),
    "flat": lambda x: x.reshape(-1, copy=False),
    "split": lambda x: x.reshape((3, 2, 2), copy=False),
    "nothing": lambda x: x[3:],
    "flipped": np.flip,
    "squeezed": lambda x: x[:1].squeeze(0),
    "diagonal": lambda x: x.diagonal(1),
}


@pytest.mark.parametrize("name", SHOWS)
def test_a_view_shows_what_numpy_shows_and_the_memory_is_shared(storage, region, name):
    array, values = filled(storage, region, 3, 4)
    expected = SHOWS[name](values)

    made, spec = storage.view(array, SHOWS[name])

    assert (spec, made.shape, made.dtype) == (TensorSpec(expected.shape, "float32"), expected.shape, np.float32)
    np.testing.assert_array_equal(storage.read(made), expected)
    assert region.holds(made)
    assert storage.is_writable(made) == expected.flags.writeable
    assert storage.region_of(made) is region
    if expected.size:
        assert made.strides == expected.strides
        low, high = np.lib.array_utils.byte_bounds(expected)
        offset = low - np.lib.array_utils.byte_bounds(values)[0]
        assert span_of(made) == (array.data.ptr + offset, array.data.ptr + offset + high - low)


def test_a_view_of_a_view_is_one(storage, region):
    array, values = filled(storage, region, 4, 6)
    made, _ = storage.view(storage.view(array, SHOWS["slice"])[0], SHOWS["backwards"])

    np.testing.assert_array_equal(storage.read(made), values[1:, ::2][::-1, ::-3])


@pytest.mark.parametrize(
    "show", [lambda x: x.T.reshape(-1, copy=False), lambda x: x[:, ::3].reshape(6, copy=False), lambda x: x[5, ...]]
)
def test_where_only_a_copy_could_show_it_there_is_no_view(storage, region, show):
    array, _ = filled(storage, region, 3, 4)
    with pytest.raises((ValueError, IndexError)):
        storage.view(array, show)


@pytest.mark.parametrize("dtype", ["bool", "float16", "bfloat16", "int8", "complex64", "complex128", "uint64"])
def test_views_are_of_any_dtype(storage, region, dtype):
    array = region.arrays(TensorSpec((3, 4), dtype))(0)
    values = np.arange(12).reshape(3, 4).astype(array.dtype)
    storage.write(array, values)
    made, spec = storage.view(array, SHOWS["backwards"])

    assert spec == TensorSpec((3, 2), dtype)
    assert storage.read(made).tolist() == values[::-1, ::-3].tolist()


def test_values_go_into_views_and_come_out_of_them(storage, region):
    array, values = filled(storage, region, 3, 4)
    made, _ = storage.view(array, lambda x: x[:, ::-2])
    storage.write(made, np.full((3, 2), 9.0))
    values[:, ::-2] = 9.0

    np.testing.assert_array_equal(storage.read(array), values)


def test_a_value_that_is_read_belongs_to_the_caller(storage, region):
    array, values = filled(storage, region, 5)
    value = storage.read(array)
    value[:] = 0

    np.testing.assert_array_equal(storage.read(array), values)


def test_a_region_grows_piece_by_piece_and_no_array_lies_across_two_of_them(storage):
    region = storage.open(4096, grows=True)
    for size in (512, 1024, 2048):
        region.grow(size)
    arrays = [region.arrays(floats(128))(offset) for offset in (0, 512, 1024, 1536, 3072)]
    starts = [place.slab.ptr for place in region._places]

    assert [array.data.ptr for array in arrays] == [
        starts[0],
        starts[1],
        starts[1] + 512,
        *(starts[2] + 0, starts[2] + 1536),
    ]
    assert all(region.holds(array) for array in arrays)
    assert region.taken_bytes == 3584
    with pytest.raises(ExecutionError, match=exactly("GPU: 1024 B at offset 1024 reach beyond its memory")):
        region.arrays(floats(256))(1024)
    region.close()


def test_growth_beyond_the_card_is_refused_with_all_figures_and_changes_nothing():
    storage = host.host_storage(8 * MiB)
    region = storage.open(64 * MiB, device="/gpu:0", grows=True)
    region.grow(2 * MiB)
    with pytest.raises(OutOfDeviceMemory) as caught:
        region.grow(3 * MiB)

    assert str(caught.value) == (
        "/gpu:0: its card cannot give 3 MiB: 2 MiB of 8 MiB are free, perhaps not in one piece; lower the limits of "
        "its devices, or end other programs on the card"
    )
    assert caught.value.shortage.largest_hole_bytes == 2 * MiB
    assert region.taken_bytes == 2 * MiB
    region.close()


def test_growth_keeps_the_reserve_and_is_refused_with_all_figures():
    storage = host.host_storage(64 * MiB, reserve_bytes=8 * MiB)
    region = storage.open(64 * MiB, device="/gpu:0", grows=True)
    region.grow(50 * MiB)
    before = storage.card_use()
    with pytest.raises(OutOfDeviceMemory) as caught:
        region.grow(3 * MiB)

    assert str(caught.value) == (
        "/gpu:0: its card cannot give 3 MiB: with a reserve of 8 MiB for CUDA that is 11 MiB, and 10 MiB of 64 MiB are "
        "free; lower the limits of its devices, or reserve_bytes of CupyStorage"
    )
    shortage = caught.value.shortage
    assert (shortage.requested_bytes, shortage.needed_bytes, shortage.used_bytes) == (3 * MiB, 11 * MiB, 54 * MiB)
    assert (shortage.limit_bytes, shortage.largest_hole_bytes) == (64 * MiB, 10 * MiB)
    assert storage.card_use() == before
    region.grow(2 * MiB)
    assert storage.card_use().free_bytes == 8 * MiB
    region.close()


def test_an_array_of_no_bytes_needs_no_reserve():
    storage = host.host_storage(16 * MiB, reserve_bytes=8 * MiB)
    region = storage.open(64 * MiB, grows=True)
    storage.driver.used_bytes += 10 * MiB  # of another program

    assert region.arrays(floats(0, 3))(0).shape == (0, 3)
    region.close()


def test_programs_that_grow_leave_the_reserve_free():
    storage = host.host_storage(64 * MiB, reserve_bytes=16 * MiB)
    with growing(storage, machine="1 x 64MiB") as runtime:
        xp, held = runtime.xp(), []
        with pytest.raises(OutOfDeviceMemory, match="with a reserve of 16 MiB for CUDA"):
            held.extend(xp.zeros((MiB,), dtype="uint8") for _ in range(64))

        assert storage.card_use().free_bytes == 16 * MiB
        del held


def test_a_device_for_which_there_is_not_enough_is_refused_with_all_figures():
    storage = host.host_storage(64 * MiB, reserve_bytes=8 * MiB)
    region = storage.open(16 * MiB)
    with pytest.raises(OutOfDeviceMemory) as caught:
        storage.open(33 * MiB, device="/gpu:1")

    assert str(caught.value) == (
        "/gpu:1 cannot start: its limit of 33 MiB, 4 MiB of scratch memory and a reserve of 8 MiB for CUDA are 45 MiB, "
        "and 44 MiB of the card's 64 MiB are free; lower the limits, or scratch_bytes and reserve_bytes of CupyStorage"
    )
    shortage = caught.value.shortage
    assert (shortage.requested_bytes, shortage.needed_bytes, shortage.used_bytes) == (33 * MiB, 45 * MiB, 20 * MiB)
    assert (shortage.limit_bytes, shortage.largest_hole_bytes) == (64 * MiB, 44 * MiB)
    other = storage.open(32 * MiB)
    for it in (region, other):
        it.close()


def test_the_use_of_a_card_adds_up():
    storage = host.host_storage(64 * MiB)
    storage.driver.used_bytes += 5 * MiB  # of another program
    regions = [storage.open(8 * MiB), storage.open(2 * MiB), storage.open(32 * MiB, grows=True)]
    regions[2].grow(MiB)

    assert storage.card_use() == CardUse(64 * MiB, 36 * MiB, 11 * MiB, 12 * MiB, 5 * MiB, 0, 5 * MiB)
    for region in regions:
        region.close()
    assert storage.card_use() == CardUse(64 * MiB, 59 * MiB, 0, 0, 5 * MiB, 0, 5 * MiB)


def test_a_cpu_lives_in_host_memory_and_takes_nothing_of_the_card(storage):
    region = storage.open(2**40, "CPU")
    array = region.arrays(floats(3))(0)

    assert isinstance(array, np.ndarray)
    assert storage.card_use().free_bytes == 64 * MiB


def test_a_closed_region_gives_back_all_but_the_memory_of_arrays_that_live_on(storage):
    region = storage.open(MiB)
    array, values = filled(storage, region, 5)
    region.close()
    region.close()

    assert storage.card_use().free_bytes == 63 * MiB
    np.testing.assert_array_equal(storage.read(array), values)
    del array, region
    gc.collect()
    assert storage.card_use().free_bytes == 64 * MiB


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("what", ["take", "scratch", "stream"])
def test_if_a_device_cannot_open_none_is_left_open(monkeypatch, failing, what):
    storage, calls = host.host_storage(64 * MiB), []
    does = getattr(storage.driver, what)

    def fails(*arguments):
        calls.append(what)
        if len(calls) == failing:
            raise MemoryError("no more")
        return does(*arguments)

    monkeypatch.setattr(storage.driver, what, fails)
    before = cupy.cuda.get_allocator()
    with pytest.raises(MemoryError) as caught:
        Runtime(Machine("1 x 16MiB").split({"GPU:0": ["2MiB"] * 4}), storage=storage).start()

    assert storage.card_use().free_bytes == 64 * MiB  # also while the exception is held
    assert cupy.cuda.get_allocator() == before
    assert (type(caught.value) is OutOfDeviceMemory) == (what != "stream")


def test_a_runtime_that_is_dropped_without_closing_gives_everything_back():
    storage, before = host.host_storage(64 * MiB), cupy.cuda.get_allocator()
    runtime = Runtime("2 x 4MiB", storage=storage)
    x = runtime.xp().ones((3,))
    x.to_device("gpu:1")
    assert storage.card_use().free_bytes == 48 * MiB
    del runtime, x
    gc.collect()

    assert storage.card_use().free_bytes == 64 * MiB
    assert cupy.cuda.get_allocator() == before


def test_pinned_memory_of_an_upload_lives_until_its_copy_has_ended():
    storage = host.host_storage(is_lazy=True)
    region, pinned = storage.open(4096), []
    take = storage.driver.pinned
    storage.driver.pinned = lambda size: pinned.append(weakref.ref(made := take(size))) or made
    array = region.arrays(floats(4))(0)
    first = storage.write(array, np.ones(4))
    storage.write(array, np.ones(4))
    gc.collect()
    assert [it() is not None for it in pinned] == [True, True]

    storage.driver.wait_on_host(first.end)
    storage.write(array, np.ones(4))

    assert [it() is not None for it in pinned] == [False, True, True]
    region.close()


def test_poison_fills_what_is_granted():
    storage = host.host_storage(poison=True)
    region = storage.open(4096)
    found = {
        dtype: storage.read(region.arrays(TensorSpec((3,), dtype))(0)) for dtype in ("float32", "float16", "uint8")
    }

    assert np.isnan(found["float32"]).all()
    assert np.isnan(found["float16"]).all()
    assert found["uint8"].tolist() == [255] * 3
    region.close()


def test_poison_fills_what_is_given_back_at_once_and_nothing_beside_it():
    with Runtime("1 x 1MiB", storage=host.host_storage(poison=True)) as runtime:
        xp = runtime.xp()
        x, beside = (xp.full((128,), value) for value in (2.0, 3.0))
        given_back = x._data
        del x

        assert np.isnan(host.on_host(given_back)).all()
        np.testing.assert_array_equal(beside.value(), np.full(128, 3.0))


def test_poison_waits_for_copies_of_what_is_given_back():
    storage = host.host_storage(is_lazy=True, poison=True)
    with Runtime("2 x 1MiB", storage=storage) as runtime:
        x = runtime.xp().full((128,), 2.0)
        moved = x.to_device("gpu:1")
        copy = storage.driver.log[-2]
        del x
        poisoning = storage.driver.log[-1]

        assert (copy.what, poisoning.what) == ("copy", "fill")
        assert storage.driver.happens_before(copy, poisoning)
        np.testing.assert_array_equal(moved.value(), np.full(128, 2.0))


def test_arrays_that_outlive_their_runtime_are_given_back_unpoisoned():
    storage = host.host_storage(poison=True)
    with Runtime("1 x 1MiB", storage=storage) as runtime:
        x = runtime.xp().ones((128,))
    before = len(storage.driver.log)
    del x

    assert len(storage.driver.log) == before


def test_what_gives_memory_back_while_another_thread_works_there_does_not_wait():
    storage = host.host_storage(poison=True)
    with Runtime("1 x 1MiB", storage=storage) as runtime:
        held = [runtime.xp().ones((128,))]
        with runtime.memories[1].region.lock:
            errors = errors_of(lambda _: held.clear(), [0])

        assert (errors, held) == ([], [])
        assert runtime.memory_statistics().current_bytes == 0


def test_the_host_computes_what_cpus_hold_also_from_values_on_the_card(storage, region):
    array, values = filled(storage, region, 5)
    there = np.empty(5, np.float32)
    storage.compute(rule("Relu"), [array], [there], {})
    back = region.arrays(floats(5))(512)
    storage.compute(rule("Add"), [array, there], [back], {})

    np.testing.assert_array_equal(there, values)
    np.testing.assert_array_equal(storage.read(back), 2 * values)
    assert region.scratch.used_bytes() == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scratch_bytes": -1}, "scratch_bytes=-1 is not a size; give an int of 0 or more bytes"),
        ({"reserve_bytes": 1.5}, "reserve_bytes=1.5 is not a size; give an int of 0 or more bytes"),
        ({"scratch_bytes": True}, "scratch_bytes=True is not a size; give an int of 0 or more bytes"),
        ({"raw": "maybe"}, "raw='maybe' is not one of refuse, allow"),
        ({"partition": "blue"}, "partition='blue' is not one of none, green"),
        ({"partition": "green"}, WRONG_COUNTS.format("()", "green")),
        ({"partition": "green", "sm_counts": (8, 0)}, WRONG_COUNTS.format("(8, 0)", "green")),
        ({"partition": "green", "sm_counts": (8.0,)}, WRONG_COUNTS.format("(8.0,)", "green")),
        ({"partition": "green", "sm_counts": 8}, WRONG_COUNTS.format("8", "green")),
        ({"sm_counts": (8, 16)}, WRONG_COUNTS.format("(8, 16)", "none")),
    ],
)
def test_wrong_options_are_refused(options, says):
    with pytest.raises(InvalidValue, match=exactly(says)):
        host.host_storage(**options)


def groups_of(*regions):
    """Return the groups of multiprocessors on which the streams of regions are, in the order of the regions."""
    return [{stream.group for stream in (it.stream, it.inbound, it.outbound)} for it in regions]


def test_each_device_of_a_green_partition_has_a_group_of_multiprocessors_of_its_own():
    storage = host.host_storage(partition="green", sm_counts=(8, 16))
    with Runtime("2 x 1MiB", storage=storage) as runtime:
        assert groups_of(*(memory.region for memory in runtime.memories[1:])) == [{0}, {1}]


def test_without_a_partition_devices_have_the_whole_card(region):
    assert groups_of(region) == [{None}]


def test_a_device_that_opens_later_has_the_multiprocessors_of_one_that_was_closed():
    storage = host.host_storage(partition="green", sm_counts=(8, 16, 8))
    first, second, third = (storage.open(4096) for _ in range(3))
    first.close()
    fourth = storage.open(4096)
    third.close()
    second.close()
    fifth = storage.open(4096)

    assert groups_of(first, second, third, fourth, fifth) == [{0}, {1}, {2}, {0}, {1}]
    for region in (fourth, fifth):
        region.close()


def test_a_device_beyond_the_groups_of_a_partition_is_refused_and_takes_nothing():
    storage = host.host_storage(64 * MiB, partition="green", sm_counts=(8, 16))
    regions = [storage.open(4096) for _ in range(2)]
    before = storage.card_use()
    says = (
        "/gpu:2 has no multiprocessors: the card is cut into 2 groups, which others have; give sm_counts a number for "
        "each device"
    )
    with pytest.raises(InvalidValue, match=exactly(says)):
        storage.open(4096, device="/gpu:2")

    assert storage.card_use() == before
    for region in regions:
        region.close()


def test_without_a_card_there_is_no_storage_on_one():
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        with pytest.raises(
            ExecutionError, match=r"\Astorage='cupy' needs an NVIDIA GPU, and CuPy cannot use GPU 0 here "
        ):
            cupy_storage()
    else:
        assert cupy_storage().name == "cupy"


def test_what_cannot_be_written_on_numpy_storage_cannot_be_written_on_a_card():
    found = []
    for storage in ("numpy", host.host_storage()):
        with Runtime("1 x 1MiB", storage=storage) as runtime:
            xp = runtime.xp()
            x, empty = xp.ones((1, 3)), xp.ones((0, 3))
            wide = xp.broadcast_to(x, (2, 3))
            arrays = (x, x[0], empty, empty.T, wide, wide[0], wide[:, 1:].T, xp.broadcast_to(x, x.shape), wide + 1)
            found.append([runtime.storage.is_writable(array._data) for array in arrays])

    assert found == [[True, True, True, True, False, False, False, False, True]] * 2


def growing(storage, cards=None, machine="2 x 64MiB"):
    runtime = Runtime(machine, storage=storage, share=cards or False)
    for gpu in runtime.config.list_physical_devices("GPU"):
        runtime.config.set_memory_growth(gpu, True)
    return runtime


def test_devices_that_grow_take_pieces_as_they_need_them_and_keep_values_apart(storage):
    with growing(storage) as runtime:
        xp, held, taken = runtime.xp(), [], []
        for number, size in enumerate((1, 1, 3, 1, 9)):
            held.append(xp.full((size * MiB // 4,), float(number), dtype="float32", device=f"gpu:{number % 2}"))
            taken.append(storage.card_use().regions_bytes // MiB)

        assert taken == [2, 4, 8, 8, 24]  # pieces of 2, 4 and 16 MiB, and one of 2 MiB
        for number, array in enumerate(held):
            assert set(array.value().tolist()) == {float(number)}
            assert runtime.memories[1 + number % 2].region.holds(array._data)
    assert storage.card_use().regions_bytes == 0


def test_a_growth_that_the_card_refuses_takes_nothing_of_it_for_others_to_miss(tmp_path):
    storage = host.host_storage(16 * MiB, scratch_bytes=0)
    cards = SharedCards(tmp_path / "cards")
    with growing(storage, cards, "1 x 64MiB") as runtime:
        xp = runtime.xp()
        kept = xp.zeros((MiB,), dtype="uint8")
        with pytest.raises(OutOfDeviceMemory, match="its card cannot give 20 MiB"):
            xp.zeros((20 * MiB,), dtype="uint8")
        after_refusal = [use.claimed_bytes for use in cards.snapshot()]
        large = xp.zeros((13 * MiB,), dtype="uint8")

        assert after_refusal == [2 * MiB]
        assert [use.claimed_bytes for use in cards.snapshot()] == [15 * MiB]
        assert storage.card_use().regions_bytes == 15 * MiB
        del kept, large
