"""CUDA, as CuPy reaches it. CuPy is imported here, and in `cuda_memory` and `cuda_random`, alone.

CUDA acts on the card that is current in a thread. A driver makes its own card current for what it does, and leaves the
one that was before: another driver's, or what the program chose.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import cupy
import numpy as np
from cupy.cuda import memory as cupy_memory
from cupy.cuda import runtime as cuda

from simgpu.errors import ExecutionError, MissingDependency
from simgpu.storage.cuda_memory import CudaPinned, CudaScratch, CudaShared, give_back_unused
from simgpu.storage.cuda_random import DeviceRandomState
from simgpu.storage.driver import Event, Slab, Stream
from simgpu.storage.driver_calls import DriverCalls
from simgpu.units import PS_PER_MS

_HOLD = r"""
extern "C" __global__ void hold(unsigned long long time_ns) {
    unsigned long long start, now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
    do { asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)); } while (now - start < time_ns);
}
"""

_UUID_BYTES = 16

_OUT_OF_MEMORY = 2
"""The number of cudaErrorMemoryAllocation, which CuPy does not name."""

_AS_IT_IS = nullcontext()


class CudaDriver:
    """One card, by its number among those that the process sees."""

    module = cupy

    def __init__(self, device_id: int = 0) -> None:
        self.device_id = device_id
        self.card: Hashable = ("CUDA", device_id)
        self._before: Any = None
        self._hold: Any = None
        self._ready = threading.local()
        self._shared = CudaShared.of(device_id)
        self.memory_info()  # raises if there is no such card, or it cannot be used

    def calls(self) -> DriverCalls:
        """Return what all drivers of this card have asked of CUDA until now, in this process."""
        return self._shared.tally.calls()

    def enter_thread(self) -> None:
        """Have this thread use the card, and keep no FFT plans: see `_keep_no_plans`."""
        if cuda.getDevice() != self.device_id:
            cupy.cuda.Device(self.device_id).use()
        self._keep_no_plans()

    def on_card(self) -> AbstractContextManager[object]:
        """Make the card the current one of this thread for a while."""
        if cuda.getDevice() == self.device_id:
            return _AS_IT_IS
        device: AbstractContextManager[object] = cupy.cuda.Device(self.device_id)
        return device

    def memory_info(self) -> tuple[int, int]:
        """Return free and total bytes of the card, as the driver counts them."""
        give_back_unused()
        with self.on_card():
            free, total = cuda.memGetInfo()
        return int(free), int(total)

    def take(self, size_bytes: int) -> Slab:
        """Take memory of the card. Raises MemoryError if it has not got that much in one piece."""
        give_back_unused()
        try:
            with self.on_card():
                return self._shared.slab(size_bytes)
        except cuda.CUDARuntimeError as error:
            if error.status != _OUT_OF_MEMORY:
                raise
            raise MemoryError(str(error)) from error

    def take_for_pool(self, size_bytes: int) -> Any:
        """Take memory of the card for a pool of CuPy's, which wants to see CUDA's own errors."""
        slab = self._shared.slab(size_bytes)
        return cupy_memory.MemoryPointer(self.adopt(slab, slab), 0)

    def scratch(self, limit_bytes: int, stream: Stream) -> CudaScratch:
        """Make a pool for what runs on a stream, and take its memory at once."""
        with self.on_card():
            return CudaScratch(limit_bytes, stream, self.take_for_pool, self.on_card)

    def pinned(self, size_bytes: int) -> CudaPinned:
        """Return pinned host memory."""
        with self.on_card():
            return CudaPinned(self._shared.pinned, size_bytes)

    def adopt(self, slab: Slab, owner: object) -> Any:
        """Return a slab as CuPy's memory object, which keeps `owner` alive."""
        return cupy_memory.UnownedMemory(slab.ptr, slab.size_bytes, owner, self.device_id)

    def array(self, memory: Any, ptr: int, shape: Sequence[int], dtype: Any, strides: Sequence[int] | None) -> Any:
        """Return an array over bytes of a memory that `adopt` gave."""
        return cupy.ndarray(shape, dtype, cupy_memory.MemoryPointer(memory, ptr - memory.ptr), strides)

    def owner_of(self, array: Any) -> object | None:
        """Return the owner of the memory of an array; None if it is not adopted."""
        return getattr(array.data.mem, "_owner", None)

    def is_array(self, value: object) -> bool:
        """Tell whether something is an array of CuPy's."""
        return isinstance(value, cupy.ndarray)

    def stream(self) -> Stream:
        """Make a stream that waits for no other one by itself."""
        with self.on_card():
            return cupy.cuda.Stream(non_blocking=True)

    def stream_id(self, stream: Stream) -> int:
        """Return the address of a stream."""
        return int(stream.ptr)

    def current_stream_id(self) -> int:
        """Return it for the stream on which this thread's kernels are launched."""
        return int(cupy.cuda.get_current_stream().ptr)

    def using(self, stream: Stream) -> AbstractContextManager[object]:
        """Have this thread's kernels launched on a stream, and on the card of it."""
        if cuda.getDevice() != self.device_id:
            return self._visiting(stream)
        self._keep_no_plans()
        context: AbstractContextManager[object] = stream
        return context

    @contextmanager
    def _visiting(self, stream: Stream) -> Iterator[None]:
        with self.on_card(), stream:
            self._keep_no_plans()
            yield

    def _keep_no_plans(self) -> None:
        """Have CuPy keep no FFT plans in this thread, for the card that is current.

        A plan that is kept holds scratch memory of the device that made it, and others would compute in it.
        """
        if not getattr(self._ready, "keeps_no_plans", False):
            cupy.fft.config.get_plan_cache().set_size(0)
            self._ready.keeps_no_plans = True

    def record(self, stream: Stream, *, is_timed: bool = False) -> Event:
        """Return the event that all work given to a stream until now is done."""
        with self.on_card():  # an event belongs to the card that is current when it is made
            event = cupy.cuda.Event(disable_timing=not is_timed)
            event.record(stream)
            return event

    def wait(self, stream: Stream, event: Event) -> None:
        """Have what is given to a stream from now on wait for an event."""
        stream.wait_event(event)

    def is_done(self, event: Event) -> bool:
        """Tell whether an event has happened."""
        return bool(event.done)

    def wait_on_host(self, event: Event) -> None:
        """Wait for an event."""
        self._shared.tally.add("event_waits")
        event.synchronize()

    def finish(self, stream: Stream) -> None:
        """Wait until a stream has nothing to do."""
        self._shared.tally.add("stream_waits")
        stream.synchronize()

    def elapsed_ps(self, earlier: Event, later: Event) -> int:
        """Return the time between two timed events. CUDA's resolution is about 0.5 us."""
        return int(cupy.cuda.get_elapsed_time(earlier, later) * PS_PER_MS)

    def hold(self, stream: Stream, time_us: int) -> None:
        """Keep a stream busy for a while, with one thread that looks at the card's clock."""
        if self._hold is None:
            self._hold = cupy.RawKernel(_HOLD, "hold")
        with self.using(stream):
            self._hold((1,), (1,), (np.uint64(time_us * 1000),))

    def copy_bytes(self, target_ptr: int, source_ptr: int, size_bytes: int, stream: Stream) -> None:
        """Copy bytes between any two memories, in the order of a stream."""
        if size_bytes:
            with self.on_card():
                cuda.memcpyAsync(target_ptr, source_ptr, size_bytes, cuda.memcpyDefault, stream.ptr)

    def fill_bytes(self, ptr: int, byte: int, size_bytes: int, stream: Stream) -> None:
        """Fill bytes, in the order of a stream."""
        with self.on_card():
            cuda.memsetAsync(ptr, byte, size_bytes, stream.ptr)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call array code with CuPy as its module."""
        return function(cupy, *arguments)

    def run_function(self, name: str, *arguments: Any) -> Any:
        """Call a function of CuPy by its name."""
        return getattr(cupy, name)(*arguments)

    def install(self, allocate: Callable[[int], Any]) -> None:
        """Have CuPy ask `allocate` for memory from now on."""
        self._before = cupy.cuda.get_allocator()
        cupy.cuda.set_allocator(allocate)

    def is_installed(self, allocate: Callable[[int], Any]) -> bool:
        """Tell whether it does, in this thread."""
        return bool(cupy.cuda.get_allocator() == allocate)

    def uninstall(self) -> None:
        """Have it allocate as before."""
        cupy.cuda.set_allocator(self._before)

    def random_state(self, seed: int) -> Any:
        """Return a new generator of random numbers."""
        with self.on_card():
            return cupy.random.RandomState(seed)

    def route_random(self, current: Callable[[], Any]) -> None:
        """Have CuPy draw from what `current` returns; from the generator that it had before if that is None."""
        own = getattr(cupy.random._generator, "_random_states", {}).get(self.device_id)
        if isinstance(own, DeviceRandomState):
            return
        made = [] if own is None else [own]

        def state() -> Any:
            found = current()
            if found is not None:
                return found
            if not made:
                made.append(cupy.random.RandomState())
            return made[0]

        with self.on_card():
            cupy.random.set_random_state(DeviceRandomState(state))

    def green_streams(self, sm_counts: Sequence[int]) -> list[Callable[[], Stream]]:
        """Cut the card's multiprocessors into green contexts, all at once: separate cuts would overlap."""
        try:
            from cuda.core import ContextOptions, Device, SMResourceOptions

            card = Device(self.device_id)
            with self.on_card():
                card.set_current()
                groups, _ = card.resources.sm.split(SMResourceOptions(count=list(sm_counts)))
                contexts = [card.create_context(ContextOptions(resources=[group])) for group in groups]
        except ImportError as error:
            raise MissingDependency(
                "partition='green' needs cuda-core 1.0 or newer with its bindings; pip install 'cuda-core[cu13]'"
            ) from error
        except Exception as error:
            raise ExecutionError(
                f"this card cannot be cut into {list(sm_counts)} multiprocessors ({error}); on Hopper, counts are "
                "multiples of 8, and together no more than the card has"
            ) from error
        return [partial(self._green_stream, context) for context in contexts]

    def _green_stream(self, context: Any) -> Stream:
        with self.on_card():
            return cupy.cuda.Stream.from_external(context.create_stream())

    def facts(self) -> dict[str, str]:
        """Return name and PCI bus id of the card, and versions of driver, runtime and CuPy."""
        properties = cuda.getDeviceProperties(self.device_id)
        return {
            "name": properties["name"].decode(),
            "pci_bus_id": cupy.cuda.Device(self.device_id).pci_bus_id,
            "driver": str(cuda.driverGetVersion()),
            "cuda": str(cuda.runtimeGetVersion()),
            "cupy": cupy.__version__,
        }


def all_cards() -> list[dict[str, Any]]:
    """Return what CUDA says of each card that the process sees. Raises ExecutionError if it says nothing."""
    try:
        return [_card(number) for number in range(cuda.getDeviceCount())]
    except cuda.CUDARuntimeError as error:
        raise ExecutionError(f"CUDA knows no GPU here ({error})") from error


def _card(number: int) -> dict[str, Any]:
    properties = cuda.getDeviceProperties(number)
    digits = bytes(properties["uuid"])[:_UUID_BYTES].hex().ljust(2 * _UUID_BYTES, "0")  # CuPy ends it at a byte of 0
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
    return {
        "name": properties["name"].decode(),
        "memory_bytes": int(properties["totalGlobalMem"]),
        "multiprocessors": int(properties["multiProcessorCount"]),
        "pci_bus_id": cupy.cuda.Device(number).pci_bus_id,
        "uuid": f"GPU-{'-'.join(parts)}",
    }
