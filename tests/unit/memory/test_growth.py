import pytest

from simgpu.errors import MemoryShortage, OutOfDeviceMemory
from simgpu.memory import Block, GrowingPool
from simgpu.units import GiB, KiB, MiB


class Card:
    """A card with so many bytes left, which notes what is taken."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.taken: list[int] = []

    def take(self, size_bytes: int) -> None:
        if size_bytes > self.left:
            raise OutOfDeviceMemory("the card is full", MemoryShortage("card", "d", size_bytes, size_bytes, 0, 0, 0))
        self.left -= size_bytes
        self.taken.append(size_bytes)


def grown(*sizes: int, limit: int = GiB) -> GrowingPool:
    pool = GrowingPool("/device:GPU:0", limit)
    for size in sizes:
        pool.allocate(size, owner="x")
    return pool


def test_nothing_is_taken_before_the_first_allocation():
    pool = GrowingPool("/device:GPU:0", GiB)

    assert (pool.reserved_bytes, pool.holes(), pool.limit_bytes) == (0, [], GiB)


def test_regions_are_those_that_tensorflow_takes():
    pool = grown(1_200_000, 2_400_000, 12_000_000)

    assert pool.region_bytes == [2 * MiB, 4 * MiB, 16 * MiB]


def test_the_next_region_is_twice_the_last_whatever_is_asked():
    assert grown(2 * MiB, 512, 8 * MiB, 1).region_bytes == [2 * MiB, 4 * MiB, 8 * MiB]


def test_a_region_doubles_until_it_holds_what_is_asked_and_the_one_after_is_as_large():
    assert grown(5 * MiB, 4 * MiB).region_bytes == [8 * MiB, 8 * MiB]


def test_the_last_region_is_what_the_limit_leaves():
    pool = grown(2 * MiB, 512 * KiB, limit=3 * MiB)

    assert pool.region_bytes == [2 * MiB, MiB]


def test_memory_is_not_given_back_to_the_card_but_used_again():
    pool = GrowingPool("/device:GPU:0", GiB)
    pool.release(pool.allocate(2 * MiB, owner="x"))

    assert pool.holes() == [Block(0, 2 * MiB)]
    assert pool.allocate(MiB, owner="y") == Block(0, MiB)
    assert pool.reserved_bytes == 2 * MiB


def test_no_hole_spans_two_regions():
    pool = GrowingPool("/device:GPU:0", 7 * MiB)
    first, second = (pool.allocate(size, owner="x") for size in (2 * MiB, 4 * MiB))
    pool.release(first)
    pool.release(second)

    assert pool.holes() == [Block(0, 2 * MiB), Block(2 * MiB, 4 * MiB)]
    with pytest.raises(OutOfDeviceMemory, match="the largest hole is 4 MiB"):
        pool.allocate(5 * MiB, owner="y")


def test_a_pool_fits_what_it_can_still_grow_for():
    pool = grown(512, limit=4 * MiB)

    assert [pool.fits(size) for size in (MiB, 2 * MiB, 2 * MiB + 1)] == [True, True, False]


def test_a_refusal_of_the_card_changes_nothing():
    card = Card(3 * MiB)
    pool = GrowingPool("/device:GPU:0", GiB, card.take)
    pool.allocate(2 * MiB, owner="x")
    before = pool.statistics(), pool.holes(), pool.region_bytes.copy()

    with pytest.raises(OutOfDeviceMemory, match="the card is full"):
        pool.allocate(2 * MiB, owner="y")

    assert (pool.statistics(), pool.holes(), pool.region_bytes) == before
    assert card.taken == [2 * MiB]


def test_where_the_card_is_short_the_region_is_only_what_is_needed():
    card = Card(3 * MiB)
    pool = GrowingPool("/device:GPU:0", GiB, card.take)
    pool.allocate(2 * MiB, owner="x")

    assert pool.allocate(1000, owner="y") == Block(2 * MiB, 1024)
    assert card.taken == [2 * MiB, 1024]


def test_a_limit_below_the_first_region_is_the_first_region():
    pool = grown(1, limit=MiB)

    assert pool.region_bytes == [MiB]
    assert grown(0, limit=0).region_bytes == []
