"""CuPy storage: the memory of logical GPUs is cut from a real card, and kernels run there.

Each GPU has a slab of the card, taken when it opens and carved by its ledger alone; CPUs live in host memory as on
NumPy storage. What is asked of a GPU returns when it is launched. Copies between two GPUs of one card are one copy of
bytes, on the stream of the receiving device; all others go through pinned host memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from simgpu.graph import Constant, TensorSpec
from simgpu.kernels import Attributes, OperationRule
from simgpu.storage.card_copies import CardCopies
from simgpu.storage.card_devices import CardDevices
from simgpu.storage.card_limits import (
    RESERVE_BYTES,
    SCRATCH_BYTES,
    Partition,
    checked_partition,
    checked_size,
)
from simgpu.storage.card_memory import CardMemory
from simgpu.storage.cupy_region import CupyRegion, Lease, Place, ReadOnly
from simgpu.storage.driver import Driver, Event
from simgpu.storage.guards import Guards, Raw
from simgpu.storage.layout import viewed
from simgpu.storage.storage import Moments, Show

_DRAWN = frozenset({"RandomUniform", "RandomNormal", "RandomUniformInt"})


class Launching:
    """Calls functions that launch what they have to do. Nothing has to be silenced: a GPU does not warn."""

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function."""
        return function(*arguments)

    call = run


class CupyStorage(CardDevices):
    """Storage on a card, computed by CuPy.

    `scratch_bytes` is what kernels of one device have beside their operands; `reserve_bytes` is left free when devices
    open and when they grow, for what comes outside of their limits later: where that is more, a ReserveWarning says so.
    `raw` says what becomes of CuPy's own allocations outside of any device: `refuse` or `allow`. `poison` fills memory
    with NaN when it is granted, and when arrays and runs give it back, to find what reads memory that it has not
    written, or has no more.

    With `partition="green"`, the card is cut into one group of multiprocessors for each number in `sm_counts`, and a
    device that opens computes on the first group that no open device has (green contexts, through cuda-core). They
    still share the memory's bandwidth, the L2 cache and the copy engines, and libraries choose their kernels as for the
    whole card: that is no smaller card.
    """

    name = "cupy"
    is_asynchronous = True

    def __init__(
        self,
        driver: Driver,
        *,
        scratch_bytes: int = SCRATCH_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        raw: Raw = "refuse",
        poison: bool = False,
        partition: Partition = "none",
        sm_counts: Sequence[int] = (),
    ) -> None:
        super().__init__(
            driver,
            Guards(driver, raw),
            CardMemory(
                driver, checked_size("scratch_bytes", scratch_bytes), checked_size("reserve_bytes", reserve_bytes)
            ),
            groups=driver.green_streams(sm_counts) if checked_partition(partition, sm_counts) == "green" else (),
            poison=poison,
        )
        self.quiet = Launching()
        self._copies = CardCopies(driver)

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return a function of CuPy, or for arrays of CPUs of NumPy, that takes its output as the last argument."""
        on_host = self._host.function(name)
        assert on_host is not None, "NumPy storage computes"
        host_quiet, driver = self._host.quiet, self.driver

        def launch(*arguments: Any) -> None:
            output = arguments[-1]
            if isinstance(output, np.ndarray):
                host_quiet.call(on_host, *arguments)
                return
            region = self.region_of(output)
            region.order([it for it in arguments[:-1] if driver.is_array(it)], (output,))
            with region.inside():
                driver.run_function(name, *arguments)

        return launch

    def enter_thread(self) -> None:
        """Prepare a thread of the library's own that will compute or launch."""
        self._host.enter_thread()
        self.driver.enter_thread()

    def between_ps(self, earlier: Event, later: Event) -> int:
        """Return the time between two marks of one card, once it has finished."""
        if isinstance(earlier, int):
            return self._host.between_ps(earlier, later)
        return self.driver.elapsed_ps(earlier, later)

    def compute(
        self, rule: OperationRule, inputs: Sequence[Any], outputs: Sequence[Any], attributes: Attributes
    ) -> None:
        """Launch an operation on the device whose memory holds its outputs; the host computes what a CPU's holds."""
        if all(isinstance(output, np.ndarray) for output in outputs):
            self._host.compute(rule, [self._on_host(it) for it in inputs], outputs, attributes)
            return
        region = self.region_of(next(it for it in outputs if not isinstance(it, np.ndarray)))
        if _is_made_on_host(rule, attributes):
            for output in outputs:
                values = np.empty(output.shape, output.dtype)
                self._host.compute(rule, inputs, (values,), attributes)
                self._copies.upload(region, output, values)
            return
        region.order([it for it in inputs if self.driver.is_array(it)], outputs)
        with region.inside():
            self.driver.run(rule.compute, [self._on_card(it) for it in inputs], outputs, attributes)

    def compute_dynamic(
        self, rule: OperationRule, inputs: Sequence[Any], attributes: Attributes
    ) -> list[tuple[TensorSpec, Any]]:
        """Run an operation whose shapes follow from values, and wait for it. Its results lie in scratch memory."""
        on_card = [it for it in inputs if self.driver.is_array(it)]
        if not on_card:
            return self._host.compute_dynamic(rule, inputs, attributes)
        assert rule.compute_dynamic is not None, f"the shapes of {rule.name} are known beforehand"
        region = self.region_of(on_card[0])
        region.order(on_card, ())
        with region.inside():
            made = self.driver.run(rule.compute_dynamic, [self._on_card(it) for it in inputs], attributes)
        return [(TensorSpec(value.shape, value.dtype.name), value) for value in made]

    def write(self, target: Any, value: Any) -> Moments | None:
        """Copy a value of the caller, or one in scratch memory, into an array."""
        if isinstance(target, np.ndarray):
            self._host.write(target, self._on_host(value))
            return None
        region = self.region_of(target)
        if self.driver.is_array(value):
            region.order((), (target,))
            with region.inside():
                self.driver.run_function("copyto", target, value)
            return None
        return self._copies.upload(region, target, np.asarray(value))

    def copy(self, source: Any, target: Any) -> Moments | None:
        """Copy an array into another of the same shape and dtype. Between two GPUs, this launches the copy."""
        if isinstance(target, np.ndarray):
            self._host.copy(self._on_host(source), target)
            return None
        if isinstance(source, np.ndarray):
            return self._copies.upload(self.region_of(target), target, source)
        giver, taker = self.region_of(source), self.region_of(target)
        if giver is not taker:
            return self._copies.between(giver, taker, source, target)
        self._copies.within(taker, source, target)
        return None

    def read(self, source: Any) -> Any:
        """Return a copy that belongs to the caller; wait for what makes the values."""
        if isinstance(source, np.ndarray):
            return self._host.read(source)
        return self._copies.download(self.region_of(source), source)

    def view(self, source: Any, show: Show) -> tuple[Any, TensorSpec]:
        """Return what `show` makes of an array, without touching its elements."""
        if isinstance(source, np.ndarray):
            return self._host.view(source, show)
        was_writable = self.is_writable(source)
        ptr, shown = viewed(source.data.ptr, source.shape, source.dtype, source.strides, show, is_writable=was_writable)
        memory = source.data.mem
        if was_writable and not shown.flags.writeable:
            place = self._place_of(source)
            memory = self.driver.adopt(place.slab, ReadOnly(place.region, place.slab))
        made = self.driver.array(memory, ptr, shown.shape, shown.dtype, shown.strides)
        return made, TensorSpec(shown.shape, shown.dtype.name)

    def is_writable(self, array: Any) -> bool:
        """Tell what NumPy would: broadcast views are read-only, and so are views of them."""
        if isinstance(array, np.ndarray):
            return self._host.is_writable(array)
        return not isinstance(self.driver.owner_of(array), ReadOnly)

    def export(self, array: Any, holder: object, stream: Any, *, copy: bool) -> Any:
        """Return a DLPack capsule over an array, which keeps `holder` alive; over a copy in scratch if asked.

        `stream` is the consumer's, as the array API standard has it: it waits for what is under way.
        """
        place = self._place_of(array)
        region = place.region
        memory = self.driver.adopt(place.slab, Lease(region, place.slab, holder))
        lent = self.driver.array(memory, array.data.ptr, array.shape, array.dtype, array.strides)
        region.order((array,), ())
        with region.inside():
            return (lent.copy() if copy else lent).__dlpack__(stream=stream)

    def is_launched(self, *arrays: Any) -> bool:
        """Tell whether work on these arrays is launched, and done later."""
        return bool(arrays) and not any(isinstance(array, np.ndarray) for array in arrays)

    def region_of(self, array: Any) -> CupyRegion:
        """Return the region that an array lies in."""
        return self._place_of(array).region

    def _place_of(self, array: Any) -> Place:
        place = self.driver.owner_of(array)
        assert isinstance(place, Place), "arrays of the library lie in regions"
        return place

    def _on_host(self, value: Any) -> Any:
        return self.read(value) if self.driver.is_array(value) else value

    def _on_card(self, value: Any) -> Any:
        """Return an input for a kernel: an array in host memory becomes one in scratch memory."""
        return self.driver.run_function("asarray", value) if isinstance(value, np.ndarray) else value


def _is_made_on_host(rule: OperationRule, attributes: Attributes) -> bool:
    """Tell whether NumPy makes the values on every storage: what is random, and what the caller gives."""
    return rule.name in _DRAWN or (rule.name == "Variable" and not isinstance(attributes["initializer"], Constant))
