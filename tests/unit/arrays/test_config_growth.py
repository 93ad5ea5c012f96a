"""Memory growth: who may set it when, and what a device then takes of its card."""

from __future__ import annotations

import pytest

import simgpu as sg
from simgpu.arrays.default_limit import default_limit_bytes
from simgpu.cards import SharedCards
from simgpu.config import LogicalDeviceConfiguration, PhysicalDevice
from simgpu.units import GiB, MiB

CPU = PhysicalDevice("/physical_device:CPU:0", "CPU")
GPU_0 = PhysicalDevice("/physical_device:GPU:0", "GPU")
GPU_1 = PhysicalDevice("/physical_device:GPU:1", "GPU")


@pytest.fixture
def cards(tmp_path):
    return SharedCards(tmp_path / "cards")


@pytest.fixture
def runtime(cards):
    with sg.Runtime("2 x 1GiB", storage="shape", share=cards) as made:
        yield made


def claimed(cards):
    return [use.claimed_bytes for use in cards.snapshot()]


def grow_all(runtime):
    for gpu in runtime.config.list_physical_devices("GPU"):
        runtime.config.set_memory_growth(gpu, True)


def megabytes(count):
    return sg.constant([0.0] * (count * MiB // 4))


def test_without_growth_the_first_use_takes_every_visible_card_whole(runtime, cards):
    runtime.config.set_visible_devices(GPU_1, "GPU")
    assert claimed(cards) == []

    runtime.start()

    assert [(use.card.name, use.claimed_bytes) for use in cards.snapshot()] == [("host0/GPU:1", GiB)]


def test_with_growth_a_card_is_taken_region_by_region(runtime, cards):
    grow_all(runtime)
    runtime.start()
    assert claimed(cards) == [0, 0]

    kept = [megabytes(1), megabytes(1)]
    assert claimed(cards) == [2 * MiB, 0]
    kept += [megabytes(3)]

    assert claimed(cards) == [6 * MiB, 0]
    assert runtime.config.get_memory_info("GPU:0") == {"current": 5 * MiB, "peak": 5 * MiB}


def test_what_grew_is_not_given_back_before_the_end(runtime, cards):
    grow_all(runtime)
    megabytes(3).free()

    assert claimed(cards) == [4 * MiB, 0]
    runtime.close()
    assert claimed(cards) == []


def test_two_that_grow_share_a_card_until_it_is_full(runtime, cards):
    grow_all(runtime)
    with sg.Runtime("2 x 1GiB", storage="shape", share=cards) as other:
        grow_all(other)
        first = [megabytes(3)]
        taken = other.memories[1].allocate(1000 * MiB, "weights")
        with runtime, pytest.raises(sg.OutOfDeviceMemory) as caught:
            megabytes(30)

    assert taken.block.size_bytes == 1000 * MiB
    assert first[0].nbytes == 3 * MiB
    assert "host0/GPU:0" in str(caught.value)


def test_growth_is_shown_as_it_was_set(runtime):
    assert runtime.config.get_memory_growth(GPU_0) is None
    runtime.config.set_memory_growth(GPU_0, False)
    runtime.config.set_memory_growth(GPU_1, False)
    runtime.start()
    runtime.config.set_memory_growth(GPU_0, False)

    assert [runtime.config.get_memory_growth(gpu) for gpu in (GPU_0, GPU_1)] == [False, False]


def test_growth_must_be_alike_on_all_visible_cards(runtime):
    runtime.config.set_memory_growth(GPU_0, True)

    with pytest.raises(ValueError) as caught:  # noqa: PT011
        runtime.start()

    assert str(caught.value) == (
        "memory growth differs between visible GPUs (/physical_device:GPU:0 True, /physical_device:GPU:1 None); set it "
        "alike for all, or hide some"
    )
    runtime.config.set_visible_devices(GPU_0, "GPU")
    runtime.start()


def test_growth_is_set_before_parts_and_holds_for_them(runtime, cards):
    runtime.config.set_memory_growth(GPU_0, True)
    runtime.config.set_logical_device_configuration(GPU_0, [LogicalDeviceConfiguration(512)] * 2)
    runtime.start()

    assert claimed(cards) == [0, GiB]
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        runtime.config.set_memory_growth(GPU_0, False)
    assert str(caught.value) == (
        "memory growth of /physical_device:GPU:0 cannot be set: its logical devices are set already; set growth first"
    )


@pytest.mark.parametrize(
    ("device", "enable", "message"),
    [
        (CPU, True, "memory growth is for GPUs; /physical_device:CPU:0 is a CPU"),
        (GPU_0, 1, "memory growth of /physical_device:GPU:0 is 1; give True or False"),
    ],
)
def test_growth_that_makes_no_sense_is_refused(runtime, device, enable, message):
    with pytest.raises(sg.InvalidValue) as caught:
        runtime.config.set_memory_growth(device, enable)

    assert str(caught.value) == message


@pytest.mark.parametrize(("forced", "expected"), [(True, [0, 0]), (False, [GiB, GiB])])
def test_forced_growth_overrides_what_the_program_says(runtime, cards, forced, expected):
    runtime.config.set_memory_growth(GPU_0, not forced)
    runtime.config.forced_growth = forced
    runtime.start()

    assert claimed(cards) == expected


def test_a_private_runtime_claims_nothing_and_grows_by_the_same_rule(cards):
    with sg.Runtime("1 x 1GiB", storage="shape") as runtime:
        runtime.config.set_memory_growth(GPU_0, True)
        kept = megabytes(3)

        assert runtime.memories[1].pool.region_bytes == [4 * MiB]
        assert kept.nbytes == 3 * MiB


def test_used_bytes_are_reported_to_the_ledger_of_cards(runtime, cards):
    kept = megabytes(2)
    megabytes(1).free()

    (device,) = cards.snapshot()[0].processes[0].devices
    assert (device.used_bytes, device.peak_bytes, device.size_bytes) == (2 * MiB, 3 * MiB, GiB)
    assert kept.nbytes == 2 * MiB


def test_a_second_runtime_that_wants_a_taken_card_holds_nothing(runtime, cards):
    runtime.config.set_visible_devices(GPU_1, "GPU")
    runtime.start()

    with sg.Runtime("2 x 1GiB", storage="shape", share=cards) as other, pytest.raises(sg.OutOfDeviceMemory):
        other.start()

    assert not other.is_started
    assert [use.card.name for use in cards.snapshot()] == ["host0/GPU:1"]


@pytest.mark.parametrize(
    ("available", "capability", "limit"),
    [
        (GiB, (8, 0), GiB - 225 * MiB),
        (2 * GiB, (6, 1), 2 * GiB - 500 * MiB),
        (8 * GiB, (7, 5), 8 * GiB - 1050 * MiB),
        (80 * GiB, (9, 0), 80 * GiB - 1536 * MiB),
        (2 * GiB - 1, None, 2 * GiB - 1 - 225 * MiB),
        (225 * MiB, (8, 0), 225 * MiB),
    ],
)
def test_the_default_limit_of_a_real_card_is_tensorflows(available, capability, limit):
    assert default_limit_bytes(available, capability) == limit
