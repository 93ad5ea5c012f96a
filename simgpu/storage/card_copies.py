"""Copies of CuPy storage: into a device's memory, out of it, within it, and between two devices of a card.

Each is launched behind everything that it must not overtake, and fences what it reads and writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simgpu.storage.cupy_region import CupyRegion, span_of
from simgpu.storage.driver import Driver, Event, Stream
from simgpu.storage.storage import Moments

Launch = Callable[[Stream], None]


class CardCopies:
    """Copies arrays of regions of one card."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def upload(self, region: CupyRegion, target: Any, values: np.ndarray[Any, Any]) -> Moments | None:
        """Bring values from host memory, through pinned memory that is free again when the copy has ended."""
        with np.errstate(all="ignore"):
            plain = np.ascontiguousarray(np.broadcast_to(values, target.shape), target.dtype)
        if not target.flags.c_contiguous:
            region.order((), (target,))
            with region.inside():
                self._driver.run_function("copyto", target, self._driver.run_function("asarray", plain))
            return None
        pinned = region.stage(plain)
        with region.lock:
            moments = self._ordered(region, None, target, self._of_bytes(target.data.ptr, pinned.ptr, plain.nbytes))
        region.keep(pinned, moments.end)
        return moments

    def download(self, region: CupyRegion, source: Any) -> np.ndarray[Any, Any]:
        """Return values in host memory that belong to the caller; wait for what makes them."""
        driver = self._driver
        region.order((source,), ())
        with region.inside():
            plain = source if source.flags.c_contiguous else driver.run_function("ascontiguousarray", source)
        pinned = driver.pinned(plain.nbytes)
        with region.lock:
            driver.wait(region.outbound, driver.record(region.stream))
            done = self._end_of(self._of_bytes(pinned.ptr, plain.data.ptr, plain.nbytes), region.outbound)
            region.fences.put_up(span_of(plain), done, is_write=False)
        driver.wait_on_host(done)
        return np.array(pinned.array[: plain.nbytes].view(plain.dtype).reshape(plain.shape))

    def within(self, region: CupyRegion, source: Any, target: Any) -> None:
        """Copy an array on the device's own stream."""
        region.order((source,), (target,))
        if _are_plain(source, target):
            self._driver.copy_bytes(target.data.ptr, source.data.ptr, source.nbytes, region.stream)
        else:
            with region.inside():
                self._driver.run_function("copyto", target, source)

    def between(self, giver: CupyRegion, taker: CupyRegion, source: Any, target: Any) -> Moments:
        """Launch a copy between two devices on the inbound stream of the one that takes."""
        launch = self._of_elements(source, target)
        if _are_plain(source, target):
            launch = self._of_bytes(target.data.ptr, source.data.ptr, source.nbytes)
        first, second = sorted((giver, taker), key=id)  # the order in which everyone locks two
        with first.lock, second.lock:
            return self._ordered(taker, (giver, source), target, launch)

    def _of_bytes(self, target_ptr: int, source_ptr: int, size_bytes: int) -> Launch:
        return lambda stream: self._driver.copy_bytes(target_ptr, source_ptr, size_bytes, stream)

    def _of_elements(self, source: Any, target: Any) -> Launch:
        def launch(stream: Stream) -> None:
            with self._driver.using(stream):
                self._driver.run_function("copyto", target, source)

        return launch

    def _end_of(self, launch: Launch, stream: Stream, *, is_timed: bool = False) -> Event:
        """Launch a copy and return its end. Where there is none, wait: nobody else would for what may be under way."""
        try:
            launch(stream)
            return self._driver.record(stream, is_timed=is_timed)
        except BaseException:
            self._driver.finish(stream)
            raise

    def _ordered(
        self, taker: CupyRegion, origin: tuple[CupyRegion, Any] | None, target: Any, launch: Launch
    ) -> Moments:
        """Launch a copy behind everything that it must not overtake, and fence what it reads and writes."""
        driver, stream, span = self._driver, taker.inbound, span_of(target)
        waits = [driver.record(taker.stream), *taker.fences.before(span, is_write=True)]
        if origin is not None:
            giver, source = origin
            waits += [driver.record(giver.stream), *giver.fences.before(span_of(source), is_write=False)]
        for event in waits:
            driver.wait(stream, event)
        start = driver.record(stream, is_timed=True)
        end = self._end_of(launch, stream, is_timed=True)
        taker.fences.put_up(span, end, is_write=True)
        if origin is not None:
            giver.fences.put_up(span_of(source), end, is_write=False)
        return Moments(start, end)


def _are_plain(source: Any, target: Any) -> bool:
    """Tell whether both lie in one piece and in order, so that a copy of bytes will do."""
    return bool(source.flags.c_contiguous and target.flags.c_contiguous)
