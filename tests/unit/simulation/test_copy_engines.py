"""Copy engines: a card of the catalog has one for each direction. Links have 1 GB/s, so that a byte takes 1,000 ps."""

from dataclasses import replace

import pytest

from simgpu.machine import Machine
from simgpu.simulation import simulate
from tests.unit.program.settings import Sketch, machine, moved

US = 10**6
LINKS = {"host": {"bandwidth": "1 GB/s"}}


def transfers(sketch, on, **options):
    return moved(simulate(sketch.placed(on), **options))


def to_gpu(*sizes):
    sketch = Sketch().add("t", on="/cpu:0", sizes=sizes)
    return sketch.add("reader", *(f"t:{slot}" for slot in range(len(sizes))))


@pytest.mark.parametrize("links", ["fair", "fifo"])
def test_a_card_receives_one_transfer_at_a_time(links):
    assert transfers(to_gpu(1000, 3000), machine("1 x 1MiB", links=LINKS), links=links) == {
        "t: CPU:0 -> GPU:0": (0, US),
        "t:1: CPU:0 -> GPU:0": (US, 4 * US),
    }


def test_a_card_with_more_engines_receives_more_at_a_time():
    inventory = machine("1 x 1MiB", links=LINKS).inventory
    devices = tuple(replace(it, model=replace(it.model, copy_engines=4)) for it in inventory.physical_devices)
    on = Machine.from_inventory(replace(inventory, physical_devices=devices))

    assert transfers(to_gpu(1000, 1000, 1000), on) == {
        "t: CPU:0 -> GPU:0": (0, 2 * US),
        "t:1: CPU:0 -> GPU:0": (0, 2 * US),
        "t:2: CPU:0 -> GPU:0": (2 * US, 3 * US),
    }


def test_the_two_directions_do_not_wait_for_each_other():
    sketch = Sketch().add("up", on="/gpu:0", sizes=[1000]).add("down", on="/cpu:0", sizes=[1000])
    sketch.add("reads up", "up", on="/cpu:0").add("reads down", "down", on="/gpu:0")

    assert transfers(sketch, machine("1 x 1MiB", links=LINKS)) == {
        "up: GPU:0 -> CPU:0": (0, US),
        "down: CPU:0 -> GPU:0": (0, US),
    }


def test_between_two_cards_a_transfer_holds_an_engine_of_each_and_one_that_waits_holds_nobody_up():
    sketch = Sketch().add("a", sizes=[2000]).add("b", sizes=[1000]).add("c", on="/cpu:0", sizes=[1000])
    sketch.add("reads a", "a", on="/gpu:1").add("reads b", "b", on="/gpu:2").add("reads c", "c", on="/gpu:2")

    assert transfers(sketch, machine("3 x 1MiB", links=LINKS)) == {
        "c: CPU:0 -> GPU:2": (0, US),
        "a: GPU:0 -> GPU:1": (0, 2 * US),
        "b: GPU:0 -> GPU:2": (2 * US, 3 * US),
    }


def test_copies_within_a_card_need_no_engine():
    sketch = Sketch().add("t", sizes=[1000, 1000]).add("reader", "t", "t:1", on="/gpu:1")

    assert transfers(sketch, machine("1 x 1MiB", split={"GPU:0": 2}, links=LINKS)) == {
        "t: GPU:0 -> GPU:1": (0, 8000),
        "t:1: GPU:0 -> GPU:1": (0, 8000),
    }


def test_a_program_can_be_simulated_without_them():
    assert transfers(to_gpu(1000, 3000), machine("1 x 1MiB", links=LINKS), copy_engines=False) == {
        "t: CPU:0 -> GPU:0": (0, 2 * US),
        "t:1: CPU:0 -> GPU:0": (0, 4 * US),
    }
