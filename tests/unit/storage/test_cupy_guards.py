"""What raw calls of CuPy may allocate while a runtime is open, and who notices a changed allocator."""

from __future__ import annotations

import asyncio
import gc
from contextlib import ExitStack
from threading import Barrier, Event, Thread

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.errors import DeviceScopeError, OutOfDeviceMemory
from simgpu.machine import Machine
from tests.messages import exactly
from tests.threads import errors_of

host = pytest.importorskip("tests.cupy_on_host", reason="CuPy is not installed: pip install cupy-cuda13x")
cupy = host.cupy
KiB = 1024
OUTSIDE = (
    "CuPy allocates 4 KiB outside of any device, where no limit would hold; call it inside `with "
    'runtime.device("/gpu:0"):`, close the runtime first, or allow it: CupyStorage(raw="allow")'
)
CHANGED = (
    "CuPy's allocator was changed while a runtime is open (cupy.cuda.set_allocator or using_allocator), so the limits "
    "of devices do not hold for what it allocates; leave CuPy's allocator as it is, or close the runtime first"
)


def raw(count=1024):
    """Make a raw array of CuPy's, of 4 bytes an element."""
    return cupy.ndarray((count,), np.float32)


def two_devices(**options):
    machine = Machine("1 x 1MiB").split({"GPU:0": [64 * KiB] * 2})
    return Runtime(machine, storage=host.host_storage(**{"scratch_bytes": 64 * KiB, **options}))


@pytest.fixture
def runtime():
    with two_devices() as runtime:
        runtime.start()
        yield runtime


def scratch_used(runtime):
    return [memory.region.scratch.used_bytes() for memory in runtime.memories[1:]]


def other_allocator(size):
    return host.memory_of(host.HostScratch(host.Card(), 2**20), size)


def test_raw_memory_inside_a_scope_is_charged_to_the_scratch_of_its_device_and_not_to_the_ledger(runtime):
    with runtime.device("/gpu:1"):
        made = raw()
        during = scratch_used(runtime)
        with runtime.device("/gpu:0"):
            inner = raw(10)
            nested = scratch_used(runtime)
        again = raw(1)

    assert (during, nested, scratch_used(runtime)) == ([0, 4096], [40, 4096], [40, 4100])
    assert [runtime.memory_statistics(f"GPU:{number}").current_bytes for number in (0, 1)] == [0, 0]
    del made, inner, again
    assert scratch_used(runtime) == [0, 0]


def test_raw_memory_beyond_the_scratch_limit_is_refused_with_all_figures(runtime):
    with runtime.device("/gpu:1"):
        held = raw()
        with pytest.raises(OutOfDeviceMemory) as caught:
            raw(16 * KiB)

    name = "/job:localhost/replica:0/task:0/device:GPU:1"
    assert str(caught.value) == (
        f"{name}: out of scratch memory: a kernel asked for 64 KiB (65536 B) beside its operands; 4 KiB of 64 KiB are "
        "used; use smaller operands, or give devices more: CupyStorage(scratch_bytes=...)"
    )
    shortage = caught.value.shortage
    assert (shortage.device, shortage.requested_bytes, shortage.used_bytes) == (f"{name} (scratch)", 65536, 4096)
    assert (shortage.limit_bytes, shortage.largest_hole_bytes) == (65536, 61440)
    assert isinstance(caught.value.__cause__, MemoryError)
    del held


def test_what_swallows_a_refusal_and_says_only_that_it_had_no_memory_is_told_apart_from_what_had_none(runtime):
    def sort_as_cupy_does():
        try:
            raw(32 * KiB)
        except MemoryError:
            raise MemoryError("std::bad_alloc") from None

    with pytest.raises(OutOfDeviceMemory, match="a kernel asked for 128 KiB") as caught, runtime.device("/gpu:1"):
        sort_as_cupy_does()
    with pytest.raises(MemoryError, match=r"^of the host$") as other, runtime.device("/gpu:1"):
        raise MemoryError("of the host")

    assert (str(caught.value.__cause__), type(other.value)) == ("std::bad_alloc", MemoryError)


def test_raw_memory_outside_of_any_device_is_refused(runtime):
    with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()
    with runtime.device("/gpu:0"), runtime.device("/cpu:0"), pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()
    with runtime.device("/gpu:0"), runtime.device(None), pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()
    with runtime.device("/gpu:0"):
        raw()
    with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()


def test_raw_memory_outside_comes_from_cupys_own_pool_if_that_is_allowed(monkeypatch):
    asked = []

    class Pool:
        def malloc(self, size):
            asked.append(size)
            return other_allocator(size)

    monkeypatch.setattr(cupy, "get_default_memory_pool", Pool)
    with two_devices(raw="allow") as runtime:
        runtime.start()
        raw()
        with runtime.device("/gpu:0"):
            raw(7)
        with two_devices() as strict:
            strict.start()
            with pytest.raises(DeviceScopeError, match="outside of any device"):
                raw(9)
        raw(11)

    assert asked == [4096, 44]


def test_raw_memory_on_another_stream_than_the_devices_is_refused(runtime):
    storage = runtime.storage
    other = storage.driver.stream()
    with runtime.device("/gpu:1"), storage.driver.using(other):
        with pytest.raises(DeviceScopeError) as caught:
            raw()

        assert str(caught.value) == (
            "CuPy allocates 4 KiB inside a scope of GPU:1, but on a stream that is not this device's; leave its "
            "current stream as it is inside device scopes"
        )
    assert scratch_used(runtime) == [0, 0]


def test_an_allocator_that_was_changed_before_is_noticed_when_a_scope_is_entered(runtime):
    ours = cupy.cuda.get_allocator()
    cupy.cuda.set_allocator(other_allocator)
    try:
        with pytest.raises(DeviceScopeError, match=exactly(CHANGED)), runtime.device("/gpu:0"):
            raise AssertionError
    finally:
        cupy.cuda.set_allocator(ours)
    scope, refused = runtime.device("/cpu:0"), pytest.raises(DeviceScopeError, match=exactly(CHANGED))
    with cupy.cuda.using_allocator(other_allocator), refused, scope:
        raise AssertionError

    with runtime.device("/gpu:0"):
        assert runtime.xp().ones((3,)).device.endswith("GPU:0")
    assert runtime.xp().ones((3,)).device.endswith("GPU:0")


def test_an_allocator_that_is_changed_inside_is_noticed_when_the_scope_is_left(runtime):
    ours = cupy.cuda.get_allocator()
    with pytest.raises(DeviceScopeError, match=exactly(CHANGED)), runtime.device("/gpu:1"):
        cupy.cuda.set_allocator(other_allocator)
    cupy.cuda.set_allocator(ours)
    refused = pytest.raises(DeviceScopeError, match=exactly(CHANGED))
    with ExitStack() as stack, refused, runtime.device("/gpu:1"):
        stack.enter_context(cupy.cuda.using_allocator(other_allocator))

    assert runtime.scopes.current() == runtime.scopes.requested(())
    with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()


def test_an_error_inside_a_scope_is_not_replaced(runtime):
    with pytest.raises(ZeroDivisionError), runtime.device("/gpu:1"):
        raise ZeroDivisionError
    with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()


def test_threads_start_outside_and_have_scopes_of_their_own(runtime):
    barrier, found, errors = Barrier(2), {}, []

    def work(number):
        try:
            with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
                raw()
            with runtime.device(f"/gpu:{number}"):
                barrier.wait(20)
                found[number] = raw(10 * (number + 1))
                barrier.wait(20)
        except BaseException as error:
            errors.append(error)

    with runtime.device("/gpu:0"):
        threads = [Thread(target=work, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []
    assert scratch_used(runtime) == [40, 80]
    found.clear()


def test_operations_of_asyncio_tasks_go_to_the_scopes_of_their_own(runtime):
    xp = runtime.xp()

    async def task(number):
        with runtime.device(f"/gpu:{number % 2}"):
            for _ in range(20):
                await asyncio.sleep(0)
                x = xp.ones((3,)) + xp.sum(xp.ones((3,)))
                assert x.device.endswith(f"GPU:{number % 2}")
        with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
            raw()

    async def all_tasks():
        await asyncio.gather(*(task(number) for number in range(4)))

    asyncio.run(all_tasks())

    assert scratch_used(runtime) == [0, 0]


def test_raw_memory_of_asyncio_tasks_is_never_charged_to_a_device_of_another_task(runtime):
    """CuPy's current stream is a thread's, not a task's: where tasks take turns, a raw call is refused in words."""
    outcomes = []

    async def task(number):
        with runtime.device(f"/gpu:{number}"):
            for _ in range(3):
                await asyncio.sleep(0)
                before = scratch_used(runtime)
                try:
                    made = raw(10)
                    grown = [now - was for now, was in zip(scratch_used(runtime), before, strict=True)]
                    assert grown == [40 * (device == number) for device in (0, 1)]
                    del made
                    outcomes.append("charged")
                except DeviceScopeError as error:
                    outcomes.append(str(error).partition(", but ")[2])

    async def both():
        await asyncio.gather(task(0), task(1))

    asyncio.run(both())

    refused = "on a stream that is not this device's; leave its current stream as it is inside device scopes"
    assert len(outcomes) == 6
    assert set(outcomes) <= {"charged", refused}
    assert scratch_used(runtime) == [0, 0]


def test_a_scope_may_be_entered_again_inside_itself(runtime):
    scope = runtime.device("/gpu:1")
    with scope, scope:
        made = raw()
    with pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()
    with scope:
        again = raw()

    assert scratch_used(runtime) == [0, 8192]
    del made, again


@pytest.fixture(params=["numpy", "cupy"])
def any_runtime(request):
    machine = Machine("1 x 1MiB").split({"GPU:0": [64 * KiB] * 2})
    with Runtime(machine, storage="numpy" if request.param == "numpy" else host.host_storage()) as runtime:
        runtime.start()
        yield runtime


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_threads_may_share_a_scope_also_inside_of_others(any_runtime, first_to_leave):
    scope, entered, is_left, devices = any_runtime.device("/gpu:1"), Barrier(2), Event(), {}

    def work(number):
        with ExitStack() as around:
            if number:
                around.enter_context(any_runtime.device("/cpu:0"))
            with scope, scope:
                devices[number] = any_runtime.scopes.current().device_index
                entered.wait(20)
                if number != first_to_leave:
                    is_left.wait(20)
            if number == first_to_leave:
                is_left.set()
            devices[number] = devices[number], any_runtime.scopes.current().device_type

    assert errors_of(work, range(2)) == []
    assert devices == {0: (1, None), 1: (1, "CPU")}


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_asyncio_tasks_may_share_a_scope(any_runtime, first_to_leave):
    scope = any_runtime.device("/gpu:1")

    async def task(number, is_left):
        with scope:
            await asyncio.sleep(0)  # both are inside now
            if number != first_to_leave:
                await is_left.wait()
            device = any_runtime.scopes.current().device_index
        is_left.set()
        return device, any_runtime.scopes.current().device_type

    async def both():
        is_left = asyncio.Event()
        return await asyncio.gather(task(0, is_left), task(1, is_left))

    assert asyncio.run(both()) == [(1, None)] * 2


def test_a_scope_is_left_by_the_thread_that_has_entered_it(runtime):
    scope = runtime.device("/gpu:1")
    with scope:
        errors = errors_of(lambda _: scope.__exit__(None, None, None), [0])

    assert [str(error) for error in errors] == ["a device scope is left by a thread or task that has not entered it"]


def test_a_device_that_is_not_there_has_no_scratch_memory(runtime):
    with runtime.device("/gpu:7"), pytest.raises(DeviceScopeError, match=exactly(OUTSIDE)):
        raw()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_last_of_several_runtimes_puts_the_allocator_back(order):
    before = cupy.cuda.get_allocator()
    runtimes = [two_devices() for _ in range(3)]
    for runtime in runtimes:
        with runtime.device("/gpu:0"):
            raw()
    for left, number in enumerate(order):
        for runtime in (runtimes[it] for it in order[left:]):
            with runtime.device("/gpu:1"):
                raw()
        assert cupy.cuda.get_allocator() != before
        runtimes[number].close()

    assert cupy.cuda.get_allocator() == before


def test_an_allocator_that_others_put_there_meanwhile_is_left_alone():
    before = cupy.cuda.get_allocator()
    try:
        with two_devices() as runtime:
            runtime.start()
            cupy.cuda.set_allocator(other_allocator)

        assert cupy.cuda.get_allocator() is other_allocator
    finally:
        cupy.cuda.set_allocator(before)


def test_a_runtime_does_not_start_where_its_limits_would_not_hold():
    says = "a runtime starts inside cupy.cuda.using_allocator, where its limits would not hold; start it outside"
    runtime = two_devices()
    with cupy.cuda.using_allocator(other_allocator), pytest.raises(DeviceScopeError, match=exactly(says)):
        runtime.start()

    assert runtime.storage.card_use().free_bytes == 2**30
    with runtime.device("/gpu:0"):
        raw()
    runtime.close()


def test_a_runtime_closed_inside_using_allocator_leaves_it_as_it_is():
    before = cupy.cuda.get_allocator()
    runtime = two_devices()
    runtime.start()
    with cupy.cuda.using_allocator(other_allocator):
        runtime.close()
        raw()
    try:
        assert runtime.storage.card_use().free_bytes == 2**30
        with two_devices() as another, another.device("/gpu:0"):
            raw()
    finally:
        cupy.cuda.set_allocator(before)


def test_a_runtime_that_dies_while_another_starts_takes_no_allocator_away(monkeypatch):
    before = cupy.cuda.get_allocator()
    runtimes = [two_devices() for _ in range(2)]
    runtimes[0].start()
    memory_info = host.Card.memory_info

    def collecting(card):
        del runtimes[:-1]
        gc.collect()
        return memory_info(card)

    monkeypatch.setattr(host.Card, "memory_info", collecting)
    with runtimes[-1].device("/gpu:0"):
        raw()
    runtimes[-1].close()

    assert cupy.cuda.get_allocator() == before


class Dying:
    """Allocates when it is collected, as finalizers of users may do."""

    def __init__(self, does):
        self.does, self.itself = does, self

    def __del__(self):
        self.does()


def test_finalizers_inside_an_allocation_may_use_devices_and_cupy(runtime):
    xp, made = runtime.xp(), []

    def finalize():
        made.append(float(xp.sum(xp.ones((4,), device="gpu:1"))))
        with runtime.device("/gpu:1"):
            raw()

    allocate = runtime.memories[1].region.scratch.allocate

    def collecting(size):
        Dying(finalize)
        gc.collect()
        return allocate(size)

    runtime.memories[1].region.scratch.allocate = collecting
    with runtime.device("/gpu:0"):
        raw()
        x = xp.asarray([[3.0, 1.0], [1.0, 2.0]])
        y = xp.linalg.inv(x) @ x

    np.testing.assert_allclose(y.value(), np.eye(2), atol=1e-12)
    assert set(made) == {4.0}
    assert scratch_used(runtime) == [0, 0]
    del runtime.memories[1].region.scratch.allocate


def test_scratch_memory_runs_out_inside_an_operation_and_leaves_the_ledger_as_it_was():
    with two_devices(scratch_bytes=512) as runtime:
        xp = runtime.xp()
        x = xp.ones((64, 64))
        before = runtime.memories[1].live_owners()
        with pytest.raises(OutOfDeviceMemory, match="out of scratch memory"):
            x[xp.astype(x, xp.bool)]

        assert runtime.memories[1].live_owners() == before
        assert scratch_used(runtime) == [0, 0]
        assert float(x[0, 0]) == 1.0


def test_each_card_has_random_generators_of_its_own_devices():
    with two_devices() as first, two_devices() as second:
        drivers = [runtime.storage.driver for runtime in (first, second)]
        found = []
        for number, runtime in enumerate((first, second)):
            with runtime.device("/gpu:1"):
                found.append(drivers[number].random_source() is runtime.memories[2].region.random_state())

    assert found == [True, True]
