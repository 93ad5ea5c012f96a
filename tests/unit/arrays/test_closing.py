"""What is given back when the end of a runtime, or its start, goes wrong."""

from __future__ import annotations

from functools import partial

import pytest

from simgpu.arrays import Runtime
from simgpu.machine import Machine
from tests.messages import exactly

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
THEN = [f"\nand then: OSError('card error of GPU:{number}')" for number in (1, 2)]


def fail(message):
    raise OSError(message)


def three_devices(storage, broken=()):
    """Return a runtime of which some GPUs, by their numbers, fail when they are waited for, as closing them does."""
    runtime = Runtime(Machine("1 x 64MiB").split({"GPU:0": ["8MiB"] * 3}), storage=storage)
    for number in broken:
        runtime.memories[1 + number].region.finish = partial(fail, f"card error of GPU:{number}")
    return runtime


def is_given_back(storage, allocator):
    return storage.card_use().free_bytes == 2**30 and host.cupy.cuda.get_allocator() == allocator


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_device_that_cannot_be_closed_keeps_no_other_one_open(number):
    storage, allocator = host.host_storage(), host.cupy.cuda.get_allocator()
    runtime = three_devices(storage, [number])
    with pytest.raises(OSError, match=exactly(f"card error of GPU:{number}")):
        runtime.close()

    assert is_given_back(storage, allocator)


def test_of_several_devices_that_cannot_be_closed_the_first_error_is_raised_with_the_others_as_notes():
    storage, allocator = host.host_storage(), host.cupy.cuda.get_allocator()
    runtime = three_devices(storage, [0, 1, 2])
    with pytest.raises(OSError, match=exactly("card error of GPU:0" + "".join(THEN))):
        runtime.close()

    assert is_given_back(storage, allocator)


def test_an_error_inside_of_a_runtime_is_not_hidden_by_one_of_its_end():
    storage, allocator = host.host_storage(), host.cupy.cuda.get_allocator()
    with pytest.raises(ZeroDivisionError) as caught, three_devices(storage, [1]):
        raise ZeroDivisionError

    assert caught.value.__notes__ == ["closing the runtime failed, too: OSError('card error of GPU:1')"]
    assert is_given_back(storage, allocator)


def test_an_error_of_the_start_is_not_hidden_by_one_of_giving_back(monkeypatch):
    storage, allocator = host.host_storage(), host.cupy.cuda.get_allocator()
    opens = storage.open

    def open_two(*arguments, device, **options):
        if device.endswith("GPU:2"):
            raise MemoryError("no third one")
        region = opens(*arguments, device=device, **options)
        if device.endswith("GPU:0"):
            region.finish = partial(fail, "card error")
        return region

    monkeypatch.setattr(storage, "open", open_two)
    says = "no third one\ngiving back what was started failed, too: OSError('card error')"
    with pytest.raises(MemoryError, match=exactly(says)):
        three_devices(storage).start()

    assert is_given_back(storage, allocator)
