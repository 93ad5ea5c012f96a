import subprocess
import sys

import pytest

from simgpu.errors import InvalidValue, OutOfDeviceMemory
from simgpu.memory import Block, MemoryPool, needed_bytes
from tests.messages import exactly


@pytest.fixture
def pool():
    return MemoryPool("/device:GPU:0", 4096)


@pytest.mark.parametrize(("size", "needed"), [(0, 0), (1, 512), (512, 512), (513, 1024), (2**40 + 1, 2**40 + 512)])
def test_sizes_are_rounded_up_to_units_of_512_bytes(size, needed):
    assert needed_bytes(size) == needed


def test_the_limit_is_rounded_down_to_whole_units():
    assert MemoryPool("d", 1023).limit_bytes == 512


def test_the_low_end_of_a_hole_is_handed_out(pool):
    assert [pool.allocate(100, owner="a"), pool.allocate(600, owner="b")] == [Block(0, 512), Block(512, 1024)]


def test_the_smallest_hole_that_fits_is_taken(pool):
    blocks = [pool.allocate(size, owner="x") for size in (1024, 512, 512, 512, 1536)]
    pool.release(blocks[0])
    pool.release(blocks[2])

    assert pool.allocate(1, owner="y") == Block(1536, 512)


def test_among_equal_holes_the_lowest_offset_is_taken(pool):
    blocks = [pool.allocate(512, owner="x") for _ in range(8)]
    for number in (5, 1, 3):
        pool.release(blocks[number])

    assert pool.allocate(1, owner="y") == blocks[1]


def test_a_released_block_merges_with_both_neighbours_at_once(pool):
    first, middle, last, _ = (pool.allocate(1024, owner="x") for _ in range(4))
    pool.release(first)
    pool.release(last)
    pool.release(middle)

    assert pool.holes() == [Block(0, 3072)]


def test_nothing_takes_no_room(pool):
    pool.allocate(4096, owner="all")

    assert pool.allocate(0, owner="empty") == Block(0, 0)


def test_a_device_can_be_filled_to_its_last_byte(pool):
    pool.allocate(4096, owner="all")

    with pytest.raises(OutOfDeviceMemory):
        pool.allocate(1, owner="one more")


def test_a_refused_allocation_changes_nothing(pool):
    pool.allocate(60, owner="weights")
    before = pool.statistics()

    with pytest.raises(OutOfDeviceMemory, match="largest hole is"):
        pool.allocate(4096, owner="cache")

    assert pool.statistics() == before


def test_out_of_memory_says_who_what_was_there_and_what_to_do(pool):
    pool.allocate(1000, owner="weights")
    with pytest.raises(OutOfDeviceMemory) as caught:
        pool.allocate(4096, owner="conv1")

    assert str(caught.value) == (
        "/device:GPU:0: out of memory: conv1 asked for 4 KiB (4096 B); 1 KiB of 4 KiB are used and the largest hole "
        "is 3 KiB; largest live tensors: weights 1 KiB; free memory, lower the batch, place less on /device:GPU:0, or "
        "raise its limit"
    )


def test_out_of_memory_by_fragmentation_says_so(pool):
    blocks = [pool.allocate(512, owner="x") for _ in range(8)]
    for block in blocks[::2]:
        pool.release(block)
    with pytest.raises(OutOfDeviceMemory, match="not in one piece") as caught:
        pool.allocate(1024, owner="y")

    assert caught.value.shortage.is_fragmentation


def test_a_block_cannot_be_released_twice(pool):
    block = pool.allocate(1, owner="x")
    pool.release(block)

    with pytest.raises(
        InvalidValue,
        match=exactly(
            "/device:GPU:0: Block(offset=0, size_bytes=512) is not allocated; it was released before, or belongs to "
            "another device"
        ),
    ):
        pool.release(block)


@pytest.mark.parametrize("size", [-1, 1.5, True, None])
def test_a_size_that_cannot_be_meant_is_refused(pool, size):
    with pytest.raises(InvalidValue, match="int of 0 or more"):
        pool.allocate(size, owner="x")


def test_statistics_count_bytes_and_blocks_now_at_peak_and_in_all(pool):
    first = pool.allocate(1024, owner="a")
    second = pool.allocate(2048, owner="b")
    pool.release(first)
    pool.release(second)
    pool.allocate(512, owner="c")
    statistics = pool.statistics()

    assert (statistics.current_bytes, statistics.peak_bytes, statistics.total_bytes) == (512, 3072, 3584)
    assert (statistics.current_count, statistics.peak_count, statistics.total_count) == (1, 2, 3)
    assert statistics.high_water_owners == (("b", 2048), ("a", 1024))


def test_offsets_are_the_same_in_every_process_and_under_every_hash_seed():
    program = (
        "import random; from simgpu.memory import MemoryPool\n"
        "pool, random, live, log = MemoryPool('d', 2**20), random.Random(1), [], []\n"
        "for step in range(3000):\n"
        "    if live and random.random() < 0.45: pool.release(live.pop(random.randrange(len(live))))\n"
        "    elif pool.fits(size := random.randrange(1, 40000)):\n"
        "        live.append(pool.allocate(size, owner=f'tensor {step}')); log.append(live[-1].offset)\n"
        "print(log)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "77")
    }

    assert len(outputs) == 1
    assert len(outputs.pop()) > 1000
